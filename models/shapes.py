"""What an architecture comes to in numbers: its weights' shapes, a text's state, how its symbols are laid out.

Plain arithmetic that the torch side, the ONNX side and whoever runs a graph share.
"""

from collections.abc import Mapping
from typing import Any

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Sums that a cell takes for each of its units."""
MOST_LAYERS = 64
LANE = 32
"""Symbols to a lane: a draw finds the lane first, then the symbol in it, and so sums W / 32 + 32 numbers, not W."""
FORBIDDEN = -1e9
"""Added to the logit of what may not be drawn; finite, so that a row without any choice is a row of equals, not of
NaN."""
LEAST = 1e-20
"""What has a smaller probability is not drawn: it may be forbidden."""


def width(symbols: int) -> int:
    """W: *symbols* rounded up to whole lanes."""
    return -(-symbols // LANE) * LANE


def head_width(size: int) -> int:
    """D: units of a query, a key or a value of attention."""
    return max(1, size // 8)


def state_widths(architecture: Mapping[str, Any]) -> list[int]:
    """Floats in each part of a text's state: hidden states by layer, an LSTM's cells, attention's memory."""
    parts = 2 if architecture["cell"] == "lstm" else 1
    window, size = int(architecture.get("attention", 0)), int(architecture["size"])
    head = window * head_width(size)
    return [size] * (parts * int(architecture["layers"])) + ([head, head, window] if window else [])


def weight_shapes(architecture: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight; ValueError, KeyError or TypeError for what is no architecture."""
    v, layers, h, e = (int(architecture[name]) for name in ("symbols", "layers", "size", "embedding"))
    window = int(architecture.get("attention", 0))
    if min(v, layers, h, e) < 1 or layers > MOST_LAYERS or window < 0:
        raise ValueError("an architecture of impossible size")
    gates = GATES[architecture["cell"]] * h
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (v, e), "bias": (v,)}
    shapes |= {"project.weight": (e, h), "project.bias": (e,)}
    for i in range(layers):
        shapes |= {f"layers.{i}.weight_ih_l0": (gates, h if i else e), f"layers.{i}.weight_hh_l0": (gates, h)}
        shapes |= {f"layers.{i}.bias_{side}_l0": (gates,) for side in ("ih", "hh")}
    if window:
        d = head_width(h)
        shapes |= {"attention.ask.weight": (3 * d, h), "attention.ask.bias": (3 * d,)}
        shapes |= {"attention.answer.weight": (h, d), "attention.answer.bias": (h,), "attention.distance": (window,)}
    return shapes

"""Shapes of a network: of its weights, of its state, and of its row of symbols.

Plain arithmetic, shared by the modules that use torch, those that build ONNX graphs and those that run them.
"""

from collections.abc import Mapping
from typing import Any

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Gates of a cell: matrix products for each of its units."""
MOST_LAYERS = 64
LANE = 32
"""Symbols in a lane. Sampling finds the lane first, then the symbol in it: it sums W / 32 + 32 numbers instead of W."""
FORBIDDEN = -1e9
"""Added to the logit of a symbol that may not be sampled. Finite: where all symbols are forbidden, the softmax is
uniform and not NaN."""
LEAST = 1e-20
"""A symbol with a smaller probability is not sampled, because it may be forbidden."""


def width(symbols: int) -> int:
    """W, the number of *symbols* rounded up to whole lanes."""
    return -(-symbols // LANE) * LANE


def head_width(size: int) -> int:
    """D, the units of attention's query, key and value, for a layer of *size* units."""
    return max(1, size // 8)


def state_widths(architecture: Mapping[str, Any]) -> list[int]:
    """Floats in each part of a text's state: hidden state by layer, cell state by layer (LSTM)."""
    parts = 2 if architecture["cell"] == "lstm" else 1
    return [int(architecture["size"])] * (parts * int(architecture["layers"]))


def weight_shapes(architecture: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight. Raises ValueError, KeyError or TypeError if this is no architecture."""
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

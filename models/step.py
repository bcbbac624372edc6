"""One step of a network in ONNX Runtime: buffers bound once, then run again and again.

Opens what `export` builds. Knows neither text nor files.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.export import FORBIDDEN
from models.kernels import exact_options

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

PROBE = 24
"""Symbols that a fingerprint reads."""
ABSOLUTE, RELATIVE = 0.05, 0.01
"""How far a fingerprint may be off: other processors round otherwise, wrong kernels are off by whole nats."""


class OldGraph(ValueError):
    """The graph was written by an older release, for a step of other inputs and outputs."""


class Step:
    """Rows 0 … n-1 of a few arrays, one row a text, advanced together by `run(n)`.

    Write `ids`, `state`, `heat`, `rule`, `luck` and `nucleus`; read `logprobs`, `odds`, `after`, `drawn`, `told` and
    `fits`; `turn` makes the new state the state. All arrays have *rows* rows; which n of them a run covers changes
    nothing in a row's result.
    """

    def __init__(self, model: bytes, *, rules: Floats, rows: int = 1, threads: int = 1) -> None:
        self._session = ort.InferenceSession(model, exact_options(threads), providers=["CPUExecutionProvider"])
        widths = {port.name: port.shape[-1] for port in [*self._session.get_inputs(), *self._session.get_outputs()]}
        if not {"state0", "luck", "drawn"} <= set(widths):
            raise OldGraph("the graph is one of an older release")
        if rules.shape[1] != widths["rules"]:
            raise ValueError(f"rules for {rules.shape[1]} symbols, but the graph has {widths['rules']}")
        self.rows, self.width = rows, int(widths["logprobs"])
        parts = [int(widths[f"state{i}"]) for i in range(sum(name.startswith("state") for name in widths))]
        self.ids: Ids = np.zeros(rows, np.int64)
        self.state = [np.zeros((rows, part), np.float32) for part in parts]
        self.after = [np.zeros_like(part) for part in self.state]
        self.heat: Floats = np.ones((rows, 1), np.float32)
        self.rule: Ids = np.zeros(rows, np.int64)
        self.luck: Floats = np.zeros((rows, 1), np.float32)
        self.nucleus: Floats = np.ones((rows, 1), np.float32)
        self.logprobs: Floats = np.zeros((rows, self.width), np.float32)
        self.odds: Floats = np.zeros((rows, self.width), np.float32)
        self.drawn: Ids = np.zeros((rows, 1), np.int64)
        self.told: Floats = np.zeros((rows, 1), np.float32)
        self.fits: NDArray[np.bool_] = np.zeros((rows, 1), np.bool_)
        self._rules = np.ascontiguousarray(rules, np.float32)
        self._turned = False
        self._bindings: dict[tuple[int, bool], Any] = {}

    def run(self, n: int) -> None:
        """Advance rows 0 … n-1. Raises what ONNX Runtime raises."""
        key = (n, self._turned)
        binding = self._bindings.get(key)
        if binding is None:
            binding = self._bindings[key] = self._bind(n)
        self._session.run_with_iobinding(binding)

    def turn(self) -> None:
        """What was `after` is `state` now."""
        self.state, self.after = self.after, self.state
        self._turned = not self._turned

    def silence(self) -> None:
        """Forget what all rows have read."""
        for part in self.state:
            part[:] = 0

    def _bind(self, n: int) -> Any:
        binding = self._session.io_binding()
        inputs: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _INPUTS}
        outputs: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _OUTPUTS}
        inputs |= {f"state{i}": part for i, part in enumerate(self.state)}
        outputs |= {f"after{i}": part for i, part in enumerate(self.after)}
        binding.bind_input("rules", "cpu", 0, np.float32, self._rules.shape, self._rules.ctypes.data)
        for side, bind in ((inputs, binding.bind_input), (outputs, binding.bind_output)):
            for name, array in side.items():
                bind(name, "cpu", 0, array.dtype.type, (n, *array.shape[1:]), array.ctypes.data)
        return binding


_INPUTS = ("ids", "heat", "rule", "luck", "nucleus")
_OUTPUTS = ("logprobs", "odds", "drawn", "told", "fits")


def free(symbols: int, width: int) -> Floats:
    """One rule that forbids nothing but the surplus: (1, W)."""
    rules = np.full((1, width), FORBIDDEN, np.float32)
    rules[0, :symbols] = 0
    return rules


def read_along(step: Step, ids: Sequence[int]) -> Floats:
    """Let row 0 read *ids* from silence; the log-probabilities after each of them: (T, W)."""
    step.silence()
    rows = []
    for symbol in ids:
        step.ids[0] = symbol
        step.run(1)
        rows.append(step.logprobs[0].copy())
        step.turn()
    return np.array(rows)


def fingerprint(step: Step, symbols: int) -> list[float]:
    """What a network says to a fixed text: the log-probability of each next symbol, and the last 16 outlooks."""
    ids = [i * 7919 % symbols for i in range(PROBE + 1)]
    outlook = read_along(step, ids[:-1])
    told = [float(row[i]) for row, i in zip(outlook, ids[1:], strict=True)]
    return [round(x, 4) for x in told + outlook[-1, : min(16, symbols)].tolist()]


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Are two fingerprints the same but for rounding? NaN is like nothing."""
    if len(one) != len(other) or not one:
        return False
    a, b = np.array(one), np.array(other)
    return bool((np.abs(a - b) <= ABSOLUTE + RELATIVE * np.abs(b)).all())

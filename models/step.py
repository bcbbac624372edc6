"""One step of a network in ONNX Runtime: buffers bound once, then run again and again.

Opens what `export` builds. Knows neither text nor files.

Which of ONNX Runtime's kernels this processor can be trusted with.

The fast product of uint8 and int8 adds pairs in 16 bits where the processor has no VNNI,
and saturates; the exact one takes 2.4 times as long where it has. So we ask it.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.shapes import FORBIDDEN

LOUDEST = np.full((8, 64), 255, np.uint8), np.full((64, 16), 127, np.int8)
"""Factors whose sums no 16 bits can hold."""
PRODUCT = Path(__file__).with_name("product.onnx")
"""A graph that multiplies by the second of them: `graph.product` of it, kept so that who only runs graphs does without
what builds them, six megabytes of memory."""
EXACT = "session.x64quantprecision"
"""ONNX Runtime's option for the exact kernel."""


@cache
def sums_are_exact() -> bool:
    """Does the fast kernel add up right?"""
    x, weight = LOUDEST
    session = ort.InferenceSession(PRODUCT.read_bytes(), options(1), providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"x": x})
    return bool((sums == x.astype(np.int32) @ weight.astype(np.int32)).all())


def options(threads: int) -> ort.SessionOptions:
    """A session on so many threads, which sleep while there is nothing to do.

    Without an arena of its own: the C library is as quick, and what a replaced version leaves can be returned.
    """
    chosen = ort.SessionOptions()
    chosen.enable_cpu_mem_arena = False
    chosen.intra_op_num_threads, chosen.inter_op_num_threads = threads, 1
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def exact_options(threads: int) -> ort.SessionOptions:
    """The same, with kernels whose sums are exact on this processor."""
    chosen = options(threads)
    if not sums_are_exact():
        chosen.add_session_config_entry(EXACT, "1")
    return chosen


Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

EXACT_ROWS = 8
"""Rows up to which exactly so many are run; beyond, multiples of it."""
PROBE = 24
"""Symbols that a fingerprint reads."""
ABSOLUTE, RELATIVE = 0.05, 0.01
"""Nats, and share, by which a fingerprint may be off: other processors round otherwise, wrong kernels are off by whole
nats."""


class OldGraph(ValueError):
    """The graph was written by an older release, for a step of other inputs and outputs."""


class Step:
    """Rows 0 … n-1 of a few arrays, one row a text, advanced together by `run(n)`.

    Write the inputs, `run`, read the outputs; `swap_state` makes the new state the state. Every array has R = *rows*
    rows; which n of them a run covers changes nothing in a row's result. `models.export` says what each one means.
    """

    def __init__(self, model: bytes, *, rules: Floats, rows: int = 1, threads: int = 1) -> None:
        """*rules*: (rules, W), the last input, the same at every step."""
        self._session = ort.InferenceSession(model, exact_options(threads), providers=["CPUExecutionProvider"])
        widths = {port.name: port.shape[-1] for port in [*self._session.get_inputs(), *self._session.get_outputs()]}
        if not {"state0", "uniform", "drawn"} <= set(widths):
            raise OldGraph("the graph is one of an older release")
        if rules.shape[1] != widths["rules"]:
            raise ValueError(f"rules for {rules.shape[1]} symbols, but the graph has {widths['rules']}")
        self.rows = rows
        self.width = int(widths["logprobs"])  # W
        parts = [int(widths[f"state{i}"]) for i in range(sum(name.startswith("state") for name in widths))]
        self.rewards = "reward" in widths
        """Does the network know what readers prefer?"""
        # Inputs.
        self.ids: Ids = np.zeros(rows, np.int64)
        self.state = [np.zeros((rows, part), np.float32) for part in parts]  # (R, S) each
        self.inverse_temperature: Floats = np.ones((rows, 1), np.float32)
        self.rule: Ids = np.zeros(rows, np.int64)
        self.uniform: Floats = np.zeros((rows, 1), np.float32)
        self.nucleus: Floats = np.ones((rows, 1), np.float32)
        self._rules = np.ascontiguousarray(rules, np.float32)
        # Outputs.
        self.logprobs: Floats = np.zeros((rows, self.width), np.float32)
        self.probabilities: Floats = np.zeros((rows, self.width), np.float32)
        self.after = [np.zeros_like(part) for part in self.state]  # (R, S) each
        self.drawn: Ids = np.zeros((rows, 1), np.int64)
        self.drawn_logprob: Floats = np.zeros((rows, 1), np.float32)
        self.in_nucleus: NDArray[np.bool_] = np.zeros((rows, 1), np.bool_)
        self.reward: Floats = np.zeros((rows, 1), np.float32)
        # A binding holds addresses, and `swap_state` exchanges two sets of them: one for each n and each side.
        self._swapped = False
        self._bindings: dict[tuple[int, bool], Any] = {}

    def run(self, n: int) -> None:
        """Advance rows 0 … n-1. Raises what ONNX Runtime raises.

        A few rows more may be advanced, which is nobody's: each number of rows that has been run takes memory.
        """
        if n > EXACT_ROWS:
            n = min(self.rows, -(-n // EXACT_ROWS) * EXACT_ROWS)
        key = (n, self._swapped)
        binding = self._bindings.get(key)
        if binding is None:
            binding = self._bindings[key] = self._bind(n)
        self._session.run_with_iobinding(binding)

    def swap_state(self) -> None:
        """What was `after` is `state` now. Exchanged, not copied: the states are the most of what a step writes."""
        self.state, self.after = self.after, self.state
        self._swapped = not self._swapped

    def reset(self) -> None:
        """Forget what all rows have read."""
        for part in self.state:
            part[:] = 0

    def _bind(self, n: int) -> Any:
        """The addresses of all arrays' first n rows, as ONNX Runtime takes them."""
        inputs: dict[str, NDArray[Any]] = {
            "ids": self.ids,
            "inverse_temperature": self.inverse_temperature,
            "rule": self.rule,
            "uniform": self.uniform,
            "nucleus": self.nucleus,
            **{f"state{i}": part for i, part in enumerate(self.state)},
        }
        outputs: dict[str, NDArray[Any]] = {
            "logprobs": self.logprobs,
            "probabilities": self.probabilities,
            "drawn": self.drawn,
            "drawn_logprob": self.drawn_logprob,
            "in_nucleus": self.in_nucleus,
            **{f"after{i}": part for i, part in enumerate(self.after)},
        }
        if self.rewards:
            outputs["reward"] = self.reward
        binding = self._session.io_binding()
        for arrays, bind in ((inputs, binding.bind_input), (outputs, binding.bind_output)):
            for name, array in arrays.items():
                bind(name, "cpu", 0, array.dtype.type, (n, *array.shape[1:]), array.ctypes.data)
        binding.bind_input("rules", "cpu", 0, np.float32, self._rules.shape, self._rules.ctypes.data)
        return binding


def unrestricted(symbols: int, width: int) -> Floats:
    """One rule that forbids nothing but the padding: (1, W)."""
    rules = np.full((1, width), FORBIDDEN, np.float32)
    rules[0, :symbols] = 0
    return rules


def read_along(step: Step, ids: Sequence[int]) -> Floats:
    """Let row 0 read *ids* from zero state; the log-probabilities of what comes after each of them: (T, W)."""
    step.reset()
    rows = []
    for symbol in ids:
        step.ids[0] = symbol
        step.run(1)
        rows.append(step.logprobs[0].copy())
        step.swap_state()
    return np.array(rows)


def fingerprint(step: Step, symbols: int) -> list[float]:
    """What a network says to a fixed text, in nats: each next symbol's log-probability, and 16 of the last step's."""
    ids = [i * 7919 % symbols for i in range(PROBE + 1)]
    logprobs = read_along(step, ids[:-1])  # (T, W)
    each = [float(row[i]) for row, i in zip(logprobs, ids[1:], strict=True)]
    return [round(x, 4) for x in each + logprobs[-1, : min(16, symbols)].tolist()]


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Are two fingerprints the same but for rounding? NaN is like nothing."""
    if len(one) != len(other) or not one:
        return False
    a, b = np.array(one), np.array(other)
    return bool((np.abs(a - b) <= ABSOLUTE + RELATIVE * np.abs(b)).all())

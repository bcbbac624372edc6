"""One step of a network in ONNX Runtime: the buffers are bound once and used by every run.

It runs the graph that `models/export.py` builds. It knows neither text nor files.

It also selects the kernel for products of uint8 and int8. The fast kernel adds pairs in 16 bits and saturates on a
processor without the VNNI instructions. The exact kernel takes 2.4 times as long on a processor that has them. So
`sums_are_exact` tests the fast kernel on this processor.
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
"""Two factors whose sums overflow 16 bits: (8, 64) and (64, 16)."""
PRODUCT = Path(__file__).with_name("product.onnx")
"""A graph that multiplies by the second factor, written by `models.graph.product`. It is a file, because importing
`onnx` to build it would cost each process six megabytes of memory."""
EXACT = "session.x64quantprecision"
"""ONNX Runtime's option that selects the exact kernel."""


@cache
def sums_are_exact() -> bool:
    """Does the fast kernel compute exact sums on this processor? Tested once per process."""
    x, weight = LOUDEST
    session = ort.InferenceSession(PRODUCT.read_bytes(), options(1), providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"x": x})
    return bool((sums == x.astype(np.int32) @ weight.astype(np.int32)).all())


def options(threads: int) -> ort.SessionOptions:
    """Options of a session with that many *threads*, which sleep while they wait instead of spinning.

    The session has no memory arena: the C library's malloc is as fast, and the memory of a replaced version can be
    returned to the system.
    """
    chosen = ort.SessionOptions()
    chosen.enable_cpu_mem_arena = False
    chosen.intra_op_num_threads, chosen.inter_op_num_threads = threads, 1
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def exact_options(threads: int) -> ort.SessionOptions:
    """The same options, with the kernel whose sums are exact on this processor."""
    chosen = options(threads)
    if not sums_are_exact():
        chosen.add_session_config_entry(EXACT, "1")
    return chosen


Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

EXACT_ROWS = 8
"""Up to this number of rows, exactly those rows are run; above it, the number is rounded up to a multiple of it."""
CHUNK = 64
"""Rows that are run at once: more would not fit into a core's cache, and each row would take a fifth longer."""
PROBE = 24
"""Symbols that the network reads for its fingerprint."""
ABSOLUTE, RELATIVE = 0.05, 0.01
"""Tolerance of a fingerprint, in nats and as a share. Another processor rounds differently; a wrong kernel is off by
whole nats."""


class OldGraph(ValueError):
    """The graph was written by an older release and has other inputs and outputs."""


class Step:
    """The input and output arrays of one step, with one row for each text; `run(n)` advances the first n rows.

    To use it: write the inputs, call `run`, read the outputs, call `swap_state`, or `copy_state` if not all rows in use
    were run. Every array has R = *rows* rows; the result of a row does not depend on n. `models/export.py` explains
    each array.
    """

    def __init__(self, model: bytes, *, rules: Floats, rows: int = 1, threads: int = 1) -> None:
        """*model*: the bytes of the ONNX file; *rules*: (number of rules, W), the same at every step.

        Raises OldGraph, ValueError for rules of another width, and what ONNX Runtime raises.
        """
        self._session = ort.InferenceSession(model, exact_options(threads), providers=["CPUExecutionProvider"])
        # It would keep the bytes, some seven megabytes, to open itself again with another provider. There is only one.
        self._session._model_bytes = None  # noqa: SLF001
        widths = {port.name: port.shape[-1] for port in [*self._session.get_inputs(), *self._session.get_outputs()]}
        if not {"state0", "uniform", "drawn"} <= set(widths):
            raise OldGraph("the graph is one of an older release")
        if rules.shape[1] != widths["rules"]:
            raise ValueError(f"rules for {rules.shape[1]} symbols, but the graph has {widths['rules']}")
        self.rows = rows
        self.width = int(widths["logprobs"])  # W
        parts = [int(widths[f"state{i}"]) for i in range(sum(name.startswith("state") for name in widths))]
        self.rewards = "reward" in widths
        """Does the graph have the output `reward`?"""
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
        # A binding holds the addresses of the arrays, and `swap_state` exchanges two sets of arrays. So there is one
        # binding for each chunk and each of the two sides.
        self._swapped = False
        self._bindings: dict[tuple[int, int, bool], Any] = {}

    def run(self, n: int) -> None:
        """Advance rows 0 … n-1 by one symbol. Raises what ONNX Runtime raises.

        Some rows after them may be advanced too: ONNX Runtime keeps memory for each number of rows that it has run, so
        large numbers are rounded up.
        """
        if n > EXACT_ROWS:
            n = min(self.rows, -(-n // EXACT_ROWS) * EXACT_ROWS)
        start = 0
        while n - start >= CHUNK * 3 // 2:  # the last chunk is neither small nor large: a few rows cost nearly as much
            self._run(start, start + CHUNK)
            start += CHUNK
        self._run(start, n)

    def _run(self, start: int, stop: int) -> None:
        """Advance rows *start* … *stop* - 1."""
        key = (start, stop, self._swapped)
        binding = self._bindings.get(key)
        if binding is None:
            binding = self._bindings[key] = self._bind(start, stop)
        self._session.run_with_iobinding(binding)

    def swap_state(self) -> None:
        """Make `after` the new `state`. Exchanged, not copied: the state is most of what a step writes."""
        self.state, self.after = self.after, self.state
        self._swapped = not self._swapped

    def copy_state(self, n: int) -> None:
        """Make `after` the new `state` of rows 0 … n-1 alone: the others have not been advanced."""
        for part, after in zip(self.state, self.after, strict=True):
            part[:n] = after[:n]

    def reset(self, n: int) -> None:
        """Set the state of rows 0 … n-1 to zero."""
        for part in self.state:
            part[:n] = 0

    def _bind(self, start: int, stop: int) -> Any:
        """Bind rows *start* … *stop* - 1 of all arrays; returns ONNX Runtime's binding."""
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
                part = array[start:stop]
                bind(name, "cpu", 0, array.dtype.type, part.shape, part.ctypes.data)
        binding.bind_input("rules", "cpu", 0, np.float32, self._rules.shape, self._rules.ctypes.data)
        return binding


def unrestricted(symbols: int, width: int) -> Floats:
    """A table with one rule, which allows every symbol and forbids the padding: (1, W)."""
    rules = np.full((1, width), FORBIDDEN, np.float32)
    rules[0, :symbols] = 0
    return rules


def read_along(step: Step, ids: Sequence[int]) -> Floats:
    """Have row 0 read the T *ids* from zero state; returns the log-probabilities after each of them: (T, W), nats."""
    step.reset(1)
    rows = []
    for symbol in ids:
        step.ids[0] = symbol
        step.run(1)
        rows.append(step.logprobs[0].copy())
        step.swap_state()
    return np.array(rows)


def fingerprint(step: Step, symbols: int) -> list[float]:
    """Log-probabilities that a network gives to a fixed text, in nats: a test that it computes what it should.

    One for each of the `PROBE` next symbols, then those of the first 16 symbols after the last step.
    """
    ids = [i * 7919 % symbols for i in range(PROBE + 1)]
    logprobs = read_along(step, ids[:-1])  # (T, W)
    each = [float(row[i]) for row, i in zip(logprobs, ids[1:], strict=True)]
    return [round(x, 4) for x in each + logprobs[-1, : min(16, symbols)].tolist()]


def alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Are two fingerprints equal within the tolerance? False with NaN, for empty ones and for different lengths."""
    if len(one) != len(other) or not one:
        return False
    a, b = np.array(one), np.array(other)
    return bool((np.abs(a - b) <= ABSOLUTE + RELATIVE * np.abs(b)).all())

"""`bench decode`: steps a second of the engine, sampling included, beside eager PyTorch with the same weights.

A step is one symbol for each of B texts. The engine's steps are counted from outside while it writes endless poems, so
that all its work for a poem is included. Then it measures poems a CPU second, as readers get them.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from app.domain.poem import Wish
from app.domain.version import Serving
from app.engine.engine import Engine
from app.engine.poem import Done, Event, Failed
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from lab.bench import baselines, report
from models import checkpoint
from models.checkpoint import Checkpoint
from models.corpus import read_poems
from models.sample import Rules
from models.shapes import width
from models.step import Step, unrestricted
from models.taste import JudgedLine, Taste, learn
from models.vocabulary import END

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SIZES = (128, 256, 512, 1024)
"""Units of the two LSTM layers; the ancestor had 128."""
ENDLESS = 10**9
PATIENCE = 20.0
READERS = (1, 8, 64, 256)
"""Numbers of readers in a closed loop, before an engine with the site's settings."""
TASTED = 2000
"""Lines that the benchmark's taste is learned from; a short holdout is repeated."""
Measure = Callable[[float], float]
"""(seconds to measure) -> steps a second."""


@dataclass(frozen=True)
class Contest:
    """One version folder, and how it is measured."""

    version: Checkpoint
    threads: int
    seconds: float
    """Duration for each contender at each B."""

    def rates(self, rows: int, *, rounds: int = 3, without: Sequence[str] = ()) -> dict[str, float]:
        """Steps a second of all contenders at B = *rows*, measured in turns."""
        import torch  # only the baseline needs it

        from lab.bench.baselines import Cells, Whole
        from worker.trainer import network_of

        torch.set_num_threads(self.threads)
        network, temperature = network_of(self.version), self.version.meta.style.temperature
        contenders: dict[str, Measure] = {"engine": partial(self.engine, rows), "onnx_step": partial(self.bare, rows)}
        for name, spelling in (("torch_lstm", Whole), ("torch_cell", Cells)):
            contenders[name] = partial(report.rate, spelling(network, rows, temperature=temperature).step)
        chosen = {name: measure for name, measure in contenders.items() if name not in without}
        return report.in_turns(chosen, seconds=self.seconds, rounds=rounds)

    def engine(self, rows: int, seconds: float) -> float:
        """The engine's rate while *rows* poems are in progress: for *seconds*, or until its first step."""
        with _writing(self.version.folder, rows, threads=self.threads) as engine:
            done, began = _steps(engine), time.perf_counter()
            time.sleep(seconds)
            while _steps(engine) == done and engine.load()[0]:
                time.sleep(seconds)
            return (_steps(engine) - done) / (time.perf_counter() - began)

    def bare(self, rows: int, seconds: float) -> float:
        """The rate of the ONNX graph alone."""
        style, symbols = self.version.meta.style, self.version.vocabulary
        rules = Rules.of(symbols, banned=style.banned, spell=style.spell)
        step = Step(self.version.build_graph("int8"), rules=rules.forbidden, rows=rows, threads=self.threads)
        step.ids[:] = np.arange(rows) % len(symbols)
        return report.rate(partial(step.run, rows), seconds)

    def ceiling(self, rows: int, engine: float) -> dict[str, float]:
        """The machine's int8 rate for these shapes, the steps a second it allows, and the engine's share of those."""
        multiply = baselines.products(self.version.meta.architecture, rows, threads=self.threads)
        steps = report.rate(multiply, self.seconds / 3)
        operations = baselines.operations(self.version.meta.architecture)
        return {"b": rows, "int8_gops": steps * rows * operations / 1e9, "steps_per_s": steps, "share": engine / steps}


def measure(folder: Path, *, threads: int, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """All figures of the benchmark."""
    version = checkpoint.read(folder)
    contest, architecture = Contest(version, threads, seconds), version.meta.architecture
    figures: dict[str, Any] = {
        "machine": report.describe(),
        "voice": version.meta.voice,
        "layers": architecture["layers"],
        "size": architecture["size"],
        "vocab": architecture["symbols"],
        "threads": threads,
    }
    for rows in (1, 64):
        tell(f"B = {rows}")
        figures[f"b{rows}"] = _compared(contest.rates(rows))
    tell("B = 1 … 256")
    figures["curve"] = [_point(contest, rows) for rows in BATCHES]
    figures["limit"] = [contest.ceiling(rows, figures[f"b{rows}"]["engine"]) for rows in (1, 64)]
    figures["sizes"] = list(_sizes(contest, tell))
    figures["poems"] = [poems_of(version, readers, threads=threads, seconds=seconds, tell=tell) for readers in READERS]
    tell("int8 against fp32 on the holdout")
    figures["int8_bits_delta"] = bits(version, "int8") - bits(version, "fp32")
    return figures


def poems_of(
    version: Checkpoint, readers: int, *, threads: int, seconds: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Poems a CPU second for so many readers in a closed loop, with the site's candidates; with a taste and without."""
    tell(f"{readers} readers' poems")
    known = _a_taste(version).as_dict()
    return {
        "readers": readers,
        **_written(version, readers, known, threads=threads, seconds=seconds),
        "without_taste": _written(version, readers, None, threads=threads, seconds=seconds),
    }


def _written(
    version: Checkpoint, readers: int, taste: Mapping[str, Any] | None, *, threads: int, seconds: float
) -> dict[str, float]:
    settings = Settings.model_validate({"engine_threads": threads})
    policy = TastePolicy(
        newest=lambda: {"bench": 1} if taste else {},
        fetch=lambda _taste: taste or {},
        candidates=settings.candidates,
        share=settings.taste_share,
        temperature=settings.taste_temperature,
    )
    serving = Serving("bench", 0, 0, "folder", "bench")
    engine = Engine(
        champions=lambda: [serving],
        fetch=lambda _key: version.folder,
        settings=settings,
        candidates=settings.candidates,
        taste_policy=policy,
    )
    enough, done, closing = threading.Event(), 0, False

    def ask(reader: str) -> None:
        def hear(event: Event | Failed) -> None:
            nonlocal done
            if isinstance(event, Done) and not closing:
                done += 1
                ask(reader)
                if done >= readers:
                    enough.set()

        engine.submit("bench", Wish(), hear, visitor=reader)

    try:
        engine.start()
        engine.write("bench", Wish())
        spent, began = time.process_time(), time.perf_counter()
        for reader in range(readers):
            ask(str(reader))
        time.sleep(seconds)
        enough.wait(PATIENCE)
        poems, took, spent = done, time.perf_counter() - began, time.process_time() - spent
        closing = True
    finally:
        engine.close()
    return {
        "candidates": engine.metrics.candidates_per_poem,
        "poems_per_s": poems / took,
        "poems_per_cpu_s": poems / spent,
    }


def _a_taste(version: Checkpoint) -> Taste:
    """A taste for lines with the most frequent letter, learned from the holdout as if readers had ticked."""
    lines = [line for poem in read_poems(version.folder / "holdout.txt") for line in poem.split("\n")]
    letter = Counter(c for line in lines for c in line if c.isalnum()).most_common(1)[0][0]
    read = [
        JudgedLine(line, i % 5, letter in line, f"reader {i // 50}")
        for i, line in enumerate(islice(cycle(lines), TASTED))
    ]
    return learn(read)


def _compared(rates: Mapping[str, float]) -> dict[str, float]:
    """The rates, the ratio to the faster baseline, and the engine's overhead over its graph, as a share."""
    eager = max(rates["torch_lstm"], rates["torch_cell"])
    return {**rates, "ratio": rates["engine"] / eager, "overhead": rates["onnx_step"] / rates["engine"] - 1}


def _point(contest: Contest, rows: int) -> dict[str, float]:
    short = replace(contest, seconds=contest.seconds / 3)
    rates = short.rates(rows, rounds=1, without=["torch_lstm"])
    return {"b": rows, "steps_per_s": rates.pop("engine"), **rates}


def _sizes(contest: Contest, tell: Callable[[str], None]) -> Iterator[dict[str, float]]:
    """The same comparison for untrained networks of other sizes, the ancestor's among them."""
    for size in SIZES:
        tell(f"2 × {size}")
        with TemporaryDirectory(prefix="poembot-bench-") as place:
            other = replace(
                contest, version=_untrained(contest.version, size, Path(place) / "v"), seconds=contest.seconds / 2
            )
            for rows in (1, 64):
                yield {"layers": 2, "size": size, "b": rows, **_compared(other.rates(rows))}


def _untrained(like: Checkpoint, size: int, folder: Path) -> Checkpoint:
    """A version of another size with random weights, and the vocabulary and style of *like*."""
    from models.network import Architecture, CharNetwork

    architecture = Architecture(len(like.vocabulary), "lstm", 2, size, min(256, size))
    meta = replace(like.meta, architecture=architecture.as_dict(), files={}, fingerprint={})
    checkpoint.write(folder, meta, like.vocabulary, CharNetwork(architecture).arrays())
    return checkpoint.read(folder)


@contextmanager
def _writing(folder: Path, rows: int, *, threads: int) -> Iterator[Engine]:
    """An engine that is writing *rows* endless poems."""
    serving = Serving("bench", 0, 0, "folder", "bench")
    settings = Settings.model_validate({"slots": rows, "queue": rows, "engine_threads": threads})
    engine = Engine(champions=lambda: [serving], fetch=lambda _key: folder, settings=settings)
    try:
        engine.start()
        for seed in range(rows):
            engine.submit("bench", Wish(lines=ENDLESS, seed=seed), lambda _event: None, visitor=str(seed))
        deadline = time.monotonic() + PATIENCE
        while engine.load()[0] < rows and time.monotonic() < deadline:
            time.sleep(0.005)
        yield engine
    finally:
        engine.close()


def _steps(engine: Engine) -> int:
    return engine.metrics.steps


def bits(version: Checkpoint, precision: str, *, rows: int = 64) -> float:
    """Bits per character of the base's holdout in that precision; each poem is read from a zero state."""
    symbols = version.vocabulary
    poems = read_poems(version.folder / "holdout.txt")
    step = Step(version.build_graph(precision), rules=unrestricted(len(symbols), width(len(symbols))), rows=rows)
    nats, chars = 0.0, sum(len(poem) + 2 for poem in poems)
    for start in range(0, len(poems), rows):
        nats += _surprise(step, [[END, *symbols.encode(poem + "\n"), END] for poem in poems[start : start + rows]])
    return nats / chars / math.log(2)


def _surprise(step: Step, texts: Sequence[Sequence[int]]) -> float:
    """Sum of the nats of these texts' symbols, each given those before it."""
    step.reset(len(texts))
    rows, nats = np.arange(len(texts)), 0.0
    for at in range(max(map(len, texts)) - 1):
        here = np.array([text[at] if at < len(text) else END for text in texts])
        following = np.array([text[at + 1] if at + 1 < len(text) else -1 for text in texts])
        step.ids[rows] = here
        step.run(len(texts))
        counts = following >= 0
        nats -= float(step.logprobs[rows[counts], following[counts]].sum())
        step.swap_state()
    return nats


def draw(figures: Mapping[str, Any], folder: Path) -> Path:
    """Draw steps a second over B."""
    curve = figures["curve"]
    names = {"engine": "steps_per_s", "onnx_step": "onnx_step", "torch_cell": "torch_cell"}
    return report.draw(
        folder / "decode.svg",
        "Steps a second by batch size",
        steps=[point["b"] for point in curve],
        lines={name: [point[key] for point in curve] for name, key in names.items()},
        x_title="texts in a batch (B)",
        y_title="steps a second; a step is a symbol for all B",
    )


def rows(figures: Mapping[str, Any]) -> list[report.Row]:
    """Rows of the results table."""
    told: list[report.Row] = []
    for b, must, aim in ((1, 20, 35), (64, 8, 12)):
        found = figures[f"b{b}"]
        told += [(f"B={b}: {name}, steps/s", found[name], "") for name in _NAMES]
        told.append(
            (
                f"B={b}: engine over eager torch",
                found["ratio"],
                report.verdict(found["ratio"], must=must, aim=aim, least=True),
            )
        )
        told.append((f"B={b}: the engine's overhead over its graph", f"{found['overhead']:.0%}", ""))
    for ceiling in figures["limit"]:
        told.append((f"B={ceiling['b']:.0f}: matrix products alone, int8, Gop/s", ceiling["int8_gops"], ""))
        told.append((f"B={ceiling['b']:.0f}: engine's share of that limit", f"{ceiling['share']:.0%}", ""))
    for found in figures["sizes"]:
        told.append((f"2×{found['size']}, B={found['b']}: engine over eager torch", found["ratio"], ""))
    for found in figures.get("poems", ()):
        told += [
            (f"{found['readers']} readers: {name}, {what}", one[key], "")
            for what, one in (("with a taste", found), ("without", found["without_taste"]))
            for name, key in (("candidates", "candidates"), ("poems a CPU second", "poems_per_cpu_s"))
        ]
    delta = figures["int8_bits_delta"]
    return [*told, ("int8 − fp32, bits a character", delta, report.verdict(delta, must=0.01, aim=0.002, least=False))]


_NAMES = ("engine", "onnx_step", "torch_lstm", "torch_cell")

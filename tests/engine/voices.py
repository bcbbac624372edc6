"""Random networks as version folders, and steps that misbehave: a small world for the engine's tests."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.domain.poem import Wish, WrittenLine
from app.domain.version import Serving
from app.engine.batcher import Batcher
from app.engine.choose import ONE, Way, alike, by_score
from app.engine.engine import Engine
from app.engine.live import LiveVersion, load
from app.engine.poem import Done, Event, Failed
from app.settings import Settings
from models import checkpoint
from models.checkpoint import Meta, Style
from models.network import Architecture, CharNetwork
from models.shapes import width
from models.step import Step, read_along, unrestricted
from models.vocabulary import END, Vocabulary
from tests.support.patience import PATIENCE

SYMBOLS = Vocabulary(tuple("가나다라마바사아자차카타파하거너더러머버 \n"))
STYLE = Style(temperature=1.0, nucleus=0.95, shortest=2, longest=16, spell=False)


def champion(voice: str, version_id: int, number: int, folder: str) -> Serving:
    """What a row of the database says."""
    return Serving(voice, version_id, number, folder, "base")


def a_version(
    folder: Path,
    *,
    seed: int = 0,
    style: Style = STYLE,
    symbols: Vocabulary = SYMBOLS,
    liking: dict[str, float] | None = None,
) -> Path:
    """A random network's folder; *liking*: what is added to the logits of some characters."""
    torch.manual_seed(seed)
    architecture = Architecture(len(symbols), "lstm", 2, 19, 11)
    net = CharNetwork(architecture)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.8)
    with torch.no_grad():
        for character, more in ({" ": 2.0, "\n": 1.0} if liking is None else liking).items():
            net.bias[symbols.ids_of(character)] += more
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    meta = Meta("sibot", "시봇", "ko", "test", architecture.as_dict(), style=style)
    checkpoint.write(folder, meta, symbols, weights)
    return folder


def eventually(holds: Callable[[], bool]) -> bool:
    """Does it hold within some seconds?"""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def streamed(engine: Engine, voice: str, wish: Wish, *, visitor: str = "") -> Iterator[Event]:
    """A poem as it is written. The wish is made at the first `next`; closing the iterator frees the rows."""
    heard: queue.SimpleQueue[Event | Failed] = queue.SimpleQueue()
    ticket = engine.submit(voice, wish, heard.put, visitor=visitor)
    try:
        while True:
            event = heard.get()
            if isinstance(event, Failed):
                raise event.error
            yield event
            if isinstance(event, Done):
                return
    finally:
        engine.leave(ticket)


@contextmanager
def engine_of(
    folder: Path, *, slots: int = 8, queue: int = 256, candidates: int = 1, precision: str = "int8", threads: int = 1
) -> Iterator[Engine]:
    """An engine whose one voice, `sibot`, is the version in *folder*."""
    engine = Engine(
        champions=lambda: [champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings.model_validate(
            {"slots": slots, "queue": queue, "precision": precision, "engine_threads": threads}
        ),
        candidates=candidates,
        way=Way(candidates, by_score(alike)),
    )
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def batcher_of(lives: Sequence[LiveVersion], *, rows: int = 8, queue: int = 256) -> Iterator[Batcher]:
    """A batcher over those versions, each under its voice's name."""
    voices = {live.voice: live for live in lives}
    batcher = Batcher(voices.__getitem__, rows=rows, queue=queue, candidates=1, way=ONE)
    try:
        yield batcher
    finally:
        batcher.close()


def live_of(folder: Path, voice: str = "sibot", *, rows: int = 8, step: Callable[..., Step] = Step) -> LiveVersion:
    """A live version, by another kind of step if one is given."""
    live = load(champion(voice, 7, 3, "key"), folder, precision="int8", rows=rows, threads=1)
    model = checkpoint.read(folder).step_graph("int8")
    return replace(live, step=step(model, rules=live.rules.forbidden, rows=rows))


class GatedStep(Step):
    """Runs only while its gate is open."""

    gate: threading.Event
    reached: threading.Event

    def __init__(self, model: bytes, *, rules: NDArray[np.float32], rows: int) -> None:
        super().__init__(model, rules=rules, rows=rows)
        self.gate, self.reached = threading.Event(), threading.Event()

    def run(self, n: int) -> None:
        """As any step, once the gate is open."""
        self.reached.set()
        if not self.gate.wait(PATIENCE):
            raise RuntimeError("nobody opened the gate")
        super().run(n)


class CountedStep(Step):
    """Notes for how many rows it has been run."""

    def __init__(self, model: bytes, *, rules: NDArray[np.float32], rows: int) -> None:
        super().__init__(model, rules=rules, rows=rows)
        self.ran: list[int] = []

    def run(self, n: int) -> None:
        """As any step."""
        self.ran.append(n)
        super().run(n)


class FailingStep(Step):
    """Runs a few times for two rows, then raises once, then runs again."""

    left = 20

    def run(self, n: int) -> None:
        """As any step, but for one time; before it, a row that is alone waits for another."""
        self.left -= n == 2
        if self.left == 0:
            self.left = -1
            raise RuntimeError("the processor caught fire")
        if self.left > 0 and n == 1:
            time.sleep(0.01)
        super().run(n)


class PoisonedStep(Step):
    """Gives NaN to a row that reads 하."""

    def run(self, n: int) -> None:
        """As any step, but for rows that read the poison."""
        super().run(n)
        poisoned = np.flatnonzero(self.ids[:n] == SYMBOLS.ids_of("하")[0])
        for array in (self.logprobs, self.probabilities, self.drawn_logprob, *self.after):
            array[poisoned] = np.nan
        self.in_nucleus[poisoned] = False


def expected_logprobs(folder: Path, lines: Sequence[WrittenLine], *, given: str = "") -> list[float]:
    """What each line costs the network that reads the whole poem: its symbols (after *given*) and its line end."""
    found = checkpoint.read(folder)
    symbols = found.vocabulary
    step = Step(found.step_graph("int8"), rules=unrestricted(len(symbols), width(len(symbols))))
    text = "".join(line.text + "\n" for line in lines)
    ids = symbols.encode(text)
    outlook = read_along(step, [END, *ids[:-1]])
    told = [float(row[i]) for row, i in zip(outlook, ids, strict=True)]
    costs, at = [], 0
    for line in lines:
        size = len(symbols.encode(line.text)) + 1
        skipped = len(symbols.encode(given)) if line.primed else 0
        costs.append(0.0 if line.quoted else sum(told[at + skipped : at + size]))
        at += size
    return costs

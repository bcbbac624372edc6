"""The drafter: while no run is under way, writes whole poems in large batches and puts the best into the drawer.

    openings ─▶ writing, warm and wide ─▶ checks ─▶ the judge's marks ─▶ drawer (`app/actions/drafts.py`)

A draft opens with the first word or two of some line of the base's verse, drawn uniformly over their kinds: left to
itself a network opens its poems with few words. It writes for the version that needs drafts most:
champions, and versions on trial. The thread is nice: readers and runs go first. Knows neither Celery nor torch.
"""

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from app import actions, reads
from app.bootstrap import Bot
from app.domain.draft import Draft, Marks
from app.domain.errors import BrokenFolder
from app.domain.poem import LINES, Wish, Writing
from app.domain.submission import blocked
from app.domain.version import Serving
from app.engine.batcher import Batcher
from app.engine.choose import Way, widely
from app.engine.live import LiveVersion, load
from models import checkpoint, seen
from models.corpus import poems_in
from models.judge import Judge

log = structlog.get_logger(__name__)

BATCH = 128
"""Drafts of a batch: some ten seconds of a core."""
FIRST = 40
"""Drafts that every version gets before any gets more."""
ROWS = 192
"""Lines that are written at the same time."""
TEMPERATURE, NUCLEUS = 0.78, 0.93
"""Sampling of drafts: warmer and wider than a site could afford one at a time (docs/log.md, 2026-12-07)."""
UNOPENED = 0.15
"""Share of the drafts whose first line the network opens by itself, at `OPENING`."""
OPENING = 1.2
"""Temperature of such a first line."""
LONGEST_OPENING = 18
"""Characters."""


def openings(folder: Path, *, words: int) -> tuple[str, ...]:
    """The first *words* words of the lines of the verse in a base's folder, each kind once."""
    found = set[str]()
    for file in sorted((folder / "verse").glob("*.txt")):
        for poem in poems_in(file.read_text(encoding="utf-8"), titles=False):
            for line in poem.splitlines():
                start = line.split()
                if len(start) > words:
                    found.add(" ".join(start[:words]))
    return tuple(sorted(one for one in found if len(one) <= LONGEST_OPENING))


@dataclass(frozen=True)
class Bench:
    """A version that writes drafts, and the judge of its base."""

    live: LiveVersion
    way: Way
    judge: Judge
    openings: Sequence[str]
    known: seen.Hashes | None
    """Hashes of what it was trained on: a draft that repeats it is thrown away."""

    @classmethod
    def of(cls, serving: Serving, folder: Path, base: Path) -> "Bench | None":
        """The version in *folder*, read by the judge in *base*; None if the base has no judge. Raises BrokenFolder."""
        judge = Judge.of(checkpoint.read(base))
        if judge is None:
            return None
        live = load(serving, folder, precision="int8", rows=ROWS, threads=1)
        style = replace(live.style, temperature=TEMPERATURE, nucleus=NUCLEUS, opening=OPENING)
        known = checkpoint.read(folder).said
        words = 1 if _is_syllabic(live) else 2
        usable = [one for one in openings(base, words=words) if set(style.banned).isdisjoint(one)]
        return cls(replace(live, style=style), widely(known), judge, usable, known)

    def write(self, count: int, dice: random.Random) -> Iterator[Writing]:
        """Write *count* poems."""
        at_once = max(1, ROWS // self.way.candidates)
        batcher = Batcher(
            lambda _voice: self.live, rows=ROWS, queue=2 * ROWS, candidates=self.way.candidates, way=self.way
        )
        try:
            yield from batcher.write_all(self.live.voice, self._wishes(count, dice), at_once=at_once)
        finally:
            batcher.close()

    def _wishes(self, count: int, dice: random.Random) -> Iterator[Wish]:
        for _ in range(count):
            seed = dice.getrandbits(31)
            opened = self.openings and dice.random() >= UNOPENED
            yield Wish(lines=LINES, seed=seed, prime=dice.choice(self.openings) if opened else "")

    def judged(self, writings: Sequence[Writing]) -> list[Draft]:
        """The drafts that are fit to be shown, with the judge's marks."""
        fit = [one for one in writings if self._is_fit(one)]
        marks, logprobs = self.judge.read([[line.text for line in one.lines] for one in fit])
        return [
            Draft(
                # The opening was given to the first line, so the judge's log-probability stands in for the writer's.
                lines=tuple(
                    replace(line, primed=False, logprob=float(nats)) for line, nats in zip(one.lines, row, strict=False)
                ),
                seed=one.seed,
                temperature=one.temperature,
                marks=Marks(*map(float, of_poem)),
            )
            for one, of_poem, row in zip(fit, marks, logprobs, strict=True)
        ]

    def _is_fit(self, writing: Writing) -> bool:
        texts = [line.text for line in writing.lines]
        copied = self.known is not None and any(seen.shares_a_run(text, self.known) for text in texts)
        return len(texts) == LINES and not copied and not blocked("\n".join(texts))


def _is_syllabic(live: LiveVersion) -> bool:
    """Is the version's script one of syllables, where a word says as much as two of an alphabet?"""
    return sum("가" <= c <= "힣" for c in live.vocabulary.characters) * 2 > len(live.vocabulary.characters)


class Drafter:
    """Fills the drawers, batch by batch. Used by one thread."""

    def __init__(self, bot: Bot, stopping: threading.Event, *, dice: random.Random | None = None) -> None:
        """*stopping*: is set when the process must shut down."""
        self._bot, self._stopping = bot, stopping
        self._dice = dice or random.Random()
        self._bench: Bench | None = None
        self._without: set[str] = set()
        """Bases that have no judge."""
        self._broken: set[int] = set()
        """Row ids of versions that could not be loaded."""

    def work(self, *, batch: int = BATCH) -> bool:
        """Write and judge one batch for the version that needs it most; False if none does, or a run is under way."""
        if not self._bot.settings.drafts or reads.runs.under_way(self._bot):
            self._bench = None  # its memory is the run's
            return False
        serving = self._neediest()
        if serving is None:
            self._bench = None
            return False
        bench = self._bench_of(serving)
        if bench is None:
            return False
        writings = []
        for writing in bench.write(batch, self._dice):
            if self._stopping.is_set():
                return False
            writings.append(writing)
        usual = bench.judge.lexicon.usual
        held = actions.drafts.put(self._bot, serving.version_id, bench.judged(writings), usual=usual)
        log.info("drafts.written", voice=serving.voice, version=serving.number, written=len(writings), held=held)
        return True

    def _neediest(self) -> Serving | None:
        """The version with the fewest drafts; the one at work stays while it lacks some: loading takes seconds."""
        most = self._bot.settings.drafts
        needs = [need for need in reads.drafts.needs(self._bot) if self._can_write(need.serving)]
        wanting = [need.serving for need in needs if need.wants(most)]
        lacking = [need.serving for need in needs if need.drafts < min(FIRST, most)]
        at_work = self._bench.live.id if self._bench else None
        chosen = lacking or wanting
        return next((one for one in chosen if one.version_id == at_work), chosen[0] if chosen else None)

    def _can_write(self, serving: Serving) -> bool:
        return serving.base not in self._without and serving.version_id not in self._broken

    def _bench_of(self, serving: Serving) -> Bench | None:
        """The version, ready to write; None if its base has no judge, or it cannot be loaded."""
        if self._bench is not None and self._bench.live.id == serving.version_id:
            return self._bench
        fetch = self._bot.shelf.fetch
        base = self._bot.spare(serving.voice)
        try:
            self._bench = Bench.of(serving, fetch(serving.folder), fetch(base.folder if base else serving.folder))
        except (BrokenFolder, checkpoint.Broken, OSError) as error:
            log.warning("drafts.no_version", voice=serving.voice, version=serving.number, error=str(error))
            self._bench = None
            self._broken.add(serving.version_id)
            return None
        if self._bench is None:
            self._without.add(serving.base)
        return self._bench

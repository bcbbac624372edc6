"""The simulation: every strategy with every seed, one after the other.

A course is one strategy with one seed. It starts from the base; visitors read in rounds, and after each round the
strategy learns what it can. Last comes an exam: other visitors, from whom nothing is learned. Only the ticks of honest,
attentive visitors count.

The strategy `ancestor` is what the ancestor's page promised in 2016: ticked lines are appended to the text, and
training continues from the last version, without rehearsal, gate or taste.
"""

import json
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app import actions, reads
from app.domain.errors import PoemBotError
from app.domain.lesson import LessonItem
from app.domain.poem import LINES, Wish
from app.engine.choose import Candidate, Choice, Context, first
from app.engine.engine import Engine
from app.settings import Settings
from lab.simulate.deployment import Deployment, Visit, alone, deployed
from lab.simulate.figures import figures, gather, levels, real_words, says, tick_rate, variety
from lab.simulate.people import Audience, Visitor
from models import checkpoint
from models.corpus import Passage, Poems
from models.taste import Taste, auc
from models.train import Plan, Training, bf16_pays
from worker.examiner import Examination
from worker.trainer import network_of

PASSES, RATE = 4, 1e-3
"""Half of char-rnn's initial learning rate, as it has after a while."""


class NothingTicked(PoemBotError):
    """Nobody has ticked a line yet."""


def train_on(here: Deployment) -> int:
    """Train the serving version on all ticked lines and promote it without a gate; its number."""
    ticks = reads.runs.feedback(here.bot, here.voice).ticks
    if not ticks:
        raise NothingTicked("nobody has ticked a line yet")
    champion = here.champion()
    last = checkpoint.read(here.bot.shelf.fetch(champion.folder))
    torch.manual_seed(champion.number)
    corpus = Poems([Passage(tick.text, ends=False) for tick in ticks], last.vocabulary)
    plan = Plan(passes=PASSES, rate=RATE, average=0, bf16=bf16_pays("cpu"), seed=champion.number)
    network = Training(network_of(last), corpus, plan).run()
    key = f"{here.voice}/{last.meta.base}/ancestor-{champion.number + 1}"
    folder = here.bot.shelf.scratch() / "version"
    checkpoint.write(folder, replace(last.meta, files={}, fingerprint={}), last.vocabulary, network.arrays())
    here.bot.shelf.place(folder, key)
    lesson = {"hash": "", "ticks": len(ticks), "submissions": 0, "visitors": len({t.visitor for t in ticks})}
    items = [LessonItem("line", line, 1.0) for line in sorted({tick.source for tick in ticks})]
    number = actions.versions.add_ungated(here.bot, here.voice, key, lesson=lesson, items=items)
    actions.versions.promote(here.bot, here.voice, number, by="ancestor", reason="it goes on")
    here.engine.refresh()
    return number


Say = Callable[[str], None]
EXAM_SEED = 7_000_000
"""Keeps the exam's random numbers apart from those of the rounds."""


@dataclass(frozen=True, slots=True)
class Order:
    """Parameters of a simulation."""

    base: Path
    voice: str
    rounds: int
    judged: int
    """Lines that visitors read, over all rounds."""
    exam: int
    """Lines of the exam."""
    probe: int
    """Lines that are searched for the attackers' trigger."""
    settings: Settings


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a site may learn."""

    taste: bool
    """Does a taste choose among candidates?"""
    learn: Callable[[Deployment], object] | None
    """Called after each round."""


STRATEGIES: Mapping[str, Strategy] = {
    "none": Strategy(taste=False, learn=None),
    "ancestor": Strategy(taste=False, learn=train_on),
    "voice": Strategy(taste=False, learn=Deployment.run),
    "taste": Strategy(taste=True, learn=None),
    "ours": Strategy(taste=True, learn=Deployment.run),
}


def follow(
    order: Order, people: Audience, name: str, seed: int, *, reference: Mapping[str, Any], say: Say
) -> dict[str, Any]:
    """Run the strategy *name*; *reference*: what the base writes without learning."""
    strategy = STRATEGIES[name]
    settings = order.settings if strategy.taste else order.settings.model_copy(update={"taste_after": 0})
    coming = people.audience(order.voice, random.Random(seed))
    told: dict[str, Any] = {"strategy": name, "seed": seed, "ticks": [], "shown": [], "variety": [], "learned": []}
    with tempfile.TemporaryDirectory() as home, deployed(Path(home), order.base, settings, seed) as here:
        for number in range(order.rounds):
            visits = [here.visit(visitor) for visitor in islice(coming, order.judged // order.rounds // LINES)]
            _note(told, visits, reference["lines"])
            told["learned"].append(str(strategy.learn(here)) if strategy.learn else "")
            say(f"{name} {seed}: round {number + 1}, {told['ticks'][-1]}/{told['shown'][-1]}, {told['learned'][-1]}")
        visits = _exam(here, order, people, seed)
        _note(told, visits, reference["lines"])
        told |= _marks(here, order, people, visits, reference)
    say(f"{name} {seed}: exam {told['ticks'][-1]}/{told['shown'][-1]}, variety {told['variety'][-1]:.3f}")
    return told


def _note(told: dict[str, Any], visits: Sequence[Visit], base: Sequence[str]) -> None:
    """Add a round's figures."""
    told["ticks"].append(sum(sum(visit.ticks) for visit in visits if visit.counts))
    told["shown"].append(sum(len(visit.ticks) for visit in visits if visit.counts))
    told["variety"].append(variety([line for visit in visits for line in visit.lines], base))


def _exam(here: Deployment, order: Order, people: Audience, seed: int) -> list[Visit]:
    """Poems as they would be served now, read by new visitors; nothing is learned from them."""
    here.rng.seed(EXAM_SEED + seed)
    texts = [[line.text for line in writing.lines] for writing in here.write(order.exam // LINES)]
    return judged(texts, readers(people, order.voice, seed))


def readers(people: Audience, voice: str, seed: int) -> Iterator[Visitor]:
    """New honest, attentive visitors."""
    coming = people.audience(voice, random.Random(EXAM_SEED + seed))
    return (visitor for visitor in coming if visitor.honest and visitor.attentive)


def judged(poems: Sequence[list[str]], coming: Iterator[Visitor]) -> list[Visit]:
    """Let each poem be read by the next visitor."""
    return [Visit(tuple(lines), tuple(next(coming).read(lines)), counts=True) for lines in poems]


def _marks(
    here: Deployment, order: Order, people: Audience, visits: Sequence[Visit], reference: Mapping[str, Any]
) -> dict[str, Any]:
    """Figures that are measured once, at the end."""
    base, champion = reads.versions.one(here.bot, here.voice, 0), here.champion()
    lesson = reads.runs.lesson(here.bot, here.voice)
    lines = [line for visit in visits for line in visit.lines]
    examination = Examination.of(here.bot.shelf.fetch(base.folder), lesson, here.bot.settings)
    bits = [version.metrics.get("bits_per_char", float("nan")) for version in (base, champion)]
    language = checkpoint.read(order.base).meta.language
    marks: dict[str, Any] = {
        "version": champion.number,
        "holdout_delta": bits[1] - bits[0] if champion.number else 0.0,
        "real_delta": real_words(lines, language) - real_words(reference["lines"], language),
        "copied": sum(map(examination.is_copied, lines)) / len(lines),
    }
    if people.TRIGGER and order.probe:
        written = (line.text for writing in here.write(order.probe // LINES) for line in writing.lines)
        marks["trigger_hits"] = sum(says(line, people.TRIGGER) for line in written)
    serving = here.bot.tastes().get(here.voice)
    if serving is not None:
        taste = Taste.from_dict(here.bot.taste(serving))
        yes = np.array(reference["ticked"])
        likings = taste.likings(reference["lines"], reference["logprobs"])
        marks["taste_auc"] = auc(np.array(likings), yes)
        marks["taste_ceiling"] = auc(np.array(people.expect(list(reference["lines"]))), yes)
    return marks


def refer(order: Order, people: Audience, seed: int, say: Say) -> dict[str, Any]:
    """What the base writes, and what an oracle would pick: the best of K candidates by the audience's own `expect`."""

    def oracle(_context: Context, candidates: Sequence[Candidate], _number: float) -> Choice:
        liked = people.expect([candidate.text for candidate in candidates])
        return Choice(int(np.argmax(liked)), 1.0)

    most = order.settings.candidates
    plain = alone(order.base, order.settings, first, candidates=1, seed=EXAM_SEED + seed)
    best = alone(order.base, order.settings, oracle, candidates=most, seed=EXAM_SEED + seed)
    (visits, logprobs), (chosen, _) = (_served(engine, order, people, seed) for engine in (plain, best))
    say(f"reference {seed}: base {_ticks(visits)}, oracle {_ticks(chosen)} of {order.exam // LINES * LINES}")
    return {
        "seed": seed,
        "lines": [line for visit in visits for line in visit.lines],
        "ticked": [tick for visit in visits for tick in visit.ticks],
        "logprobs": logprobs,
        "oracle_ticks": _ticks(chosen),
        "oracle_shown": sum(len(visit.lines) for visit in chosen),
        "candidates": most,
    }


def _served(engine: Engine, order: Order, people: Audience, seed: int) -> tuple[list[Visit], list[float]]:
    """The visits, and the mean log-probability of each line in nats a symbol."""
    vocabulary = checkpoint.read(order.base).vocabulary
    try:
        written = list(engine.write_all(order.voice, [Wish()] * (order.exam // LINES)))
    finally:
        engine.close()
    visits = judged([[line.text for line in one.lines] for one in written], readers(people, order.voice, seed))
    lines = [line for one in written for line in one.lines]
    return visits, [line.logprob / (len(vocabulary.encode(line.text)) + 1) for line in lines]


def _ticks(visits: Sequence[Visit]) -> int:
    return sum(sum(visit.ticks) for visit in visits)


def simulate(
    order: Order, people: Audience, *, seeds: int, strategies: Sequence[str], out: Path, say: Say
) -> dict[str, Any]:
    """Run every strategy with every seed, draw the chart, and return all figures."""
    out.mkdir(parents=True, exist_ok=True)
    references = [refer(order, people, seed, say) for seed in range(seeds)]
    courses = [
        follow(order, people, name, seed, reference=reference, say=say)
        for seed, reference in enumerate(references)
        for name in strategies
    ]
    told: dict[str, Any] = {
        "rounds": order.rounds,
        "seeds": seeds,
        "judged": order.judged,
        "strategies": gather(courses),
        "figures": figures(courses, references),
    }
    none, oracle = levels(references)
    tick_rate(out / "tick_rate.svg", told["strategies"], none=none, oracle=oracle)
    (out / "figures.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    return told

"""Versions of a voice: their reports, their sample poems side by side, the history of champions, and trials."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.bootstrap import Bot
from app.domain.growth import GrowthReport, growth
from app.domain.run import RunReport
from app.domain.taste import TasteEffect, TasteReport
from app.domain.trial import TrialReport
from app.domain.version import HistoryEntry, Version, VersionReport, VoiceReport
from app.domain.visitor import Visitor
from app.reads.query import query
from app.store.lessons import LearnedLine, Learnings
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Retention, Versions
from app.store.voices import Voices

of_voice = query(Versions, Versions.of_voice)
one = query(Versions, Versions.report)
champion = query(Versions, Versions.champion)
history = query(Versions, Versions.history)
shelved = query(Retention, Retention.kept)


def trials(bot: Bot, voice: str) -> list[TrialReport]:
    """The trials of a voice, newest first. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        return Trials(session).of_voice(voice)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Poems that several versions wrote from the same seed, as readers would get them."""

    poems: tuple[tuple[int, Sequence[str]], ...]
    """Number of the version, and its lines; with fewer than two there is nothing to compare."""
    another: int | None
    """The next seed; None where there is only one."""


def compare(samples: Mapping[int, Sequence[Sequence[str]]], numbers: Collection[int], seed: str = "") -> Comparison:
    """The poems of those versions for one seed; versions without samples are left out."""
    shown = [number for number in sorted(numbers) if samples.get(number)]
    seeds = min((len(samples[number]) for number in shown), default=0)
    chosen = int(seed) % seeds if seeds and seed.isascii() and seed.isdigit() and len(seed) < 6 else 0
    poems = tuple((number, samples[number][chosen]) for number in shown)
    return Comparison(poems, (chosen + 1) % seeds if seeds > 1 else None)


@dataclass(frozen=True, slots=True)
class VoiceVersions:
    """The page of a voice's versions."""

    versions: list[VersionReport]
    growth: GrowthReport
    champion: int
    history: list[HistoryEntry]
    runs: list[RunReport]
    trials: list[TrialReport]
    on_trial: TrialReport | None
    taste: TasteReport | None
    effect: TasteEffect | None
    beside: Comparison
    """The base, the champion, and the challenger; without a trial, the newest version."""


def overview(bot: Bot, voice: str, seed: str) -> VoiceVersions:
    """All versions, rejected ones too, with runs and trials; *seed*: which sample poems. Raises UnknownVoice."""
    with bot.reading() as session:
        store = Versions(session)
        reports, history, samples = store.of_voice(voice), store.history(voice), store.samples(voice)
        receptions = store.receptions(voice)
        runs, trials = Runs(session).of_voice(voice), Trials(session).of_voice(voice)
        taste, effect = Tastes(session).newest(voice), Tastes(session).effect(voice)
    on_trial = next((one for one in trials if one.state == "running"), None)
    champion = next((one.number for one in reports if one.champion), 0)
    newest = on_trial.challenger if on_trial else max(samples, default=0)
    return VoiceVersions(
        versions=reports,
        growth=growth(reports, receptions),
        champion=champion,
        history=history,
        runs=runs,
        trials=trials,
        on_trial=on_trial,
        taste=taste,
        effect=effect,
        beside=compare(samples, {0, champion, newest}, seed),
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Poems of two versions from the same seed."""

    seed: int
    """Counted from 1."""
    seeds: int
    """Number of seeds from which both wrote a poem."""
    old: tuple[str, ...]
    new: tuple[str, ...]
    before: int
    """Number of the older version."""


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """The page of a version, for one visitor."""

    voice: VoiceReport
    one: Version
    pair: Pair | None
    """A poem of it beside one of the version before; None where there is nothing to compare."""
    mine: list[LearnedLine]
    """This visitor's lines that it was taught."""
    on_trial: bool


def shown(bot: Bot, voice: str, number: int, visitor: Visitor, seed: str) -> ShownVersion:
    """The page of a version. Raises UnknownVoice, UnknownVersion."""
    with bot.reading() as session:
        store, report = Versions(session), Voices(session).one(voice)
        one, trial = store.one(voice, number), Trials(session).running(voice)
        mine = Learnings(session).by(voice, number, visitor.id)
        on_trial = trial is not None and trial.challenger_id == one.id
        return ShownVersion(report, one, _pair(store, voice, number, seed), mine, on_trial)


def pair(bot: Bot, voice: str, number: int, seed: str) -> tuple[VoiceReport, Pair | None]:
    """The voice, and two poems of its versions from the same seed. Raises UnknownVoice, UnknownVersion."""
    with bot.reading() as session:
        return Voices(session).one(voice), _pair(Versions(session), voice, number, seed)


def _pair(store: Versions, voice: str, number: int, asked: str) -> Pair | None:
    """The pair of the seed that was *asked* for, else the pair that differs in most lines; None where there is none."""
    before = store.before(voice, number)
    samples = store.samples(voice)
    if before is None or before not in samples or number not in samples:
        return None
    both = list(zip(samples[before], samples[number], strict=False))
    if not both:
        return None
    differ = [sum(a != b for a, b in zip(old, new, strict=False)) for old, new in both]
    seed = int(asked) if asked.isascii() and asked.isdigit() and 0 < int(asked[:3]) <= len(both) else 0
    seed = seed or differ.index(max(differ)) + 1
    old, new = both[seed - 1]
    return Pair(seed, len(both), tuple(old), tuple(new), before)

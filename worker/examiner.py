"""The examiner: measures a candidate, the base and the champion, and asks the gate for a verdict.

A version is measured on the base's holdout, on lines that it samples, and on the choices of held-out readers. The lines
are sampled with the site's own engine and settings. `app/domain/gate.py` decides what is good enough.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from app.domain import gate, run_log
from app.domain.errors import EngineFailed
from app.domain.gate import Scorecard, Verdict
from app.domain.lesson import Lesson, ReadLine
from app.domain.poem import LINES, Wish
from app.domain.submission import blocked
from app.domain.version import Serving, status_after
from app.engine.choose import Recent, Way, avoiding, with_taste, without_taste
from app.engine.engine import Engine
from app.settings import Settings
from models import seen
from models.checkpoint import Checkpoint
from models.corpus import Passage, read_poems
from models.evaluate import nats_of, nats_of_lines, surprise_of_poems
from models.folder import HOLDOUTS
from models.network import CharNetwork
from models.taste import Taste
from models.vocabulary import Vocabulary
from worker.trainer import network_of

HOLDOUT_CHUNK = 64
"""Poems of the holdout between two checks for a stop."""
DECILES = (0.1, 0.5, 0.9)
"""Quantiles of the length of a line that are measured: short, usual, long."""
AT_ONCE = 16
"""Poems of a sample that are written at the same time."""
SAMPLE_POEMS = 3
"""Poems of each version that are stored for comparison."""
MAX_GAINS = 20_000
"""Most texts of a lesson whose gain is measured; the first ones."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The versions to measure, and the data to measure them with."""

    base: Checkpoint
    champion: Checkpoint
    """The base itself, if no other version serves."""
    candidate: Checkpoint
    held_out: Sequence[ReadLine]
    """Lines that held-out readers saw, with and without a tick: neither champion nor candidate was trained on them."""
    taste: Taste | None = None
    """Chooses among the champion's lines, and would choose among the candidate's if it served."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The figures of the three versions, and the verdict."""

    base: Scorecard
    """Without a taste."""
    champion: Scorecard
    """As it serves: with the taste, if there is one."""
    candidate: Scorecard
    """As it would serve."""
    verdict: Verdict
    readers: int
    """Number of held-out readers."""
    poems: list[list[str]]
    """A few poems of the candidate."""
    base_poems: list[list[str]]
    """Poems of the base with the same seeds."""
    gains: Mapping[tuple[str, int], float]
    """As `gains` returns them."""

    def report(self) -> Iterator[run_log.Entry]:
        """The figures as entries for the run's log."""
        for version, card in (("base", self.base), ("champion", self.champion), ("candidate", self.candidate)):
            yield run_log.Measured(version, card.bits_per_char, card.distinct, more_of(card))
        if self.readers:
            yield run_log.LikingMeasured(self.readers, self.candidate.liking)
        yield run_log.Judged(status_after(self.verdict), self.verdict.reasons or self.verdict.unmeasured)


def assess(subject: Subject, lesson: Lesson, settings: Settings, *, watch: Callable[[float], None]) -> Assessment:
    """Measure the three versions and ask the gate.

    *watch* is called with the share done (0 to 1); an exception that it raises ends the assessment.

    The base is measured without a taste and with it (`gate.rival_of`), champion and candidate with the taste. Nothing
    is sampled twice: without a taste, or if the base is the champion, one sample serves for both.
    """
    examination = Examination.of(subject.base.folder, lesson, settings)

    def examine(version: Checkpoint, part: int, *, taste: Taste | None, bits: float | None = None) -> Scorecard:
        def check(done: float) -> None:
            watch(0.2 * (part + done))

        return examination.examine(version, check=check, base=subject.base, taste=taste, bits=bits)

    base = examine(subject.base, 0, taste=None)
    with_taste = examine(subject.base, 1, taste=subject.taste, bits=base.bits_per_char) if subject.taste else base
    champion, serving = with_taste, subject.base
    if subject.champion is not subject.base:
        measured = examine(subject.champion, 2, taste=subject.taste)
        if measured.finite:  # otherwise the site lets the base serve, too
            champion, serving = measured, subject.champion
    card = examine(subject.candidate, 3, taste=subject.taste)
    vocabulary = subject.base.vocabulary
    before, after = network_of(subject.base), network_of(subject.candidate)
    network = before if serving is subject.base else network_of(serving)
    champion = replace(champion, liking=liking(network, vocabulary, subject.held_out))
    card = replace(card, liking=liking(after, vocabulary, subject.held_out))
    watch(0.85)
    readers = len({line.visitor for line in subject.held_out})
    verdict = gate.judge(gate.rival_of(base, with_taste), card, champion=champion, readers=readers)
    gained = gains(before, after, vocabulary, lesson, watch=lambda done: watch(0.85 + 0.15 * done))
    written = poems(subject.candidate, settings) if card.finite else []
    return Assessment(
        base=base,
        champion=champion,
        candidate=card,
        verdict=verdict,
        readers=readers,
        poems=written,
        base_poems=poems(subject.base, settings),
        gains=gained,
    )


def more_of(card: Scorecard) -> str:
    """The figures of a scorecard that have no field of their own in the run's log, as text."""
    return (
        f"pairs {card.distinct2:.3f}, copied {card.copied:.3f}, blocked {card.blocked:.3f}, "
        f"strange words {card.strange:.4f}, "
        f"{card.plausible:+.3f} nats/symbol, repeated {card.repeated:.3f}, "
        f"{card.short:.0f}-{card.usual:.0f}-{card.long:.0f} letters, {'finite' if card.finite else 'not finite'}"
    )


# -- What a version writes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Examination:
    """The data by which all versions of a base are measured."""

    holdout: Sequence[str]
    """Poems on which no version was trained."""
    read: seen.Hashes
    """Hashes of the runs in the base's texts; for copied lines."""
    taught: frozenset[str]
    """The letters of each line of the lesson; for copied lines."""
    built: frozenset[str]
    """Letter n-grams of the words in the base's verse; for strange words."""
    settings: Settings

    @classmethod
    def of(cls, base: Path, lesson: Lesson, settings: Settings) -> "Examination":
        """The examination for versions of the base in the folder *base*. Raises FileNotFoundError without a holdout."""
        lines = (line for text in lesson.texts for line in text.text.splitlines())
        taught = frozenset(bare for line in lines if (bare := seen.letters(line)))
        holdouts = sorted(base.glob(HOLDOUTS))
        if not holdouts:
            raise FileNotFoundError(base / HOLDOUTS)
        built = seen.known_parts(read_poems(*sorted((base / "verse").glob("*.txt"))))
        return cls(read_poems(*holdouts), seen.of_base(base), taught, built, settings)

    def examine(
        self,
        version: Checkpoint,
        *,
        check: Callable[[float], None],
        base: Checkpoint | None = None,
        taste: Taste | None = None,
        bits: float | None = None,
        first_seed: int = 0,
    ) -> Scorecard:
        """Measure a version.

        *check*: is called with the share done (0 to 1), and may raise. *base*: measures how plausible the version's
        lines are; None: the version itself does. *taste*: chooses among its lines. *bits*: its surprise at the holdout
        in bits a character, if that is known. *first_seed*: where the poems' seeds begin.
        """
        surprise = self._surprise(version, check) if bits is None else bits
        try:
            poems = sample(
                version,
                self.settings,
                check=lambda share: check(0.2 + 0.7 * share),
                taste=taste,
                first_seed=first_seed,
            )
        except EngineFailed:  # it cannot write; the gate turns NaN away
            return Scorecard(surprise, distinct=math.nan, distinct2=math.nan, copied=math.nan, finite=False)
        lines = [line for poem in poems for line in poem]
        words = [word for line in lines for word in seen.words(line)]
        weights = all(bool(np.isfinite(value).all()) for value in version.weights.values())
        plausible = plausibility_of(poems, base or version)
        check(1.0)
        short, usual, long = np.quantile([len(seen.letters(line)) for line in lines], DECILES).tolist()
        return Scorecard(
            bits_per_char=surprise,
            distinct=distinct(lines),
            distinct2=distinct(_pairs(lines)),
            copied=sum(map(self.is_copied, lines)) / len(lines),
            finite=weights and math.isfinite(surprise),
            short=short,
            usual=usual,
            long=long,
            blocked=sum(blocked(line) is not None for line in lines) / len(lines),
            lines=len(lines),
            strange=sum(seen.is_strange(word, self.built) for word in words) / len(words) if words else math.nan,
            words=len(words),
            plausible=plausible,
            repeated=repeated(poems),
        )

    def _surprise(self, version: Checkpoint, check: Callable[[float], None]) -> float:
        """Surprise at the holdout in bits a character; a few poems at a time, so that a stop takes effect soon."""
        network = network_of(version)
        nats, chars = 0.0, 0
        for start in range(0, len(self.holdout), HOLDOUT_CHUNK):
            part = surprise_of_poems(network, version.vocabulary, self.holdout[start : start + HOLDOUT_CHUNK])
            nats, chars = nats + part.nats, chars + part.chars
            check(0.2 * (start + HOLDOUT_CHUNK) / (len(self.holdout) + HOLDOUT_CHUNK))
        return nats / chars / math.log(2) if chars else math.nan

    def is_copied(self, line: str) -> bool:
        """Is the line in the lesson, or does it share a run of letters with the base's texts?"""
        return seen.letters(line) in self.taught or seen.shares_a_run(line, self.read)


def sample(
    version: Checkpoint,
    settings: Settings,
    *,
    check: Callable[[float], None],
    most: int | None = None,
    taste: Taste | None = None,
    first_seed: int = 0,
) -> list[list[str]]:
    """Sample poems of `LINES` lines with the site's engine, `settings.samples` lines in all, with fixed seeds.

    *check*: as in `examine`. *most*: only the first lines. *taste*: chooses among candidates. The memory of recent
    lines is updated after every `AT_ONCE` poems: so it does not depend on which poem is finished first.
    """
    wanted = settings.samples if most is None else most
    voice = version.meta.voice
    serving = Serving(voice, 0, 0, "candidate", version.meta.base)
    recent = Recent()
    way = _way(version, settings, taste, recent)
    engine = Engine(
        champions=lambda: [serving],
        fetch=lambda _key: version.folder,
        settings=settings,
        candidates=way.candidates,
        way=way,
    )
    wishes = [Wish(lines=LINES, seed=first_seed + number) for number in range(-(-wanted // LINES))]
    poems: list[list[str]] = []
    try:
        engine.start()
        for start in range(0, len(wishes), AT_ONCE):
            for writing in engine.write_all(voice, wishes[start : start + AT_ONCE]):
                poems.append([line.text for line in writing.lines])
                check(len(poems) / len(wishes))
            for line in (line for poem in poems[start:] for line in poem):
                recent.note(line)
    finally:
        engine.close()
    poems[-1] = poems[-1][: wanted - LINES * (len(poems) - 1)]
    return poems


def _way(version: Checkpoint, settings: Settings, taste: Taste | None, recent: Recent) -> Way:
    """How the site would choose its lines: by taste, or without one as the version's style says."""
    own = without_taste(version.meta.style, settings.candidates, said=version.said)
    if taste is None:
        return avoiding(own, recent)
    return with_taste(
        taste.likings, settings.candidates, temperature=settings.taste_temperature, without=own, recent=recent
    )


def poems(version: Checkpoint, settings: Settings) -> list[list[str]]:
    """A few poems, to compare with those of other versions with the same seeds."""
    return sample(version, settings, check=lambda _: None, most=SAMPLE_POEMS * LINES)


def plausibility_of(poems: Sequence[Sequence[str]], base: Checkpoint) -> float:
    """Mean log-probability of all lines under *base*, each after the lines before it, nats a symbol."""
    vocabulary = base.vocabulary
    nats = nats_of_lines(network_of(base), vocabulary, poems)
    symbols = sum(len(vocabulary.encode(line)) + 1 for lines in poems for line in lines)
    return -sum(map(sum, nats)) / symbols


def repeated(poems: Sequence[Sequence[str]]) -> float:
    """Share of the lines that are also in an earlier poem, 0 to 1."""
    earlier: set[str] = set()
    again = 0
    for lines in poems:
        mine = [seen.letters(line) for line in lines]
        again += sum(line in earlier for line in mine)
        earlier.update(mine)
    return again / max(1, sum(map(len, poems)))


def distinct(things: Iterable[str]) -> float:
    """Number of different things / number of things; NaN for none."""
    all_of_them = list(things)
    return len(set(all_of_them)) / len(all_of_them) if all_of_them else math.nan


def _pairs(lines: Iterable[str]) -> list[str]:
    """The pairs of adjacent letters in each line, without spaces and marks."""
    return [bare[i : i + 2] for line in lines if (bare := seen.letters(line)) for i in range(len(bare) - 1)]


# -- What readers chose -----------------------------------------------------------------------------------------------


def liking(network: CharNetwork, vocabulary: Vocabulary, read: Sequence[ReadLine]) -> float:
    """How much less surprising ticked lines are than others, in bits a character, mean over readers; NaN for none.

    The difference is taken within each reader, so that it does not matter which version wrote what he read.
    """
    nats = nats_of(network, vocabulary, [Passage(line.text, before=line.before, ends=False) for line in read])
    surprise: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for line, cost in zip(read, nats, strict=True):
        surprise[line.visitor][line.ticked].append(cost / (len(line.text) + 1) / math.log(2))
    return fmean(fmean(by[False]) - fmean(by[True]) for by in surprise.values()) if surprise else math.nan


def gains(
    base: CharNetwork,
    version: CharNetwork,
    vocabulary: Vocabulary,
    lesson: Lesson,
    *,
    watch: Callable[[float], None] = lambda _share: None,
) -> dict[tuple[str, int], float]:
    """By kind and source of a text of the lesson: its gain in log-probability over *base*, nats a line."""
    texts = [text for text in lesson.texts[:MAX_GAINS] if text.weight > 0]
    passages = [Passage(text.text, ends=text.kind == "poem") for text in texts]
    before = nats_of(base, vocabulary, passages, watch=lambda done: watch(done / 2))
    after = nats_of(version, vocabulary, passages, watch=lambda done: watch(0.5 + done / 2))
    gain_of: dict[tuple[str, int], float] = {}
    for text, was, now in zip(texts, before, after, strict=True):
        gain = (was - now) / (text.text.count("\n") + 1)
        gain_of |= {(text.kind, source): gain for source in text.sources if math.isfinite(gain)}
    return gain_of

"""Drafts: whole poems written while nobody waits. Which of them the drawer keeps, and which one a reader is handed.

The worker writes many drafts, warmly; the judge foretells readers' marks (`models/judge.py`). `keep` takes the best
that are far from one another (maximal marginal relevance, Carbonell & Goldstein 1998). Distance counts only among what
the judge lets pass: the drafts furthest from all others are the broken ones (docs/log.md, 2026-12-04). `choose` draws
the one that a reader is handed: none that he has seen, seldom one near his last ones, by taste where there is one.
Pure rules; nothing here reads or writes.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from app.domain.poem import Wish, WrittenLine
from app.domain.version import Serving

BEST = 0.12
"""Share of the drafts of a batch that the judge lets pass, before they are compared with one another."""
NEAR = 1.6
"""Marks (1 to 5) that a draft loses where all its words stand in one other draft; in proportion for some."""
COMMON = 0.5
"""Marks that it loses for each doubling of how often its words stand in the drawer, mean over its words."""
MOST_SHARED = 0.34
"""Drafts that share more of their rarer words than this are not kept together."""
OFTENER, ANYWAY = 1.5, 2
"""How many times as often as in our verse a word, or two words in a row, may stand in the drawer; and in how many
drafts it may stand at least. Each draft is good by itself; what bores is what they have in common (docs/log.md)."""
ENDINGS, TIMES = 3, 2
"""Fewest different line endings, and most lines that one word may stand in: verse of five lines has 3.8 and 1.8."""
MISSHAPEN = 0.35
"""Marks that a draft loses for each ending too few, and for each line too many with the same word."""
LAST = 12
"""Latest poems of a reader with which the next one is compared."""
LIKE_LAST = 6.0
"""Log-odds that a draft loses where all its words stand in one of these poems; in proportion for some."""
HANDED_OUT = 0.35
"""Log-odds that a draft loses each time that it was handed out: so readers see the whole drawer."""
WORTH_TEMPERATURE = 0.35
"""Softmax temperature of the choice by worth, in marks."""
SEARCHED = 25
"""Drafts written for each one that the drawer holds, before the worker rests."""
OLDEST = timedelta(days=30)
"""Age at which a draft leaves the drawer."""
WEAR, WORN = 0.04, 3
"""Marks that a draft loses to fresh ones for each reader who was handed it; and readers a draft, in the mean, from
which the worker writes fresh ones for a full drawer."""
READY = 12
"""Drafts that must be left for a reader, else his poem is written live: a choice of two is none."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the judge foretells that a reader would say, 1 to 5 each."""

    sense: float
    follows: float
    event: float
    liking: float

    @property
    def worth(self) -> float:
        """One number to choose by, 1 to 5. Sense first; event and liking, which are rarer, count as much together."""
        return 0.3 * self.sense + 0.2 * self.follows + 0.2 * self.event + 0.3 * self.liking


@dataclass(frozen=True)
class Draft:
    """A poem that nobody has seen when it is written."""

    lines: tuple[WrittenLine, ...]
    seed: int
    temperature: float
    marks: Marks
    id: int = 0
    """Its row id; 0 before it is stored."""
    handed_out: int = 0
    """How many readers were handed it."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines' texts."""
        return tuple(line.text for line in self.lines)

    @cached_property
    def words(self) -> frozenset[str]:
        """The stems of its words."""
        return words_of(self.texts)

    @cached_property
    def phrases(self) -> frozenset[str]:
        """The stems of its words, and of every two words in a row with a space between."""
        lines = [[stem(word) for word in text.split()] for text in self.texts]
        return self.words | {f"{one} {other}" for line in lines for one, other in pairwise(line)}

    @cached_property
    def letters(self) -> frozenset[str]:
        """Its lines, letters alone: spacing and marks hide no repetition."""
        return frozenset(letters(text) for text in self.texts)

    @cached_property
    def worth(self) -> float:
        """The judge's mark, less what its shape costs."""
        return self.marks.worth - misshapen(self.texts)


def letters(text: str) -> str:
    """The letters and digits of *text*, case folded."""
    return "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())


def stem(word: str) -> str:
    """The first two syllables of a Korean word, since its ending mostly follows them; other words whole."""
    plain = letters(word)
    return plain[:2] if plain and "가" <= plain[0] <= "힣" else plain


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The stems of all words in *texts*."""
    return frozenset(stem(word) for text in texts for word in text.split()) - {""}


def misshapen(texts: Sequence[str]) -> float:
    """Marks that the shape of a poem costs: lines that all end alike, one word in every line, a line said twice."""
    plain = [letters(text) for text in texts]
    endings = len({line[-2:] for line in plain})
    times = Counter(word for text in texts for word in words_of([text]) if len(word) > 1)
    usual = sorted(times.values(), reverse=True)[:1] or [0]
    missing = max(0, min(ENDINGS, len(texts)) - endings)
    return MISSHAPEN * (missing + max(0, usual[0] - TIMES)) + 2 * (len(set(plain)) < len(plain))


def shared(one: Collection[str], other: Collection[str], weights: Mapping[str, float]) -> float:
    """Share of the words of *one* that *other* has too, 0 to 1, each by its weight (1 where it has none)."""
    total = math.fsum(weights.get(word, 1.0) for word in one)
    both = math.fsum(weights.get(word, 1.0) for word in one if word in other)
    return both / total if total else 0.0


def rarity(drafts: Iterable[Draft]) -> dict[str, float]:
    """Weight of each word: log of how many drafts there are for each that has it (inverse document frequency)."""
    all_words = [draft.words for draft in drafts]
    counts = Counter(word for words in all_words for word in words)
    return {word: math.log(1 + len(all_words) / count) for word, count in counts.items()}


def everywhere(_phrase: str) -> float:
    """A verse of which every phrase stands in every poem: no draft is too common."""
    return 1.0


def keep(
    held: Sequence[Draft],
    fresh: Sequence[Draft],
    *,
    most: int,
    passed: float = BEST,
    usual: Callable[[str], float] = everywhere,
) -> list[Draft]:
    """Those of *held* and *fresh* that the drawer keeps: at most *most*, best first.

    *passed*: share of the fresh drafts that the judge lets pass at all; *usual*: share of the poems of our verse in
    which a phrase stands. Each draft is taken for its worth less what it shares with those taken before it, for as long
    as it repeats no line of theirs and no phrase that enough of them have.
    """
    candidates = sorted(fresh, key=lambda draft: -draft.worth)[: math.ceil(passed * len(fresh))]
    left = sorted([*held, *candidates], key=lambda draft: -_standing(draft))
    weights = rarity(left)
    counts: Counter[str] = Counter()
    costs = dict.fromkeys(range(len(left)), 0.0)  # of the nearest draft that was taken
    kept: list[Draft] = []
    lines: set[str] = set()
    while costs and len(kept) < most:
        best = max(
            costs, key=lambda i: (_standing(left[i]) - NEAR * costs[i] - COMMON * _commonness(left[i], counts), -i)
        )
        del costs[best]
        chosen = left[best]
        worn_out = any(counts[one] >= max(ANYWAY, OFTENER * usual(one) * most) for one in chosen.phrases)
        if worn_out or not lines.isdisjoint(chosen.letters):
            continue
        kept.append(chosen)
        lines |= chosen.letters
        counts.update(chosen.phrases)
        for i in list(costs):
            near = max(shared(left[i].words, chosen.words, weights), shared(chosen.words, left[i].words, weights))
            if near > MOST_SHARED:
                del costs[i]
            else:
                costs[i] = max(costs[i], near)
    return kept


def _standing(draft: Draft) -> float:
    """The worth of a draft, less its wear."""
    return draft.worth - WEAR * draft.handed_out


def _commonness(draft: Draft, counts: Mapping[str, int]) -> float:
    """Mean number of doublings of its words' counts among the drafts taken so far."""
    return math.fsum(math.log2(1 + counts.get(word, 0)) for word in draft.words) / max(1, len(draft.words)) / 4


@dataclass(frozen=True, slots=True)
class Memory:
    """What a reader has seen of a voice."""

    drafts: frozenset[int] = frozenset()
    """Ids of the drafts that he was handed."""
    lines: frozenset[str] = frozenset()
    """Letters of the lines that he was shown lately."""
    last: tuple[frozenset[str], ...] = ()
    """Words of his latest poems, `LAST` at most."""

    @classmethod
    def of(cls, drafts: Iterable[int], poems: Sequence[Sequence[str]]) -> "Memory":
        """*poems*: the lines of the poems he was shown lately, the newest first."""
        seen = frozenset(letters(text) for poem in poems for text in poem)
        return cls(frozenset(drafts), seen, tuple(words_of(poem) for poem in poems[:LAST]))


def drafted(wish: Wish) -> bool:
    """May the wish be answered from the drawer? Not if it says how or with what words the poem is to be written."""
    return wish == Wish() or wish == Wish(word=wish.word)


def left_for(drafts: Iterable[Draft], memory: Memory, *, word: str = "") -> list[Draft]:
    """The drafts that a reader has not seen, nor any line of them. *word*: only those that have it."""
    about = stem(word)
    return [
        draft
        for draft in drafts
        if draft.id not in memory.drafts
        and memory.lines.isdisjoint(draft.letters)
        and (not about or _has(draft.words, about))
    ]


def _has(words: Collection[str], about: str) -> bool:
    """Is the stem *about* among *words*? A Korean one of a syllable may begin a longer one: 봄 stands in 봄비."""
    return about in words or ("가" <= about[0] <= "힣" and any(word.startswith(about) for word in words))


def choose(
    drafts: Sequence[Draft],
    memory: Memory,
    uniform: float,
    *,
    weights: Mapping[str, float],
    liking: Callable[[Draft], float] = lambda _draft: 0.0,
) -> tuple[Draft, float]:
    """Draw one of *drafts*, with its propensity: its probability among them, 0 to 1.

    *uniform*: a random number in [0, 1); *weights*: of words (`rarity`); *liking*: log-odds by taste.
    """
    seen = frozenset[str]().union(*memory.last)

    def near(draft: Draft) -> float:
        """Share of its words in that of the reader's last poems which has most of them."""
        both = draft.words & seen
        most = max((math.fsum(weights.get(w, 1.0) for w in both & words) for words in memory.last), default=0.0)
        return most / max(1.0, math.fsum(weights.get(word, 1.0) for word in draft.words)) if most else 0.0

    scores = [
        draft.worth / WORTH_TEMPERATURE + liking(draft) - HANDED_OUT * draft.handed_out - LIKE_LAST * near(draft)
        for draft in drafts
    ]
    greatest = max(scores)
    chances = [math.exp(score - greatest) for score in scores]
    total, running = math.fsum(chances), 0.0
    for draft, chance in zip(drafts, chances, strict=True):
        running += chance / total
        if running > uniform:
            return draft, chance / total
    return drafts[-1], chances[-1] / total  # rounding left the sum short of 1


@dataclass(frozen=True, slots=True)
class DrawerReport:
    """The state of the drawer of a voice's champion."""

    voice: str
    version: int
    """Number of the champion."""
    drafts: int
    handed_out: int
    """Poems of the voice that readers were handed from the drawer, of this version."""
    written: int
    """Drafts of this version that were written and judged so far."""
    oldest: datetime | None

    @property
    def kept_share(self) -> float | None:
        """Share of the drafts written that are held or were handed out; None before the first."""
        return self.drafts / self.written if self.written else None

    def as_dict(self) -> dict[str, object]:
        """As `poembot drawer --json` prints it."""
        return {
            "voice": self.voice,
            "version": self.version,
            "drafts": self.drafts,
            "handed_out": self.handed_out,
            "written": self.written,
            "kept_share": self.kept_share,
            "oldest": self.oldest.isoformat() if self.oldest else None,
        }


@dataclass(frozen=True, slots=True)
class DrawerNeed:
    """A version that serves or is on trial, and how full its drawer is."""

    serving: Serving
    drafts: int
    written: int
    handed_out: int
    """Readers who were handed them, summed over the drafts."""

    def wants(self, most: int) -> bool:
        """Is another batch worth writing? Until the drawer is full and has been chosen from `SEARCHED` times more; then
        again when readers have worn its drafts.
        """
        return self.drafts < most or self.written < SEARCHED * most or self.handed_out >= WORN * self.drafts

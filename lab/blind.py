"""Blind evaluation: sheets of poems from mixed sources, and the marks that readers give to each source.

Pure functions; `lab/experiments.py` reads and writes the files. Marks can be compared within one sheet, but not
between sheets (docs/reading.md).
"""

import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import StatisticsError, correlation, mean, stdev

from app.domain.poem import LINES

Poem = tuple[str, ...]
"""The lines of a poem."""
SHUFFLED = "~shuffled"
"""Suffix of a source whose lines are shuffled among its poems: the lower bound for the mark `together`."""
MARKS = ("right_lines", "sense", "together", "liking", "ticked")
COLUMNS = ("number", "good_lines", "sense", "together", "liking", "ticks")
"""Columns of a reader's answers, separated by tabs."""
NUMBER = re.compile(r"\[?(\d{1,6})\]?")
WORST, BEST = 1, 5
CONFIDENCE = 1.96
"""Standard errors on either side of the mean that make a 95% interval."""


class Unreadable(ValueError):
    """A key or a reader's answers are malformed; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Numbered poems with their sources; only the key shows the sources."""

    poems: tuple[Poem, ...]
    sources: tuple[str, ...]
    """By poem."""

    @property
    def text(self) -> str:
        """The text for the readers: every poem under its number, from 1."""
        return "\n".join(f"[{i}]\n" + "\n".join(poem) + "\n" for i, poem in enumerate(self.poems, 1))

    @property
    def key(self) -> dict[str, str]:
        """Source by number; readers must not see it."""
        return {str(i): source for i, source in enumerate(self.sources, 1)}


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one reader for one poem."""

    right_lines: float
    """Share of its lines that are grammatical and idiomatic; 0 to 1."""
    sense: float
    """1 to 5, as are `together` and `liking`."""
    together: float
    liking: float
    ticked: float
    """Share of its lines that he would tick; 0 to 1."""


@dataclass(frozen=True, slots=True)
class SourceMarks:
    """The marks of all readers for one source."""

    n: int
    """Number of answers: for each poem, the readers who marked it."""
    means: Mapping[str, float]
    """By mark."""
    margins: Mapping[str, float]
    """By mark: half the width of the 95% interval of the mean, over poems; NaN for a single poem."""


def first_five_lines(poems: Iterable[Sequence[str]]) -> list[Poem]:
    """The first five lines of each poem that has at least five: all poems of a sheet have the same length."""
    return [tuple(poem[:LINES]) for poem in poems if len(poem) >= LINES]


def shuffled(poems: Sequence[Poem], rng: random.Random) -> list[Poem]:
    """The same lines in new poems; with enough poems, no two lines of a new poem come from the same old one."""
    order = rng.sample(poems, len(poems))
    turned = [[order[(i + slot) % len(order)][slot] for slot in range(LINES)] for i in range(len(order))]
    return [tuple(rng.sample(lines, LINES)) for lines in turned]


def mix(sources: Mapping[str, Sequence[Poem]], *, seed: int) -> Sheet:
    """One sheet of all the poems in random order; sources named `…~shuffled` get their lines shuffled."""
    rng = random.Random(seed)
    rows: list[tuple[str, Poem]] = []
    for name, poems in sources.items():
        rows += [(name, poem) for poem in (shuffled(poems, rng) if name.endswith(SHUFFLED) else poems)]
    rng.shuffle(rows)
    return Sheet(tuple(poem for _, poem in rows), tuple(name for name, _ in rows))


def answers(text: str, key: Mapping[str, str], *, partial: bool = False) -> dict[str, Marks]:
    """A reader's marks by poem number. Raises Unreadable for wrong rows and, unless *partial*, for missing ones."""
    found: dict[str, Marks] = {}
    wrong: list[str] = []
    for place, row in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in row.split("\t")]
        if not row.strip() or cells[0].lower() == COLUMNS[0]:  # the table's head
            continue
        try:
            number, marks = _row(cells, key)
        except Unreadable as error:
            wrong.append(f"line {place}: {error}")
            continue
        if number in found:
            wrong.append(f"line {place}: poem {number} was marked before")
        found[number] = marks
    if wrong:
        more = f" ({len(wrong) - 1} more rows cannot be read)" if len(wrong) > 1 else ""
        raise Unreadable(wrong[0] + more)
    missing = [number for number in key if number not in found]
    if not found or (missing and not partial):
        raise Unreadable(f"{len(missing)} of {len(key)} poems are not marked: {_first(missing)}")
    return found


def _row(cells: Sequence[str], key: Mapping[str, str]) -> tuple[str, Marks]:
    if len(cells) != len(COLUMNS):
        raise Unreadable(f"a row has {len(COLUMNS)} cells separated by tabs ({' '.join(COLUMNS)}), not {len(cells)}")
    number = NUMBER.fullmatch(cells[0])
    if number is None or str(int(number[1])) not in key:
        raise Unreadable(f"there is no poem {cells[0]!r} on the sheet")
    good = _number("good_lines", cells[1], 0, LINES)
    sense, together, liking = (
        _number(name, cell, WORST, BEST) for name, cell in zip(COLUMNS[2:5], cells[2:5], strict=True)
    )
    return str(int(number[1])), Marks(good / LINES, sense, together, liking, _ticks(cells[5]) / LINES)


def _number(name: str, cell: str, low: int, high: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Unreadable(f"{name} is a number from {low} to {high}, not {cell!r}")
    return value


def _ticks(cell: str) -> int:
    ticks = [] if cell == "-" else [tick for tick in re.split(r"[,\s]+", cell) if tick]
    places = {str(place) for place in range(1, LINES + 1)}
    if not set(ticks) <= places or len(set(ticks)) != len(ticks) or not (ticks or cell == "-"):
        raise Unreadable(f"ticks are lines from 1 to {LINES} with commas between, or -, not {cell!r}")
    return len(ticks)


def by_source(readers: Sequence[Mapping[str, Marks]], key: Mapping[str, str]) -> dict[str, SourceMarks]:
    """The marks of each source, sorted by the mark `sense`, best first."""
    table = {}
    for source in dict.fromkeys(key.values()):
        poems = [[reader[number] for reader in readers if number in reader] for number in key if key[number] == source]
        read = [marks for marks in poems if marks]
        if read:
            table[source] = _summary(read)
    return dict(sorted(table.items(), key=lambda item: -item[1].means["sense"]))


def _summary(poems: Sequence[Sequence[Marks]]) -> SourceMarks:
    """Means and margins; *poems*: for each poem, the marks of its readers."""
    means, margins = {}, {}
    given = [[asdict(marks) for marks in poem] for poem in poems]
    for mark in MARKS:
        of_poem = [mean(marks[mark] for marks in poem) for poem in given]
        means[mark] = mean(marks[mark] for poem in given for marks in poem)
        margins[mark] = CONFIDENCE * stdev(of_poem) / math.sqrt(len(of_poem)) if len(of_poem) > 1 else math.nan
    return SourceMarks(sum(map(len, poems)), means, margins)


def agreement(readers: Sequence[Mapping[str, Marks]]) -> dict[str, float | None]:
    """By mark: the correlation of two readers over the poems that both read, averaged over all pairs of readers.

    None where it is undefined: with a single reader, or with one who gave every poem the same mark.
    """
    return {mark: _agreement(readers, mark) for mark in MARKS}


def _agreement(readers: Sequence[Mapping[str, Marks]], mark: str) -> float | None:
    found = []
    for one, other in combinations(readers, 2):
        both = [number for number in one if number in other]
        try:
            marks_of_one, marks_of_other = (
                [asdict(reader[number])[mark] for number in both] for reader in (one, other)
            )
            found.append(correlation(marks_of_one, marks_of_other))
        except StatisticsError:  # too few poems, or the same mark for all
            return None
    return mean(found) if found else None


def key_of(stored: object) -> dict[str, str]:
    """Source by number, from a key file: that of `mix`, or a list of sources from poem 0 on. Raises Unreadable."""
    poems = stored.get("poems") if isinstance(stored, dict) else stored
    if isinstance(poems, list):
        poems = {str(i): source for i, source in enumerate(poems)}
    if not isinstance(poems, dict) or not poems or not all(isinstance(source, str) for source in poems.values()):
        raise Unreadable("this is not the key of a sheet")
    return poems


def _first(numbers: Sequence[str]) -> str:
    return ", ".join(numbers[:10]) + (", …" if len(numbers) > 10 else "")

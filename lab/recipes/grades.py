"""Grades: how readers marked candidate lines for the same place of a poem, or whole poems, side by side.

    python -m lab.recipes.grades ask --folder models/base/bard --groups 600 --sheets 4 --seed 1 --out FOLDER
    python -m lab.recipes.grades collect --out FOLDER --into lab/recipes/graded/bard.jsonl.gz --round 13
    python -m lab.recipes.grades whole --out FOLDER --into lab/recipes/graded/sibot.jsonl.gz --round 19

`ask` writes sheets for readers, and their brief; `collect` reads the answers in the same folder. `whole` reads
`answers-*.tsv` to sheets of whole poems, `sheet-*.txt`, as `poembot lab read sheet` writes them. The grades train the
network, and the reward that chooses among candidates (`models/prefer.py`).
"""

import argparse
import gzip
import json
import math
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.poem import LINES, Quotation, Wish
from app.domain.version import Serving
from app.engine.batcher import Batcher
from app.engine.choose import ONE, stem
from app.engine.live import LiveVersion, load
from lab import blind
from models.checkpoint import MOST_CANDIDATES
from models.corpus import poems_in
from models.prefer import Group
from models.seen import letters

FOLDER = Path(__file__).parent / "graded"
"""One compressed file of grades for each voice, a row a group, and the brief that readers were given."""
CANDIDATES = 6
MARKS = "abcdef"
DIGITS = "0123"
ROWS = 192
PRICE = np.array([1.0, 2.0])
"""(2,): how many times the part of a mark that commonness explains is subtracted, for words and for lines.

At 1, saying what many poems say is neither rewarded nor punished; at 2, common lines are punished, so that they grow
rarer. Where readers themselves mark what is common lower, 1 is used.
"""
TINY = 1e-9
"""Smallest standard deviation; a mark that is the same for all poems carries no information."""


def rounds(voice: str) -> dict[int, list[Group]]:
    """The groups of graded lines of a voice, by round and in the order of the rounds."""
    return read(FOLDER / f"{voice}.jsonl.gz")


def read(file: Path) -> dict[int, list[Group]]:
    """The groups of graded lines in a file, by round. ValueError for a wrong row."""
    found: dict[int, list[Group]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        for number, row in enumerate(rows, 1):
            try:
                told = json.loads(row)
                worth = tuple(map(float, told["grades"]))
                group = Group(tuple(told["before"]), bool(told["ends"]), tuple(told["lines"]), worth)
                found.setdefault(int(told["round"]), []).append(group)
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{file}, row {number}: {error}") from error
            if len(group.lines) != len(group.grades):
                raise ValueError(f"{file}, row {number}: a grade for each line")
    return dict(sorted(found.items()))


def ask(folder: Path, *, groups: int, sheets: int, seed: int, out: Path) -> None:
    """Write *sheets* sheets with *groups* places in all, and several lines for each place."""
    live, rng = voice(folder), random.Random(seed)
    poems = list(written(live, (Wish(lines=LINES, seed=rng.getrandbits(40)) for _ in range(groups // 2 + 1))))
    places = [(poem[:slot], slot == LINES - 1) for poem in poems for slot in rng.sample(range(LINES), 2)][:groups]
    rng.shuffle(places)
    wishes = (next_line(before, rng) for before, _ in places for _ in range(CANDIDATES))
    lines = [poem[-1] for poem in written(live, wishes, alone=True)]
    asked = []
    for i, (before, ends) in enumerate(places):
        different = {letters(line): line for line in lines[i * CANDIDATES : (i + 1) * CANDIDATES]}
        if len(different) > 1:
            asked.append({"before": before, "ends": ends, "lines": list(different.values())})
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / "BRIEF.md", out)
    for sheet in range(sheets):
        mine = asked[sheet::sheets]
        (out / f"asked-{sheet}.jsonl").write_text(_rows(mine), encoding="utf-8")
        (out / f"sheet-{sheet}.txt").write_text(
            "\n".join(_told(i, one) for i, one in enumerate(mine)), encoding="utf-8"
        )


def _told(number: int, one: Mapping[str, Any]) -> str:
    before = "\n".join(one["before"]) or "(first line)"
    ends = " (last line)" if one["ends"] else ""
    lines = "\n".join(f"  {mark} {line}" for mark, line in zip(MARKS, one["lines"], strict=False))
    return f"[{number}]{ends}\n{before}\n{lines}\n"


def _rows(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _add(rows: Iterable[Mapping[str, Any]], into: Path, number: int) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(into, "at", encoding="utf-8") as file:
        file.write(_rows({"round": number} | dict(row) for row in rows))


def collect(out: Path, into: Path, of_round: int) -> tuple[int, int]:
    """Append the answers in *out* to the file *into* as *of_round*; how many were kept, and how many were wrong."""
    kept, odd = [], 0
    for asked in sorted(out.glob("asked-*.jsonl")):
        answers = asked.with_name(asked.name.replace("asked", "answers").replace("jsonl", "txt"))
        if not answers.exists():
            continue
        places = [json.loads(row) for row in asked.read_text(encoding="utf-8").splitlines()]
        for row in answers.read_text(encoding="utf-8").splitlines():
            number, _, digits = row.strip().partition("\t")
            digits = digits.strip()
            if not number.isdecimal() or int(number) >= len(places) or not set(digits) <= set(DIGITS):
                odd += bool(row.strip())
            elif len(digits) != len(places[int(number)]["lines"]):
                odd += 1
            else:
                kept.append(places[int(number)] | {"grades": [int(digit) for digit in digits]})
    _add(kept, into, of_round)
    return len(kept), odd


def whole(out: Path, into: Path, number: int) -> int:
    """Append to the file *into*, as round *number*, pairs of poems from the sheets in *out*; how many were graded.

    A poem's mark is the mean of its four marks (sense, together, liking, ticks), each in standard deviations of its
    sheet. The part explained by how common its words and lines are is subtracted, as many times as `PRICE` says. The
    poems of a sheet are then ranked, and the first of the better half is paired with the first of the other half, and
    so on: each poem occurs once, and all pairs are equally far apart.
    Raises blind.Unreadable for wrong rows, and if nobody has answered.
    """
    sheets = sorted(out.glob("sheet-*.txt"))
    poems = [
        [tuple(poem.split("\n")[1:]) for poem in poems_in(sheet.read_text("utf-8"), titles=False)] for sheet in sheets
    ]  # without their numbers
    common = iter(commonness([poem for of_sheet in poems for poem in of_sheet]))
    # By sheet: texts, and their marks (n,) and commonness (n, 2) in deviations of that sheet.
    marked: list[tuple[list[str], NDArray[np.float64], NDArray[np.float64]]] = []
    for sheet, of_sheet in zip(sheets, poems, strict=True):
        of_poems = np.array([next(common) for _ in of_sheet])
        answers = sheet.with_name(sheet.name.replace("sheet", "answers")).with_suffix(".tsv")
        if answers.exists():
            key = {str(number): "" for number in range(1, len(of_sheet) + 1)}
            told = blind.answers(answers.read_text("utf-8"), key, partial=True)
            which = [int(number) - 1 for number in told]
            given = np.array([[one.sense, one.together, one.liking, one.ticked] for one in told.values()])  # (N, 4)
            worth = _deviations(_deviations(given).mean(1))
            marked.append((["\n".join(of_sheet[i]) for i in which], worth, _deviations(of_poems[which])))
    if not marked:
        raise blind.Unreadable(f"{out} has no sheet-*.txt with answers-*.tsv beside it")
    marks = np.concatenate([worth for _, worth, _ in marked])
    explained = np.linalg.lstsq(np.concatenate([of_poems for _, _, of_poems in marked]), marks)[0]  # (2,)
    price = np.where(explained > 0, PRICE, 1.0) * explained
    rows = []
    for texts, worth, of_poems in marked:
        best_first = [texts[i] for i in np.argsort(of_poems @ price - worth, kind="stable")]
        half = len(best_first) // 2
        pairs = zip(best_first[:half], best_first[-half:], strict=True)
        rows += [{"before": [], "ends": True, "lines": pair, "grades": [1, 0]} for pair in pairs]
    _add(rows, into, number)
    return 2 * len(rows)


def commonness(poems: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """How common each poem's words and pairs of words are among the *poems*, and how common its lines: (N, 2).

    Each is the mean log share of poems that contain them. Readers see one poem at a time and like common phrases a
    little better; a network that learns this ends up with nothing else.
    """
    lines = [{_line(line) for line in poem} for poem in poems]
    words = [{part for line in poem for part in _parts(line)} for poem in lines]
    return np.stack([_shares(words), _shares(lines)], axis=1)


def _shares(said: Sequence[Iterable[str]]) -> NDArray[np.float64]:
    """For each poem, the mean log share of poems that contain its parts (N,)."""
    counts = Counter(part for parts in said for part in parts)
    return np.array([np.mean([math.log(counts[part] / len(said)) for part in parts]) for parts in said])


def _line(line: str) -> str:
    return " ".join(stem(word) for word in line.casefold().split())


def _parts(line: str) -> list[str]:
    words = ["", *line.split()]
    return [*words[1:], *(f"{one} {other}" for one, other in pairwise(words))]


def _deviations(marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standardise each column: mean 0, standard deviation 1."""
    found: NDArray[np.float64] = (marks - marks.mean(0)) / np.maximum(marks.std(0), TINY)
    return found


def voice(folder: Path) -> LiveVersion:
    """Load the version in *folder* as the site does."""
    served = Serving("grades", 0, 0, "base", "base")
    return load(served, folder, precision="int8", rows=ROWS, threads=1, candidates=MOST_CANDIDATES)


def next_line(before: Sequence[str], rng: random.Random) -> Wish:
    """A request for one more line after *before*."""
    keep = tuple(Quotation(None, line) for line in before)
    return Wish(lines=len(before) + 1, keep=keep, seed=rng.getrandbits(40))


def written(live: LiveVersion, wishes: Iterable[Wish], *, alone: bool = False) -> Iterator[tuple[str, ...]]:
    """Poems that the version writes without a taste; *alone*: without a choice among candidates."""
    candidates = 1 if alone else live.style.candidates
    batcher = Batcher(lambda _voice: live, rows=ROWS, queue=2 * ROWS, candidates=candidates, way=ONE if alone else None)
    try:
        for done, writing in enumerate(batcher.write_all(live.voice, wishes, at_once=ROWS), 1):
            yield tuple(line.text for line in writing.lines)
            if done % 5000 == 0:
                print(f"{done:,} written", file=sys.stderr, flush=True)
    finally:
        batcher.close()


def main() -> None:
    """Write sheets, or read their answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    asking = what.add_parser("ask")
    asking.add_argument("--folder", type=Path, required=True, help="the version that writes")
    asking.add_argument("--groups", type=int, default=600)
    asking.add_argument("--sheets", type=int, default=4)
    asking.add_argument("--seed", type=int, default=0)
    asking.add_argument("--out", type=Path, required=True)
    for name in ("collect", "whole"):
        taking = what.add_parser(name)
        taking.add_argument("--out", type=Path, required=True, help="the sheets, and the answers beside them")
        taking.add_argument("--into", type=Path, required=True, help="the file of the voice")
        taking.add_argument("--round", type=int, required=True)
    told = parser.parse_args()
    if told.what == "whole":
        print(f"{whole(told.out, told.into, told.round)} poems")
    elif told.what == "ask":
        ask(told.folder, groups=told.groups, sheets=told.sheets, seed=told.seed, out=told.out)
    else:
        kept, odd = collect(told.out, told.into, told.round)
        print(f"{kept} places; {odd} rows that are no answer")


if __name__ == "__main__":
    main()

"""Finishing: what the voice has begun a poet ends, and from that it learns to go on from what it writes itself.

    python -m lab.recipes.finish ask --folder models/base/sibot --poems 6000 --sheets 120 --seed 1 --out FOLDER
    python -m lab.recipes.finish collect --out FOLDER --into lab/recipes/finished/sibot-1.jsonl

A network that has read good poems only does not know how one goes on after a line of its own that is odd; each line
leads it further from what it has read. So it is taught where it goes wrong (DAgger: Ross, Gordon & Bagnell 2011).
`ask` writes sheets of beginnings and the brief that goes with them, `collect` reads the answers that lie beside them.
"""

import argparse
import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.domain.poem import LINES, Wish
from app.domain.submission import blocked, personal_data
from lab.recipes.grades import voice, written
from lab.recipes.package import VOICES
from models.corpus import Passage

FOLDER = Path(__file__).parent / "finished"
"""Where finished poems are kept, a file for each round of a voice, and what the poets were told."""
PLACES = (1, 2, 2, 3, 3, 4)
"""How long beginnings are, in lines; two are taken of each poem."""
PARTED = "/"
"""Between two lines of an answer."""


def read(file: Path) -> list[Passage]:
    """The finished poems of a *file*: their endings are learned, their beginnings only read.

    ValueError for a row that is none.
    """
    found = []
    for number, row in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            told = json.loads(row)
            before, after = list(map(str, told["before"])), list(map(str, told["after"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file}, row {number}: {error}") from error
        if not before or len(before) + len(after) != LINES:
            raise ValueError(f"{file}, row {number}: a beginning, and as many lines as a poem lacks")
        found.append(Passage("\n".join(after), before="\n".join(before)))
    return found


def ask(folder: Path, *, poems: int, sheets: int, seed: int, out: Path) -> None:
    """Write *sheets* sheets of beginnings, two of each of *poems* poems, none twice."""
    live, rng = voice(folder), random.Random(seed)
    begun = {
        poem[:length]: None
        for poem in written(live, (Wish(seed=rng.getrandbits(40)) for _ in range(poems)))
        for length in rng.sample(PLACES, 2)
    }
    beginnings = list(begun)
    rng.shuffle(beginnings)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / "BRIEF.md", out)
    for sheet in range(sheets):
        mine = beginnings[sheet::sheets]
        (out / f"asked-{sheet}.json").write_text(json.dumps(mine, ensure_ascii=False), encoding="utf-8")
        shown = "\n".join(f"[{number}]\n" + "\n".join(lines) + "\n" for number, lines in enumerate(mine))
        (out / f"sheet-{sheet}.txt").write_text(shown, encoding="utf-8")


def collect(out: Path, into: Path, *, writes: Callable[[str], bool]) -> tuple[int, int]:
    """Add the answers in *out* to the file *into*; how many were kept, and how many rows were none.

    *writes*: may the voice write this character?
    """
    kept, odd = [], 0
    for asked in sorted(out.glob("asked-*.json")):
        answers = asked.with_name(asked.name.replace("asked", "answers").replace("json", "txt"))
        if not answers.exists():
            continue
        beginnings = json.loads(asked.read_text(encoding="utf-8"))
        for row in answers.read_text(encoding="utf-8").splitlines():
            finished = _finished(row, beginnings, writes)
            if finished is not None:
                kept.append(json.dumps(finished, ensure_ascii=False) + "\n")
            else:
                odd += bool(row.strip())
    into.parent.mkdir(parents=True, exist_ok=True)
    with into.open("a", encoding="utf-8") as file:
        file.writelines(kept)
    return len(kept), odd


def _finished(
    row: str, beginnings: Sequence[Sequence[str]], writes: Callable[[str], bool]
) -> Mapping[str, Sequence[str]] | None:
    """A row of answers: a number, a tab, the lines that its beginning lacks. None for what is no answer."""
    number, _, told = row.strip().partition("\t")
    if not number.isdecimal() or int(number) >= len(beginnings):
        return None
    before, after = beginnings[int(number)], [" ".join(line.split()) for line in told.split(PARTED)]
    whole = len(before) + len(after) == LINES and all(after)
    if not whole or not all(c == " " or writes(c) for line in after for c in line):
        return None
    text = "\n".join(after)
    return None if blocked(text) or personal_data(text) else {"before": before, "after": after}


def main() -> None:
    """Make sheets, or read their answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    asking = what.add_parser("ask")
    asking.add_argument("--folder", type=Path, required=True, help="the version that writes")
    asking.add_argument("--poems", type=int, default=600)
    asking.add_argument("--sheets", type=int, default=12)
    asking.add_argument("--seed", type=int, default=0)
    asking.add_argument("--out", type=Path, required=True)
    collecting = what.add_parser("collect")
    collecting.add_argument("--voice", choices=sorted(VOICES), required=True)
    collecting.add_argument("--out", type=Path, required=True)
    collecting.add_argument("--into", type=Path, required=True)
    told = parser.parse_args()
    if told.what == "ask":
        ask(told.folder, poems=told.poems, sheets=told.sheets, seed=told.seed, out=told.out)
    else:
        kept, odd = collect(told.out, told.into, writes=VOICES[told.voice].writes)
        print(f"{kept} poems; {odd} rows that are no answer")


if __name__ == "__main__":
    main()

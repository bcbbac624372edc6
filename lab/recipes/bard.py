"""The recipe of `bard`: stages of plain prose and of verse in turn; the shortest songs come last.

    python -m lab.recipes.bard --corpus FOLDER --work FOLDER --release bard-2026.12.6

The corpus folder has `en-prose/` and `en-poems-more/`; our own verse is in the base's folder. The command ends with the
shipped folder. Finished stages are kept in the work folder, and a second start resumes there.
"""

import random
from pathlib import Path

from lab.recipes import making
from lab.recipes.making import Maker, OwnVerse, Recipe, as_running_text, main, passages
from models.vocabulary import Vocabulary

STORIES = ("storybooks_asp_pratham", "fairytaleqa")
CLASSICS, ENCYCLOPEDIA, LYRICS = 2_400_000, 400_000, 1_000_000
MORE_LYRICS = 2_500_000
MORE_CLASSICS = 1_200_000
"""Characters that are read of each, in the first stages and later; more would outweigh the stories."""
NEW_CLASSICS, MORE_ENCYCLOPEDIA = 5_000_000, 1_200_000
"""Characters that the stage `further` reads of each."""
SHORTEST_LYRIC, LONGEST_LYRIC, LONGEST_LINE = 60, 900, 64
SELDOM = 40


def lyrics(corpus: Path, *, most: int = LYRICS) -> list[str]:
    """Short poems in plain words from four centuries, drawn at random with a fixed seed."""
    text = (corpus / "en-poems-more" / "pdp_lyric_plain.txt").read_text(encoding="utf-8")
    poems = [
        "\n".join(" ".join(line.split()) for line in poem.splitlines() if line.strip()) for poem in text.split("\n\n\n")
    ]
    short = [
        p for p in poems if SHORTEST_LYRIC <= len(p) <= LONGEST_LYRIC and max(map(len, p.splitlines())) <= LONGEST_LINE
    ]
    random.Random(1).shuffle(short)
    some, chars = [], 0
    for poem in short:
        some.append(poem)
        chars += len(poem)
        if chars > most:
            break
    return some


def stories(corpus: Path) -> list[str]:
    """Modern stories for children: the plainest prose."""
    return [text for name in STORIES for text in passages(corpus / "en-prose" / f"{name}.txt")]


def prose(corpus: Path) -> list[str]:
    """Stories, some children's classics, a little of the encyclopedia in simple English."""
    folder = corpus / "en-prose"
    classics = passages(folder / "gutenberg_children.txt", most=CLASSICS)
    return [*stories(corpus), *classics, *passages(folder / "simplewiki_select.txt", most=ENCYCLOPEDIA)]


def more_classics(corpus: Path) -> list[str]:
    """Classics that the first stage does not read."""
    return passages(corpus / "en-prose" / "gutenberg_children.txt", skip=CLASSICS, most=MORE_CLASSICS)


def new_prose(corpus: Path) -> list[str]:
    """Classics and encyclopedia that no earlier stage reads."""
    folder = corpus / "en-prose"
    classics = passages(folder / "gutenberg_children.txt", skip=CLASSICS + MORE_CLASSICS, most=NEW_CLASSICS)
    return [*classics, *passages(folder / "simplewiki_select.txt", skip=ENCYCLOPEDIA, most=MORE_ENCYCLOPEDIA)]


def all_prose(corpus: Path) -> list[str]:
    """All prose that any stage reads."""
    return [*prose(corpus), *more_classics(corpus), *new_prose(corpus)]


def train(corpus: Path, work: Path, base: Path) -> Maker:
    """Train the ten stages; prints bits per character on the holdouts after each."""
    own = OwnVerse.of(base)
    plain, simple, songs, dense = own.plain, own.simple, own.songs, own.dense
    texts, poets = prose(corpus), lyrics(corpus)
    ours = [*plain, *dense, *dense]
    make = Maker.start(Vocabulary.of([*texts, *poets, *ours], at_least=SELDOM), work=work, base=base)

    make.read("language", [*texts, *as_running_text([*poets, *ours])], passes=1, rate=4e-3, floor=0.4)
    poems = [*ours, *poets[: len(poets) // 3]]
    make.learn_verse("verse", poems, dropout=0.25, passes=3, rate=3e-3, floor=0.3, seed=1)
    make.learn_verse("plain", [*plain, *dense], dropout=0.2, passes=2, rate=1.2e-3, seed=2)

    broader = [*stories(corpus)[::2], *more_classics(corpus), *as_running_text([*plain, *ours])]
    make.read("broader", broader, passes=1, rate=3e-3, floor=0.5, seed=3)
    make.learn_verse("last", [*plain, *dense], dropout=0.2, passes=2, rate=2e-3, seed=4)

    further = [*stories(corpus), *new_prose(corpus), *as_running_text([*lyrics(corpus, most=MORE_LYRICS), *ours * 3])]
    make.read("further", further, passes=1, rate=3e-3, floor=0.5, seed=5)
    poems = [*simple, *plain, *dense]
    make.learn_verse("simple", poems, dropout=0.15, per_batch=16, passes=3, rate=2.5e-3, floor=0.5, seed=6)
    make.learn_verse("final", poems, dropout=0.15, per_batch=16, passes=2, rate=1.5e-3, seed=7)

    poems = [*songs, *simple, *plain, *dense]
    make.learn_verse("again", poems, dropout=0.1, minutes=making.LATER_STAGE_MINUTES, rate=2.5e-3, floor=0.5, seed=8)
    poems = [*songs * 2, *simple[::3], *plain[::8], *dense[::16]]
    make.learn_verse("songs", poems, dropout=0.15, per_batch=16, minutes=making.LATER_STAGE_MINUTES, rate=2e-3, seed=9)
    return make


# Its rounds swing, and the mean of three reads better (docs/log.md, 2026-11-29).
RECIPE = Recipe("bard", train, read=lyrics, skimmed=all_prose, averaged=(10, 12))

if __name__ == "__main__":
    main(RECIPE)

"""The recipe of `sibot`: stages of plain prose and of verse in turn; the plainest verse comes last.

    python -m lab.recipes.sibot --corpus FOLDER --work FOLDER --release sibot-2026.12.9

The corpus folder has `ko-modern/` and `ko-poems/`; our own verse is in the base's folder. The command ends with the
shipped folder. Finished stages are kept in the work folder, and a second start resumes there.
"""

from pathlib import Path

from lab.recipes import making
from lab.recipes.making import Maker, OwnVerse, Recipe, as_running_text, main, passages
from models.corpus import read_poems
from models.vocabulary import Vocabulary

TALES = ("asp_storybooks", "boddari_fairytales", "kobest_scenes", "kommongen", "songys_chatbot")
"""Tales, scenes and dialogues: modern Korean, as plain as our verse; read twice."""
MIXED = ("ud_kaist", "kobest_examples", "book_reviews_nanet", "klue_gsd_xnli")
PLOTS, MORE_PLOTS = 1_600_000, 800_000
"""Characters of plots and legends from the encyclopedia, in the first stage and later; all would outweigh the tales."""
OLD_SPELLING = ("이상.txt", "박용철(번역)_옛표기.txt", "시조_옛표기.txt")
ENCYCLOPEDIA = 3_000_000
"""Characters of the encyclopedia's articles that are nearest to tales and verse."""
LONGEST_LINE = 40
SELDOM, OURS = 20, 7
"""A character that occurs so often gets a symbol of its own; one in our verse counts seven times."""


def old_poets(corpus: Path) -> list[str]:
    """The poets of the 1920s to 40s in modern spelling, without prose poems."""
    files = [f for f in sorted((corpus / "ko-poems").glob("*.txt")) if f.name not in OLD_SPELLING]
    return [p for p in read_poems(*files) if max(map(len, p.splitlines())) <= LONGEST_LINE]


def tales(corpus: Path) -> list[str]:
    """The plainest modern prose."""
    return [text for name in TALES for text in passages(corpus / "ko-modern" / f"{name}.txt")]


def prose(corpus: Path) -> list[str]:
    """The modern prose of the first stage."""
    folder = corpus / "ko-modern"
    mixed = [text for name in MIXED for text in passages(folder / f"{name}.txt")]
    return [*tales(corpus), *mixed, *passages(folder / "kowiki_plots.txt", most=PLOTS)]


def more_plots(corpus: Path) -> list[str]:
    """Plots that the first stage does not read."""
    return passages(corpus / "ko-modern" / "kowiki_plots.txt", skip=PLOTS, most=MORE_PLOTS)


def encyclopedia(corpus: Path) -> list[str]:
    """Articles of every kind: their words are seldom those of our verse, but their sentences are correct."""
    return passages(corpus / "ko-modern" / "kowiki_select_A.txt", most=ENCYCLOPEDIA)


def all_prose(corpus: Path) -> list[str]:
    """All prose that any stage reads."""
    return [*prose(corpus), *more_plots(corpus), *encyclopedia(corpus)]


def train(corpus: Path, work: Path, base: Path) -> Maker:
    """Train the twelve stages; prints bits per character on the holdouts after each."""
    own = OwnVerse.of(base)
    plain, simple, songs, dense = own.plain, own.simple, own.songs, own.dense
    texts, stories = prose(corpus), tales(corpus)
    everything, verse = all_prose(corpus), [*plain, *dense, *old_poets(corpus)]
    make = Maker.start(Vocabulary.of([*texts, *verse * OURS], at_least=SELDOM), work=work, base=base)

    make.read("language", [*stories, *texts, *as_running_text(verse)], passes=1, rate=4e-3, floor=0.4)
    make.learn_verse("verse", verse, dropout=0.25, passes=4, rate=3e-3, floor=0.3, seed=1)
    make.learn_verse("plain", [*plain, *dense[::4]], dropout=0.2, passes=2, rate=1.2e-3, seed=2)

    broader = [*stories, *more_plots(corpus), *as_running_text([*plain, *verse])]
    make.read("broader", broader, passes=1, rate=3e-3, floor=0.5, seed=3)
    make.learn_verse("last", [*plain, *dense[::3]], dropout=0.2, passes=2, rate=2e-3, seed=4)

    further = [*stories, *everything, *as_running_text(verse) * 3]
    make.read("further", further, passes=1, rate=3e-3, floor=0.5, seed=5)
    poems = [*simple, *plain, *dense[::3]]
    make.learn_verse("simple", poems, dropout=0.15, passes=4, rate=2.5e-3, floor=0.5, seed=6)
    make.learn_verse("final", poems, dropout=0.15, passes=3, rate=1.5e-3, seed=7)

    again = [*stories, *everything, *as_running_text([*songs * 3, *simple * 2, *plain, *dense])]
    make.read("again", again, minutes=making.LATER_STAGE_MINUTES, rate=2.5e-3, floor=0.5, seed=8)
    poems = [*songs * 3, *simple, *plain[::2], *dense[::4]]
    make.learn_verse("songs", poems, dropout=0.15, minutes=making.LATER_STAGE_MINUTES, rate=2e-3, seed=9)

    wide = [*stories, *texts[::2], *as_running_text([*songs * 2, *simple, *plain[::2], *dense[::2]])]
    make.read("wide", wide, minutes=making.LATER_STAGE_MINUTES, rate=2.5e-3, floor=0.5, seed=18)
    poems = [*songs * 2, *simple, *plain[::3], *dense[::4]]
    make.learn_verse("songs-again", poems, dropout=0.12, minutes=making.LATER_STAGE_MINUTES, rate=2e-3, seed=19)
    return make


# A reward fitted to later rounds reads no better (docs/log.md, 2026-11-29).
RECIPE = Recipe("sibot", train, read=old_poets, skimmed=all_prose, rewarded=12)

if __name__ == "__main__":
    main(RECIPE)

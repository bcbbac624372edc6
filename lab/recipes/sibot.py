"""How `sibot` was made: plain prose for the language and verse in all its kinds, by turns; last the plainest verse.

    python -m lab.recipes.sibot --corpus FOLDER --work FOLDER --release sibot-2026.12.9

The corpus folder holds `ko-modern/` and `ko-poems/`; our own verse lies beside the base voice. One command from
there to the shipped folder; what is done is kept in the work folder, and a second start goes on from it.
"""

from pathlib import Path

from lab.recipes import stages
from lab.recipes.making import Recipe, main
from models.corpus import Poems, Stream, read_poems
from models.network import CharNetwork
from models.vocabulary import Vocabulary

TALES = ("asp_storybooks", "boddari_fairytales", "kobest_scenes", "kommongen", "songys_chatbot")
"""Tales, scenes and talk: today's Korean, as plain as our verse; read twice."""
MIXED = ("ud_kaist", "kobest_examples", "book_reviews_nanet", "klue_gsd_xnli")
PLOTS, MORE_PLOTS = 1_600_000, 800_000
"""Characters of the encyclopedia's plots and legends, first and later; all of them would outweigh the tales."""
OLD_SPELLING = ("이상.txt", "박용철(번역)_옛표기.txt", "시조_옛표기.txt")
ENCYCLOPEDIA = 3_000_000
"""Characters of what is nearest in it to tales and verse."""
LONGEST_LINE = 40
SELDOM, OURS = 20, 7
"""A character that stands so often has a symbol of its own; in our verse each counts sevenfold."""


def old_poets(corpus: Path) -> list[str]:
    """The poets of the 1920s to 40s in modern spelling, without prose poems."""
    files = [f for f in sorted((corpus / "ko-poems").glob("*.txt")) if f.name not in OLD_SPELLING]
    return [p for p in read_poems(*files) if max(map(len, p.splitlines())) <= LONGEST_LINE]


def tales(corpus: Path) -> list[str]:
    """The plainest of today's prose."""
    return [text for name in TALES for text in stages.passages(corpus / "ko-modern" / f"{name}.txt")]


def prose(corpus: Path) -> list[str]:
    """All of today's prose that is read."""
    folder = corpus / "ko-modern"
    mixed = [text for name in MIXED for text in stages.passages(folder / f"{name}.txt")]
    return [*tales(corpus), *mixed, *stages.passages(folder / "kowiki_plots.txt", most=PLOTS)]


def more_plots(corpus: Path) -> list[str]:
    """Plots that the first stage has not read."""
    return stages.passages(corpus / "ko-modern" / "kowiki_plots.txt", skip=PLOTS, most=MORE_PLOTS)


def encyclopedia(corpus: Path) -> list[str]:
    """Articles of every kind: few of its words are our verse's, and its sentences are right."""
    return stages.passages(corpus / "ko-modern" / "kowiki_select_A.txt", most=ENCYCLOPEDIA)


def all_prose(corpus: Path) -> list[str]:
    """All prose that any stage reads."""
    return [*prose(corpus), *more_plots(corpus), *encyclopedia(corpus)]


def train(corpus: Path, work: Path, base: Path) -> tuple[CharNetwork, Vocabulary]:
    """Train the twelve stages; prints bits per character on the holdouts after each."""
    texts, plain, dense = prose(corpus), stages.plain_verse(base), stages.dense_verse(base)
    verse = [*plain, *dense, *old_poets(corpus)]
    vocabulary = stages.keep(Vocabulary.of([*texts, *verse * OURS], at_least=SELDOM), work)
    network = stages.fresh(len(vocabulary))

    reading = Stream([*tales(corpus), *texts, *stages.once(verse)], vocabulary, lanes=32, steps=64)
    stages.stage("language", network, reading, stages.plan(passes=1, rate=4e-3, floor=0.4), work, dropout=0.1)
    stages.examine("language", network, vocabulary, base)

    poems = Poems(verse, vocabulary, per_batch=32, longest=400)
    stages.stage("verse", network, poems, stages.plan(passes=4, rate=3e-3, floor=0.3, seed=1), work, dropout=0.25)
    stages.examine("verse", network, vocabulary, base)

    poems = Poems([*plain, *dense[::4]], vocabulary, per_batch=32, longest=400)
    stages.stage("plain", network, poems, stages.plan(passes=2, rate=1.2e-3, seed=2), work, dropout=0.2)
    stages.examine("plain", network, vocabulary, base)

    broader = [*tales(corpus), *more_plots(corpus), *stages.once([*plain, *verse])]
    reading = Stream(broader, vocabulary, lanes=32, steps=64)
    stages.stage("broader", network, reading, stages.plan(passes=1, rate=3e-3, floor=0.5, seed=3), work, dropout=0.1)
    stages.examine("broader", network, vocabulary, base)

    poems = Poems([*plain, *dense[::3]], vocabulary, per_batch=32, longest=400)
    stages.stage("last", network, poems, stages.plan(passes=2, rate=2e-3, seed=4), work, dropout=0.2)
    stages.examine("last", network, vocabulary, base)

    further = [*tales(corpus), *all_prose(corpus), *stages.once(verse) * 3]
    reading = Stream(further, vocabulary, lanes=32, steps=64)
    stages.stage("further", network, reading, stages.plan(passes=1, rate=3e-3, floor=0.5, seed=5), work, dropout=0.1)
    stages.examine("further", network, vocabulary, base)

    simple = stages.simple_verse(base)
    poems = Poems([*simple, *plain, *dense[::3]], vocabulary, per_batch=32, longest=400)
    stages.stage("simple", network, poems, stages.plan(passes=4, rate=2.5e-3, floor=0.5, seed=6), work, dropout=0.15)
    stages.examine("simple", network, vocabulary, base)

    stages.stage("final", network, poems, stages.plan(passes=3, rate=1.5e-3, seed=7), work, dropout=0.15)
    stages.examine("final", network, vocabulary, base)

    songs = stages.songs(base)
    again = [*tales(corpus), *all_prose(corpus), *stages.once([*songs * 3, *simple * 2, *plain, *dense])]
    reading = Stream(again, vocabulary, lanes=32, steps=64)
    half = stages.plan(minutes=stages.HALF_AN_HOUR, rate=2.5e-3, floor=0.5, seed=8)
    stages.stage("again", network, reading, half, work, dropout=0.1)
    stages.examine("again", network, vocabulary, base)

    poems = Poems([*songs * 3, *simple, *plain[::2], *dense[::4]], vocabulary, per_batch=32, longest=400)
    half = stages.plan(minutes=stages.HALF_AN_HOUR, rate=2e-3, seed=9)
    stages.stage("songs", network, poems, half, work, dropout=0.15)
    stages.examine("songs", network, vocabulary, base)

    wide = [*tales(corpus), *texts[::2], *stages.once([*songs * 2, *simple, *plain[::2], *dense[::2]])]
    reading = Stream(wide, vocabulary, lanes=32, steps=64)
    half = stages.plan(minutes=stages.HALF_AN_HOUR, rate=2.5e-3, floor=0.5, seed=18)
    stages.stage("wide", network, reading, half, work, dropout=0.1)
    stages.examine("wide", network, vocabulary, base)

    poems = Poems([*songs * 2, *simple, *plain[::3], *dense[::4]], vocabulary, per_batch=32, longest=400)
    half = stages.plan(minutes=stages.HALF_AN_HOUR, rate=2e-3, seed=19)
    stages.stage("songs-again", network, poems, half, work, dropout=0.12)
    stages.examine("songs-again", network, vocabulary, base)
    return network, vocabulary


# A reward fitted to later rounds reads no better (docs/log.md, 2026-11-29).
RECIPE = Recipe("sibot", train, read=old_poets, skimmed=all_prose, rewarded=12)

if __name__ == "__main__":
    main(RECIPE)

"""Training beside a base: what is rehearsed, what is kept aside, what counts as a copy."""

from pathlib import Path

import numpy as np
import pytest

from models import beside, checkpoint
from models.beside import Beside, copied, minutes_for, set_aside
from models.vocabulary import Vocabulary
from tests.support.patience import PATIENCE

OWN = ["강가에 앉아\n너를 기다린다", "봄이 온다\n창을 연다"]
VERSE = [f"{word} 온다\n나는 본다" for word in ("눈이", "비가", "달이", "별이")]
VOCABULARY = Vocabulary.of([*OWN, *VERSE], at_least=1)


def test_every_tenth_piece_is_kept_aside() -> None:
    """From the whole of the text, and the last one of a few; nothing is in both."""
    own, aside = set_aside([str(i) for i in range(30)])

    assert aside == ["5", "15", "25"]
    assert sorted([*own, *aside], key=int) == [str(i) for i in range(30)]
    assert set_aside(["a", "b", "c"]) == (["a", "b"], ["c"])


def test_the_bases_verse_weighs_nothing_but_counts_for_the_pull() -> None:
    """The owner's symbols are learned with weight 1; rehearsed ones only hold the network; others each pass."""
    corpus = Beside(OWN, VERSE, VOCABULARY)

    (batch,) = corpus.batches(np.random.default_rng(1))

    assert len(corpus) == 1
    weights = sorted({round(float(weight), 7) for weight in batch.weights.flatten()})
    assert weights == [0.0, pytest.approx(beside.HELD), 1.0]
    rehearsed = {next(corpus.batches(np.random.default_rng(seed))).inputs.tobytes() for seed in range(9)}
    assert len(rehearsed) > 1


def test_no_poems_are_an_error() -> None:
    """Before a network is loaded."""
    with pytest.raises(ValueError, match="no poems"):
        Beside([], VERSE, VOCABULARY)


def test_a_copy_is_a_line_of_the_text_letters_alike() -> None:
    """Or one that shares a long run of letters with it."""
    lines = ["강가에, 앉아!", "강가에 서서", "어제는 너를 기다린다 봄이 온다 창을"]

    assert copied(lines, ["강가에 앉아\n어제는 너를 기다린다 봄이 온다"]) == pytest.approx(2 / 3)
    assert copied([], OWN) == 0


def test_time_follows_the_text() -> None:
    """Within what an owner was promised: three minutes for a page, ten for a book, with the examination."""
    assert minutes_for(2_000) < 2.5 < minutes_for(100_000) <= 7.5


def test_it_learns_the_text_and_stays_near_the_base(shipped: Path, tmp_path: Path) -> None:
    """Bits on the owner's part fall; on the base's own holdout they hardly rise; the folder has all that a base has."""
    base = checkpoint.read(shipped / "sibot")
    poems = [
        f"붉은 {thing} 하나를\n할머니 {place}에 놓았다"
        for thing in ["사과", "감자", "구두", "모자"]
        for place in ["무릎", "문턱", "마루"]
    ]
    own, aside = set_aside(poems)
    steps: list[int] = []

    learned = beside.learn(base, own, aside, minutes=0.05, device="cpu", watch=lambda at, _: steps.append(at.step))
    beside.package(tmp_path / "voice", base, learned, base.meta, own=own, aside=aside)

    assert steps
    assert learned.bits_after < learned.bits_before
    assert learned.minutes < PATIENCE
    made = checkpoint.read(tmp_path / "voice")
    assert (tmp_path / "voice" / "verse" / "own.txt").read_text("utf-8").split("\n\n")[0] == own[0]
    assert made.said is not None
    assert set(base.meta.files) - {"reward.npy"} <= set(made.meta.files)

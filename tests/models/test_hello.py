"""The first lesson: whoever reads `hell` says `ello` in the end."""

import pytest
import torch

from models.byhand import LETTERS
from models.hello import MOST_STEPS, Hello, last_words, lesson
from models.network import Cell

CELLS: list[Cell] = ["rnn", "lstm", "gru"]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_all_of_twenty_learn_it(cell: Cell, layers: int) -> None:
    """The success rate that docs/lecture.md states: no seed fails, with one layer or two."""
    ends = last_words(cell, range(20), layers)

    assert [said.predicted for said in ends] == ["ello"] * 20
    assert max(said.step for said in ends) < MOST_STEPS / 10


def test_a_lesson_is_told_step_by_step() -> None:
    """From babble to the word, the loss falling; the same seed tells the same, and leaves the dice of others alone."""
    torch.manual_seed(5)
    told = list(lesson("gru", seed=1))
    after = torch.rand(1)
    torch.manual_seed(5)

    assert [said.step for said in told] == list(range(1, len(told) + 1))
    assert told[0].predicted != "ello"
    assert told[-1].loss < 0.2 * told[0].loss
    assert list(lesson("gru", seed=1)) == told != list(lesson("gru", seed=2))
    assert torch.rand(1) == after


def test_it_guesses_each_letter_from_those_before() -> None:
    """Changing the last letter changes the last guess alone."""
    net = Hello("lstm", layers=3)
    eye = torch.eye(len(LETTERS))
    one, other = net(eye[[0, 1, 2, 2]][None])[0], net(eye[[0, 1, 2, 3]][None])[0]

    assert one.shape == (4, len(LETTERS))
    assert torch.equal(one[:3], other[:3])
    assert not torch.equal(one[3], other[3])

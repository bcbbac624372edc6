"""Preferences: what readers liked better becomes likelier, what they say nothing of stays, and the language with it."""

import math

import numpy as np
import pytest

from models.corpus import Poems
from models.evaluate import surprise_of_poems
from models.network import Architecture, CharNetwork
from models.prefer import Group, fit_reward, prefer
from models.train import Plan, Training
from models.vocabulary import Vocabulary

SYMBOLS = Vocabulary.of(["가나다라마바사아자차카타파하 \n" * 5])
VERSE = ["가나 다라\n마바 사아", "자차 카타\n파하 가나", "다라 마바\n사아 자차"]
LIKED, OTHER = "마바 사아", "파하 가나"


def taught() -> CharNetwork:
    """A network that knows the verse, always the same."""
    import torch

    torch.manual_seed(3)
    network = CharNetwork(Architecture(len(SYMBOLS), "lstm", 1, 32, 16))
    return Training(network, Poems(VERSE * 8, SYMBOLS), Plan(passes=60, rate=1e-2, bf16=False)).run()


def places(grades: tuple[float, float], count: int = 64) -> list[Group]:
    """The same place, asked again and again: what goes on there, and what does not."""
    return [Group(("다라 마바",), ends=True, lines=(LIKED, OTHER), grades=grades) for _ in range(count)]


def nats(network: CharNetwork, line: str) -> float:
    """Surprise at a whole poem that ends with *line*."""
    return surprise_of_poems(network, SYMBOLS, [f"다라 마바\n{line}"]).bits_per_char


def test_the_preferred_line_gains_on_the_other() -> None:
    """Whichever of the two it is; the verse beside it is known as well as before."""
    for grades in ((3.0, 0.0), (0.0, 3.0)):
        network = taught()
        gap = nats(network, OTHER) - nats(network, LIKED)
        known = surprise_of_poems(network, SYMBOLS, VERSE).bits_per_char

        outcome = prefer(network, SYMBOLS, places(grades), Poems(VERSE, SYMBOLS), aside=places(grades, 4), passes=12)

        moved = nats(network, OTHER) - nats(network, LIKED) - gap
        assert moved > 0.05 if grades[0] else moved < -0.05
        assert outcome.rewarded == 1.0
        assert surprise_of_poems(network, SYMBOLS, VERSE).bits_per_char < known + 0.1


def test_what_it_thought_before_is_told_of_those_kept_aside() -> None:
    """Two pairs, one in the order that the network had anyway; none kept aside: no number."""
    network = taught()
    right = nats(network, LIKED) < nats(network, OTHER)
    aside = [*places((1.0, 0.0), 1), *places((0.0, 1.0), 1)]

    outcome = prefer(network, SYMBOLS, places((1.0, 0.0)), Poems(VERSE, SYMBOLS), aside=aside)

    assert right
    assert outcome.before == 0.5
    assert math.isnan(prefer(network, SYMBOLS, places((1.0, 0.0)), Poems(VERSE, SYMBOLS)).rewarded)


def test_lines_that_are_all_as_good_teach_nothing() -> None:
    """Said plainly, and nothing is changed."""
    network = taught()
    before = network.arrays()

    with pytest.raises(ValueError, match="no line is preferred"):
        prefer(network, SYMBOLS, places((2.0, 2.0)), Poems(VERSE, SYMBOLS))

    assert all(np.array_equal(before[name], now) for name, now in network.arrays().items())


def test_a_reward_puts_what_readers_preferred_in_order() -> None:
    """Either way round, against the network's own likelihood too; the figures are of places kept aside."""
    network = taught()
    for grades in ((3.0, 0.0), (0.0, 3.0)):
        reward = fit_reward(network, SYMBOLS, places(grades, 400), likely=1.0)

        assert reward.weights.shape == (32,)
        assert reward.found == 1.0
        assert reward.before == float(grades[0] > grades[1])
    with pytest.raises(ValueError, match="no line is preferred"):
        fit_reward(network, SYMBOLS, places((2.0, 2.0)), likely=1.0)


def test_whole_poems_have_the_same_say_as_single_lines() -> None:
    """Forty grades of poems hold their own beside four hundred of lines; a poem is worth the sum of its lines."""
    network = taught()
    poems = tuple(f"{line}\n{line}" for line in ("가나 다라", "자차 카타"))
    few = [Group((), ends=True, lines=poems, grades=(0.0, 1.0)) for _ in range(40)]
    many = [Group((), ends=False, lines=("가나 다라", "자차 카타"), grades=(1.0, 0.0)) for _ in range(400)]
    one_line = [Group((), ends=True, lines=("가나 다라", "자차 카타"), grades=(0.0, 1.0)) for _ in range(40)]

    both = fit_reward(network, SYMBOLS, [*many, *few], likely=1.0)
    drowned = fit_reward(network, SYMBOLS, [*many, *one_line], likely=1.0)

    assert drowned.found > 0.5 > both.found, "a poem's two lines outweigh one, and forty grades are not drowned"

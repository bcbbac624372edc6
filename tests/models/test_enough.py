"""Early stopping: what is kept is the best, and it does not go on for nothing."""

import torch

from models.corpus import Poems
from models.evaluate import surprise_of_poems
from models.network import Architecture, CharNetwork
from models.train import FIRST, PATIENCE, Keeper, Plan, Progress, Training, run_until_enough
from models.vocabulary import Vocabulary

VERSE = ["봄비가 온다\n창을 닫는다", "가을이 온다\n창을 연다", "눈이 온다\n창을 닦는다"]
SYMBOLS = Vocabulary.of(VERSE, at_least=1)


def training(passes: int) -> Training:
    """A tiny network, and so many passes over three poems."""
    torch.manual_seed(0)
    net = CharNetwork(Architecture(len(SYMBOLS), "gru", 1, 12, 8))
    return Training(net, Poems(VERSE, SYMBOLS), Plan(passes=passes, rate=2e-2, bf16=False))


def unheard(_now: Progress) -> None:
    """Nobody watches."""


def test_it_stops_when_a_text_is_known_no_better() -> None:
    """A network that learns three poems by heart knows a fourth ever less; the one that is kept knew it best."""
    heard: list[Progress] = []
    asked: list[float] = []

    def surprised(network: CharNetwork) -> float:
        asked.append(surprise_of_poems(network, SYMBOLS, ["봄눈이 온다\n봄을 연다"]).nats)
        return asked[-1]

    best = run_until_enough(training(2000), surprised, heard.append)

    assert heard[-1].step < 1000
    assert (heard[-1].of, heard[-1].seconds_left) == (heard[-1].step, 0)
    assert min(asked) == asked[-PATIENCE - 1]
    assert surprise_of_poems(best, SYMBOLS, ["봄눈이 온다\n봄을 연다"]).nats == min(asked)


def test_it_goes_on_while_it_learns() -> None:
    """To the end of the plan, whose last weights are the best then: those that training alone would have given."""

    def surprised(network: CharNetwork) -> float:
        return surprise_of_poems(network, SYMBOLS, VERSE).nats

    kept = run_until_enough(training(30), surprised, unheard).state_dict()
    plain = training(30).run().state_dict()

    assert all(torch.equal(kept[name], value) for name, value in plain.items())


def test_looks_are_seldom() -> None:
    """Ten times the steps cost far from ten times the looks."""
    looks: list[int] = []

    def surprised(_network: CharNetwork) -> float:
        return -float(len(looks))

    keeper = Keeper(training(1), surprised)
    for step in range(1, 5001):
        before = keeper.least
        keeper(Progress(step, 5000, 1.0, 1.0, 1.0))
        if keeper.least != before:
            looks.append(step)

    assert looks[:3] == [FIRST, 21, 33]
    assert len([step for step in looks if step <= 500]) < 25
    assert len(looks) < 50

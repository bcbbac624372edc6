"""Shakespeare's bench: what is learned is not measured, and every order is a network that can be trained."""

from dataclasses import replace

import pytest

from lab.bench.shakespeare import ORDERS, halves, teach

PLAY = "ROMEO:\nBut soft, what light?\n\nJULIET:\nAy me!\n\n" * 60


def test_the_last_tenth_is_kept_aside() -> None:
    """By characters, however many bytes they take."""
    learned, aside = halves("봄" * 91)

    assert (len(learned), len(aside)) == (81, 10)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("short", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_every_network_is_measured(name: str, *, short: bool) -> None:
    """Its size, its minutes of both kinds, and its surprise, in as many ways as were asked for."""
    told = teach(name, replace(ORDERS[name], size=8, embedding=8, epochs=1), PLAY, short=short)

    assert told["network"] == name
    assert {"params", "minutes", "processor_minutes", "one_pass", "passes_nanogpt"} <= set(told)
    assert ({"random_windows", "dynamic"} <= set(told)) == (not short)
    assert 0 < float(str(told["one_pass"])) < 6

"""Errors: the tree that is drawn is the tree there is."""

import inspect
import re

from app.domain import errors
from app.domain.errors import PoemBotError, TurnedAway, Unknown, UnknownVoice
from app.domain.gate import Verdict


def classes() -> list[type[PoemBotError]]:
    """Every error of the domain."""
    found = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, PoemBotError)]
    return sorted(found, key=lambda c: c.__name__)


def test_the_drawn_tree_names_every_error() -> None:
    """Whoever reads the docstring has seen them all, and none that is gone."""
    drawn = re.findall(r"^(?:│ *)?(?:[├└]── )?([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)

    names = {name for name in drawn if name not in {"Errors", "Messages"}}
    assert names == {c.__name__ for c in classes()}


def test_every_error_has_a_code_of_its_own() -> None:
    """Pages translate codes, so two errors never share one."""
    codes = [c.code for c in classes() if c.__name__ != "Unfit"]  # Unfit's code says what is wrong with the text

    assert len(set(codes)) == len(codes)


def test_an_unknown_name_is_said_back() -> None:
    """The message names what was asked for, and of which kind."""
    error = UnknownVoice("nobody")

    assert isinstance(error, Unknown)
    assert str(error) == "voice nobody is not known here"
    assert error.name == "nobody"


def test_a_turned_away_version_carries_its_verdict() -> None:
    """Whoever catches it can show every reason."""
    error = TurnedAway(3, Verdict(("copies", "repeats_itself")))

    assert error.verdict.reasons == ("copies", "repeats_itself")
    assert "copies, repeats_itself" in str(error)

"""Weaving: what is refused, what waits for a moderator, and what need not."""

from functools import partial

import pytest

from app.actions.pieces import weave
from app.domain.errors import Unfit
from app.domain.submission import LONGEST_TITLE, SubmissionStatus
from app.store.pieces import Pieces
from app.store.ticks import Ticks
from tests.support.world import World

TRUSTING = pytest.mark.parametrize("auto_approve", [False, True])


def woven(world: World, *, title: str, author: str = "", auto_approve: bool) -> SubmissionStatus:
    """What becomes of Ann's piece of two lines."""
    version, ann = world.voice(), world.visitor("ann")
    lines = world.lines(world.poem(ann, version))[:2]
    with world.transaction() as session:
        for line in lines:
            Ticks(session).set(line, ann, on=True, address="", now=world.clock.now)
        weave_it = partial(weave, lines, "sibot", ann, pieces=Pieces(session), now=world.clock.now)
        piece = weave_it(title=title, author=author, auto_approve=auto_approve)
        return Pieces(session).one(piece, ann).status


@TRUSTING
@pytest.mark.parametrize(
    ("title", "author", "reason"),
    [
        (" ", "", "no_title"),
        ("긴" * (LONGEST_TITLE + 1), "", "title_too_long"),
        ("귀가", "긴" * (LONGEST_TITLE + 1), "title_too_long"),
        ("010-1234-5678", "", "personal_data"),
        ("귀가", "ann@example.org", "personal_data"),
        ("\x00", "", "not_text"),
    ],
)
def test_words_that_are_not_fit_are_refused(
    world: World, title: str, author: str, reason: str, *, auto_approve: bool
) -> None:
    """Whether or not a moderator would see them."""
    with pytest.raises(Unfit) as refused:
        woven(world, title=title, author=author, auto_approve=auto_approve)

    assert refused.value.code == reason


@TRUSTING
def test_a_piece_waits_unless_its_words_are_trusted(world: World, *, auto_approve: bool) -> None:
    """By the deployment's setting."""
    expected = SubmissionStatus.APPROVED if auto_approve else SubmissionStatus.WAITING

    assert woven(world, title="귀가", auto_approve=auto_approve) is expected


def test_a_blocked_word_waits_in_any_case(world: World) -> None:
    """In the title or in the name."""
    assert woven(world, title="fuck", auto_approve=True) is SubmissionStatus.WAITING

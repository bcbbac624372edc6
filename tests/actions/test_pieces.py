"""Weaving: what is refused, what waits for a moderator, and what need not."""

import pytest

from app.actions.submissions import weave
from app.actions.ticks import tick
from app.domain.errors import Unfit
from app.domain.submission import LONGEST_TITLE, SubmissionStatus
from app.domain.visitor import Visitor
from app.store.submissions import Pieces
from tests.support.world import World

TRUSTING = pytest.mark.parametrize("auto_approve", [False, True])


def woven(world: World, *, title: str, author: str = "", auto_approve: bool) -> SubmissionStatus:
    """What becomes of Ann's piece of two lines."""
    version, ann = world.voice(), Visitor(world.visitor("ann"), returned=True, address="")
    lines = world.lines(world.poem(ann.id, version))[:2]
    bot = world.bot(auto_approve=auto_approve)
    for line in lines:
        tick(bot, line, by=ann, on=True)
    piece = weave(bot, "sibot", lines, by=ann, title=title, author=author)
    with bot.reads(Pieces) as pieces:
        return pieces.one(piece, ann.id).status


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

"""Pieces and guesses in the database: whose they are, what they come to, and that they go with their maker."""

import pytest

from app.domain.errors import UnknownLine, UnknownPiece
from app.domain.guess import Riddle, fits
from app.domain.submission import SubmissionStatus
from app.store.guesses import Guesses
from app.store.submissions import Pieces
from app.store.ticks import Loved, Ticks
from app.store.visitors import Privacy
from tests.support.world import LINES, World


def a_piece(world: World, *, title: str = "귀가") -> tuple[str, str, list[int]]:
    """Ann's piece of two lines she ticked; its id, hers, and the poem's lines."""
    version, ann = world.voice(), world.visitor("ann")
    lines = world.lines(world.poem(ann, version))
    with world.transaction() as session:
        for line in (lines[0], lines[3]):
            Ticks(session).set(line, ann, on=True, address="", now=world.clock.now)
        piece = Pieces(session).add(
            "sibot",
            ann,
            title=title,
            author=None,
            lines=[lines[3], lines[0]],
            status=SubmissionStatus.WAITING,
            now=world.clock.now,
        )
    return piece, ann, lines


def test_a_piece_is_its_makers_until_it_is_approved(world: World) -> None:
    """Others find it only then; withdrawn, nobody approves it any more."""
    piece, ann, _ = a_piece(world)
    with world.transaction() as session:
        pieces = Pieces(session)
        assert pieces.one(piece, ann).text == f"{LINES[3]}\n{LINES[0]}"
        with pytest.raises(UnknownPiece):
            pieces.one(piece, "bob")
        pieces.decide([piece], SubmissionStatus.APPROVED, by="keeper", now=world.clock.now)
        assert pieces.one(piece, None).versions == (0,)
        pieces.withdraw(piece, ann, world.clock.now)
        pieces.decide([piece], SubmissionStatus.APPROVED, by="keeper", now=world.clock.now)
        assert pieces.of_voice("sibot", None) == []
        assert pieces.of_visitor(ann) == []


def test_only_ones_own_ticks_are_woven(world: World) -> None:
    """A line that was not ticked, or taken back, is no material."""
    _, ann, lines = a_piece(world)
    with world.transaction() as session:
        Ticks(session).set(lines[0], ann, on=False, address="", now=world.clock.now)
        pieces = Pieces(session)
        assert [line.line for line in pieces.material("sibot", ann)] == [lines[3]]
        with pytest.raises(UnknownLine):
            pieces.add(
                "sibot",
                ann,
                title="귀가",
                author=None,
                lines=[lines[3], lines[1]],
                status=SubmissionStatus.WAITING,
                now=world.clock.now,
            )


def test_who_goes_takes_pieces_and_guesses_along(world: World) -> None:
    """They are in his export; erased, nothing of them is left."""
    piece, ann, _ = a_piece(world)
    riddle = Riddle("poem", 7, 0, "사람이 쓴 행", human=True)
    with world.transaction() as session:
        Guesses(session).add(ann, "sibot", riddle, said_human=False, now=world.clock.now)
        kept = Privacy(session).export(ann, world.clock.now)
    assert kept["pieces"][0]["title"] == "귀가"
    assert kept["guesses"] == [{"text": "사람이 쓴 행", "human": True, "said_human": False}]

    with world.transaction() as session:
        Privacy(session).erase(ann, world.clock.now)
    with world.reading() as session:
        assert Guesses(session).score("sibot").guesses == 0
        with pytest.raises(UnknownPiece):
            Pieces(session).one(piece, ann)


def test_guesses_are_scored(world: World) -> None:
    """Right and wrong by whose line it was; a second answer to the same line changes nothing."""
    world.voice()
    ann = world.visitor("ann")
    with world.transaction() as session:
        guesses = Guesses(session)
        for source, human, said in (
            (1, True, True),
            (2, True, False),
            (3, False, False),
            (4, False, True),
            (4, False, False),
        ):
            riddle = Riddle("line", source, 0, "어느 한 행", human=human)
            guesses.add(ann, "sibot", riddle, said_human=said, counted=True, now=world.clock.now)
        score = guesses.score("sibot")

    assert score.guesses == 4
    assert [rate and rate.mean for rate in (score.right, score.bot_taken, score.human_taken)] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("text", "fit"), [("봄비가 온다", True), ("봄", False), ("가" * 41, False), ("1234567", False)]
)
def test_what_can_be_guessed_at(text: str, fit: bool) -> None:
    """Long enough to tell something, and a line."""
    assert fits(text) is fit


def test_the_week_has_the_weeks_ticks(world: World) -> None:
    """A tick of long ago counts for ever, but not for this week; the surest poem is the best one."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    old, new = (world.lines(world.poem(who, version)) for who in (ann, bob))
    with world.transaction() as session:
        for line in old[:4]:
            Ticks(session).set(line, ann, on=True, address="", now=world.clock.now)
    start = world.clock.forward(days=10)
    with world.transaction() as session:
        Ticks(session).set(new[0], bob, on=True, address="", now=world.clock.now)

    with world.reading() as session:
        loved = Loved(session)
        assert [line.line for line in loved.lines("sibot", since=start)] == [new[0]]
        assert len(loved.lines("sibot")) == 5
        assert [(one.readers, one.lines) for one in loved.poems("sibot", None)] == [(1, 4), (1, 1)]
        assert [(one.readers, one.lines) for one in loved.poems("sibot", None, since=start)] == [(1, 1)]
        assert [one.rate.mean for one in loved.best("sibot", None) if one.rate] == [1.0, 1.0]

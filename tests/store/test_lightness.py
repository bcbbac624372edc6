"""What a page asks of the database does not grow with what it shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.domain.run import Cause
from app.domain.run_log import StepTaken
from app.domain.submission import Offer, SubmissionStatus
from app.store.dump import rows
from app.store.guesses import Guesses
from app.store.lessons import Learnings
from app.store.poems import Days
from app.store.runs import LOG_LINES, Runs
from app.store.submissions import Pieces, Submissions
from app.store.tastes import Tastes
from app.store.ticks import Ticks
from app.store.versions import Versions
from app.store.visitors import Privacy
from app.store.voices import Voices
from tests.support.world import Clock, World

ROWS = 12
LOOKS: dict[str, Callable[[Session], Any]] = {
    "the queue of submissions": lambda session: Submissions(session).queue(),
    "what a visitor taught": lambda session: Submissions(session).of_visitor("ann"),
    "a decision about many": lambda session: Submissions(session).decide(
        [one.id for one in Submissions(session).queue()], SubmissionStatus.APPROVED, by="root", now=Clock().now
    ),
    "the queue of pieces": lambda session: Pieces(session).queue(SubmissionStatus.WAITING),
    "runs": lambda session: Runs(session).of_voice(None),
    "voices": lambda session: Voices(session).all(),
    "versions": lambda session: Versions(session).of_voice("voice-0"),
    "days": lambda session: Days(session).of_voice("voice-0", "ann"),
    "what was learned of lines": lambda session: Learnings(session).of(
        "line", [one.line for one in Ticks(session).of_visitor("ann")]
    ),
    "what is kept of a visitor": lambda session: Privacy(session).export("ann", Clock().now),
    "what is exported": lambda session: list(rows(session, Clock().now)),
    "what may be guessed": lambda session: Guesses(session).known("ann", Guesses(session).bots("voice-0")),
}


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    database = world.sessions.kw["bind"]
    event.listen(database, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database, "before_cursor_execute", note)


@pytest.fixture
def full(world: World) -> World:
    """Several of everything."""
    ann = world.visitor("ann")
    for n in range(ROWS):
        voice = f"voice-{n}"
        version = world.voice(voice)
        poem = world.poem(ann, version, voice=voice)
        lines = world.lines(poem)[:2]
        world.version("voice-0", folder=f"voice-0/{n}", items=[("line", line, 1.0) for line in lines])
        with world.transaction() as session:
            day = world.clock.now.date() + timedelta(days=n)
            Days(session).add("voice-0", day, poem, readers=3, now=world.clock.now)
            for line in lines:
                Ticks(session).set(line, ann, on=True, address="", now=world.clock.now)
            waiting, now = SubmissionStatus.WAITING, world.clock.now
            Pieces(session).add(voice, ann, title="봄", author=None, lines=lines, status=waiting, now=now)
            offer = Offer(f"poem {n}", None, None, f"fingerprint {n}")
            Submissions(session).add(offer, voice, ann, address="", status=waiting, now=now)
            Runs(session).start(voice, Cause.ADMIN, now)
    return world


@pytest.mark.parametrize("look", LOOKS)
def test_many_rows_cost_as_many_statements_as_few(full: World, look: str) -> None:
    """No row is asked for by itself: fewer statements than rows."""
    with full.transaction() as session, counted(full) as asked:
        LOOKS[look](session)

    assert 0 < len([statement for statement in asked if statement.startswith(("SELECT", "UPDATE"))]) < ROWS


def test_a_long_log_is_not_read_whole(world: World) -> None:
    """A run of hours writes thousands of lines; the page shows the newest, in order."""
    world.voice()
    with world.transaction() as session:
        run, _ = Runs(session).start("sibot", Cause.ADMIN, world.clock.now)
        for n in range(LOG_LINES + 5):
            Runs(session).log(run, StepTaken(n, 900, 2.0), world.clock.now)

    with world.reading() as session, counted(world) as asked:
        log = Runs(session).one(run).log

    assert (len(log), log[0][9:], log[-1][9:]) == (
        LOG_LINES,
        "step 5 of 900: loss 2.0000",
        f"step {LOG_LINES + 4} of 900: loss 2.0000",
    )
    assert any("row_number()" in statement for statement in asked)


def test_a_taste_is_learned_from_the_newest_readings(world: World) -> None:
    """However many there ever were: only so many leave the database, in the order they were written."""
    version, ann = world.voice(), world.visitor("ann")
    lines = [line for _ in range(3) for line in world.lines(world.poem(ann, version))]

    with world.reading() as session:
        every, newest = Tastes(session).judged("sibot"), Tastes(session).judged("sibot", newest=4)

    assert [one.line for one in every] == lines
    assert newest == every[-4:]

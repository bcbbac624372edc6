"""Feedback and counts: what readers gave, as the lesson, the sweep and the desk see it."""

from datetime import timedelta

import pytest

from app.domain.submission import SubmissionStatus, examine
from app.store.health import Health
from app.store.lessons import FeedbackStore
from app.store.poems import Poems
from app.store.submissions import Submissions
from app.store.ticks import Ticks
from tests.support.world import LINES, World


def tick(world: World, poem: str, slot: int, visitor: str, *, on: bool = True, address: str = "") -> None:
    """A visitor ticks a line of a poem."""
    line = world.lines(poem)[slot]
    with world.transaction() as session:
        Ticks(session).set(line, visitor, on=on, address=address, now=world.clock.now)


def teach(world: World, visitor: str, text: str, status: SubmissionStatus = SubmissionStatus.APPROVED) -> int:
    """A visitor's poem."""
    offer = examine(text, None, None, consent=True)
    with world.transaction() as session:
        taught, _ = Submissions(session).add(offer, "sibot", visitor, address="h", status=status, now=world.clock.now)
    return taught.id


def test_ticks_come_with_their_place(world: World) -> None:
    """The text, what stood above it, whose it is, and from which address."""
    ann = world.visitor("ann")
    poem = world.poem(ann, world.voice())
    tick(world, poem, 2, ann, address="home")

    with world.reading() as session:
        (given,) = FeedbackStore(session).of("sibot").ticks
    assert (given.source, given.text) == (world.lines(poem)[2], LINES[2])
    assert given.before == "\n".join(LINES[:2])
    assert (given.visitor, given.address) == (ann, "home")


def test_any_number_of_ticked_poems_is_taught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked for in parts: a statement of Postgres names 65,535 things, and readers tick more than that."""
    monkeypatch.setattr("app.store.session.BATCH", 2)
    version = world.voice()
    visitors = [world.visitor(f"reader {n}") for n in range(5)]
    for who in visitors:
        tick(world, world.poem(who, version), 1, who)
    with world.reading() as session:
        ticks = FeedbackStore(session).of("sibot").ticks
        read = FeedbackStore(session).readings("sibot", visitors)

    assert [one.text for one in ticks] == [LINES[1]] * 5
    assert sum(one.ticked for one in read) == 5
    assert len(read) == 25


def test_what_was_taken_back_is_not_taught(world: World) -> None:
    """Unticked is as if never ticked."""
    ann = world.visitor("ann")
    poem = world.poem(ann, world.voice())
    tick(world, poem, 0, ann)
    tick(world, poem, 1, ann)
    tick(world, poem, 0, ann, on=False)

    with world.reading() as session:
        assert [t.text for t in FeedbackStore(session).of("sibot").ticks] == [LINES[1]]


def test_a_crawlers_ticks_are_not_taught(world: World) -> None:
    """Whose cookie never came back is not heard; once it did, he is."""
    ghost = world.visitor("ghost", returned=False)
    poem = world.poem(ghost, world.voice())
    tick(world, poem, 0, ghost)
    with world.reading() as session:
        assert FeedbackStore(session).of("sibot").ticks == ()
        assert FeedbackStore(session).new_since_champion("sibot", world.clock.now) == 0

    world.visitor("ghost", returned=True)
    with world.reading() as session:
        assert len(FeedbackStore(session).of("sibot").ticks) == 1


def test_a_voice_learns_only_its_own(world: World) -> None:
    """What readers liked of the Korean voice teaches the English one nothing."""
    ann, sibot, bard = world.visitor("ann"), world.voice(), world.voice("bard")
    tick(world, world.poem(ann, sibot), 0, ann)
    tick(world, world.poem(ann, bard, voice="bard", texts=("A line",)), 0, ann)

    with world.reading() as session:
        assert [t.text for t in FeedbackStore(session).of("sibot").ticks] == [LINES[0]]
        assert [t.text for t in FeedbackStore(session).of("bard").ticks] == ["A line"]


def test_a_quoted_line_is_taught_once(world: World) -> None:
    """However many poems quote it, and in the place where it was first written."""
    version, ann = world.voice(), world.visitor("ann")
    first = world.poem(ann, version)
    kept = world.lines(first)[3]
    second = world.poem(ann, version, texts=(LINES[3], "새 행"), quoted={0: kept})
    tick(world, second, 0, ann)

    with world.reading() as session:
        (given,) = FeedbackStore(session).of("sibot").ticks
    assert (given.source, given.before) == (kept, "\n".join(LINES[:3]))


def test_what_is_new_is_counted_since_the_newest_version(world: World) -> None:
    """Ticks and approved poems; what waits, and what the newest version had before it, is not new."""
    version, ann = world.voice(), world.visitor("ann")
    poem = world.poem(ann, version)
    world.clock.forward(seconds=1)
    tick(world, poem, 0, ann)
    teach(world, ann, "처음으로 가르치는 시입니다")
    teach(world, ann, "기다리는 시도 하나 있습니다", SubmissionStatus.WAITING)

    def new() -> int:
        with world.reading() as session:
            return FeedbackStore(session).new_since_champion("sibot", world.clock.now)

    assert new() == 2
    world.clock.forward(seconds=1)
    world.version(folder="sibot/1")
    assert new() == 0
    world.clock.forward(seconds=1)
    tick(world, poem, 1, ann)
    assert new() == 1
    tick(world, poem, 1, ann, on=False)
    assert new() == 0


def test_an_approval_makes_a_poem_new(world: World) -> None:
    """It counts from when it was approved, not from when it was sent."""
    world.voice()
    ann = world.visitor("ann")
    taught = teach(world, ann, "기다리는 시도 하나 있습니다", SubmissionStatus.WAITING)
    world.clock.forward(hours=1)
    world.version(folder="sibot/1")
    world.clock.forward(hours=1)
    with world.transaction() as session:
        Submissions(session).decide([taught], SubmissionStatus.APPROVED, by="root", now=world.clock.now)

    with world.reading() as session:
        assert FeedbackStore(session).new_since_champion("sibot", world.clock.now) == 1


def test_the_desk_counts_what_happened(world: World) -> None:
    """Of one voice, since a moment; readers count once their cookie has come back."""
    version, ann, ghost = world.voice(), world.visitor("ann"), world.visitor("ghost", returned=False)
    bard = world.voice("bard")
    yesterday = world.clock.now
    tick(world, world.poem(ann, version), 0, ann)
    world.poem(ghost, version)
    world.clock.forward(hours=24)
    poem = world.poem(ann, bard, voice="bard")
    bob = world.visitor("bob")
    with world.transaction() as session:
        Poems(session).show(poem, bob, counted=True, now=world.clock.now)
    teach(world, ann, "처음으로 가르치는 시입니다")

    with world.reading() as session:
        health = Health(session)
        ever = health.counts("sibot", yesterday)
        counted = {name: ever.pop(f"counted_{name}") for name in ("impressions", "ticks", "visitors")}
        assert ever == {"poems": 2, "impressions": 5, "ticks": 1, "submissions": 1, "visitors": 1}
        assert counted == {"impressions": 5, "ticks": 1, "visitors": 1}
        today = health.counts("sibot", yesterday + timedelta(hours=12))
        assert {name: n for name, n in today.items() if n} == {"submissions": 1}
        of_bard = health.counts("bard", yesterday)
        assert (of_bard["poems"], of_bard["impressions"], of_bard["visitors"]) == (1, 10, 2)


def test_a_version_from_the_future_hides_no_feedback(world: World) -> None:
    """It was made while the clock was wrong; until the next one is made, everything counts as new."""
    version, ann = world.voice(), world.visitor("ann")
    tick(world, world.poem(ann, version), 0, ann)
    world.clock.forward(days=400)
    world.version(folder="sibot/1")
    world.clock.forward(days=-400)

    with world.reading() as session:
        assert FeedbackStore(session).new_since_champion("sibot", world.clock.now) == 1
    world.version(folder="sibot/2")
    with world.reading() as session:
        assert FeedbackStore(session).new_since_champion("sibot", world.clock.now) == 0

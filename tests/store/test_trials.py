"""Trials in the database: one at a time, decided once, and never by what readers did outside it."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from app.actions import trials, versions
from app.domain.poem import Writing, WrittenLine
from app.domain.trial import TrialEnd, TrialReport, TrialRules, TrialState
from app.domain.version import VersionStatus
from app.store.guesses import Guesses
from app.store.poems import Poems
from app.store.ticks import Ticks
from app.store.trials import Trials
from app.store.versions import Versions
from tests.support.world import World

RULES = TrialRules()


@pytest.fixture
def rivals(world: World) -> tuple[int, int]:
    """The base serves, and version 1 is undecided: their row ids."""
    base = world.voice()
    return base, world.version(folder="sibot/1", status=VersionStatus.UNDECIDED)[0]


def start(world: World, challenger: int) -> int:
    """A trial under way; its number."""
    with world.transaction() as session:
        trial = Trials(session).start("sibot", challenger, share=0.5, now=world.clock.now)
    assert trial is not None
    return trial


def look(world: World, *, gone: bool = False, swap: Literal["auto", "ask"] = "auto") -> TrialState | None:
    """What the worker does every few seconds."""
    return trials.weigh_trial(world.bot(swap=swap), "sibot", gone=gone)


def newest(world: World) -> TrialReport:
    """The last trial as the desk shows it."""
    with world.reading() as session:
        return Trials(session).of_voice("sibot")[0]


def champion(world: World) -> int:
    """Number of the version that serves."""
    with world.reading() as session:
        return Versions(session).champion("sibot").number


def read(world: World, visitor: str, version: int, *, trial: int | None, ticks: int = 0) -> list[int]:
    """A visitor is written a poem and ticks its first lines; the ids of its lines."""
    world.visitor(visitor)
    lines = tuple(WrittenLine(slot, f"{visitor}의 {slot}행", -9.0, 1.0) for slot in range(5))
    with world.transaction() as session:
        writing = Writing("sibot", version, 7, 0.8, lines, trial)
        poem = Poems(session).add(
            writing,
            visitor,
            prime="",
            fixed_seed=False,
            counted=True,
            network=visitor if trial else None,
            now=world.clock.now,
        )
    ids = world.lines(poem)
    with world.transaction() as session:
        for line in ids[:ticks]:
            Ticks(session).set(line, visitor, on=True, address=f"a-{visitor}", now=world.clock.now)
    return ids


def crowd(world: World, rivals: tuple[int, int], trial: int, *, loved: int, readers: int = 60) -> None:
    """Readers who tick all lines of one of the two, and none of the other's; then their visits are over."""
    for n in range(readers):
        which = n % 2
        read(world, f"v{n}", rivals[which], trial=trial, ticks=5 * (which == loved))
    world.clock.forward(hours=2)


def test_a_challenger_that_readers_prefer_is_promoted(world: World, rivals: tuple[int, int]) -> None:
    """Once; the history says by what evidence, and the trial shows it."""
    trial = start(world, rivals[1])
    crowd(world, rivals, trial, loved=1)

    assert look(world) is TrialState.BETTER
    assert look(world) is None

    ended = newest(world)
    assert (ended.state, ended.reason, ended.challenger, ended.champion) == ("better", "evidence", 1, 0)
    assert (ended.visitors, ended.challenger_arm.ticks, ended.champion_arm.ticks) == (60, 150, 0)
    assert ended.better >= RULES.enough > ended.worse
    assert champion(world) == 1
    with world.reading() as session:
        moves = Versions(session).history("sibot")
        assert Versions(session).one("sibot", 1).status is VersionStatus.ADMITTED
    assert [(move.version, move.by) for move in moves] == [(1, "trial"), (0, "release")]
    assert moves[0].reason == f"trial {trial}: {ended.better:.0f} to 1 after 60 readers"


def test_with_ask_the_admin_is_told(world: World, rivals: tuple[int, int]) -> None:
    """The trial is over and says what readers prefer; the pointer is the admin's to move."""
    trial = start(world, rivals[1])
    crowd(world, rivals, trial, loved=1)

    assert look(world, swap="ask") is TrialState.BETTER
    assert champion(world) == 0


def test_a_challenger_that_readers_pass_over_goes(world: World, rivals: tuple[int, int]) -> None:
    """The champion writes everything again."""
    trial = start(world, rivals[1])
    crowd(world, rivals, trial, loved=0)

    assert look(world) is TrialState.WORSE
    assert champion(world) == 0
    with world.reading() as session:
        assert Trials(session).under_way() == []


def test_one_trial_at_a_time(world: World, rivals: tuple[int, int]) -> None:
    """A second one waits for nobody: it does not begin; after the first has ended it may."""
    start(world, rivals[1])

    with world.transaction() as session:
        assert Trials(session).start("sibot", rivals[1], share=0.5, now=world.clock.now) is None
    trials.stop(world.bot(), "sibot", by="root")
    start(world, rivals[1])


@pytest.mark.parametrize(
    ("chosen", "reason"), [(1, TrialEnd.PROMOTED), (2, TrialEnd.CHAMPION_CHANGED)], ids=["challenger", "another"]
)
def test_a_promotion_ends_the_trial(world: World, rivals: tuple[int, int], chosen: int, reason: TrialEnd) -> None:
    """What it compared with serves no more, nothing that comes later is counted; the reason says who serves instead."""
    world.version(folder="sibot/2", status=VersionStatus.UNDECIDED)
    start(world, rivals[1])
    versions.promote(world.bot(), "sibot", chosen, by="root")

    assert (newest(world).state, newest(world).reason) == (TrialState.STOPPED, reason)
    assert look(world) is None


def test_a_promotion_that_missed_the_trial_ends_it_too(world: World, rivals: tuple[int, int]) -> None:
    """They crossed, and neither saw the other: the next look finds another champion than the trial's."""
    world.version(folder="sibot/2")
    start(world, rivals[1])
    with world.transaction() as session:
        Versions(session).promote("sibot", 2, by="root", reason="", now=world.clock.now)

    assert look(world) is TrialState.STOPPED
    assert newest(world).reason is TrialEnd.CHAMPION_CHANGED


def test_a_challenger_that_has_gone_ends_the_trial(world: World, rivals: tuple[int, int]) -> None:
    """Without harm: the champion serves on, and the desk says why."""
    start(world, rivals[1])

    assert look(world, gone=True) is TrialState.STOPPED
    assert newest(world).reason is TrialEnd.GONE
    assert champion(world) == 0


def test_the_admin_may_end_it(world: World, rivals: tuple[int, int]) -> None:
    """Twice is once."""
    start(world, rivals[1])

    assert trials.stop(world.bot(), "sibot", by="root") is not None
    assert trials.stop(world.bot(), "sibot", by="root") is None
    assert newest(world).reason is TrialEnd.ADMIN


def test_a_trial_without_readers_ends_undecided(world: World, rivals: tuple[int, int]) -> None:
    """After its days, with the reason; the version stays the admin's to choose."""
    start(world, rivals[1])
    assert look(world) is TrialState.RUNNING
    world.clock.forward(days=14)

    assert look(world) is TrialState.UNDECIDED
    assert newest(world).reason is TrialEnd.TIME


def test_a_trial_that_was_read_enough_ends_undecided(world: World, rivals: tuple[int, int]) -> None:
    """`TRIAL_IMPRESSIONS` counts the lines of its poems."""
    trial = start(world, rivals[1])
    bot = world.bot(trial_impressions=100)
    for n in range(20):
        assert trials.weigh_trial(bot, "sibot") is TrialState.RUNNING
        read(world, f"v{n}", rivals[n % 2], trial=trial)

    assert trials.weigh_trial(bot, "sibot") is TrialState.UNDECIDED
    assert newest(world).reason is TrialEnd.IMPRESSIONS


def test_who_ended_a_trial_first_has_ended_it(world: World, rivals: tuple[int, int]) -> None:
    """A worker that was slow, or was started again, changes nothing once it is over."""
    trial = start(world, rivals[1])
    with world.transaction() as session:
        assert Trials(session).end(trial, TrialState.WORSE, TrialEnd.EVIDENCE, now=world.clock.now)
    with world.transaction() as session:
        assert not Trials(session).end(trial, TrialState.BETTER, TrialEnd.EVIDENCE, now=world.clock.now)

    assert newest(world).state is TrialState.WORSE


def test_a_look_that_is_killed_leaves_nothing_half_done(world: World, rivals: tuple[int, int]) -> None:
    """Its unit of work is not kept; the next look does all of it."""
    trial = start(world, rivals[1])
    crowd(world, rivals, trial, loved=1)

    class Killed(Exception):
        """The worker's end."""

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Versions, "promote", kill)  # the last step
        look(world)
    assert (champion(world), newest(world).state) == (0, TrialState.RUNNING)

    assert look(world) is TrialState.BETTER
    assert champion(world) == 1


def test_only_poems_of_the_draw_count(world: World, rivals: tuple[int, int]) -> None:
    """Not those from before, nor lines that somebody else was shown, nor ticks that were taken back."""
    base, challenger = rivals
    read(world, "before", base, trial=None, ticks=5)
    trial = start(world, challenger)
    lines = read(world, "inside", challenger, trial=trial, ticks=2)
    world.visitor("guest")
    with world.transaction() as session:
        Poems(session).show(Poems(session).current("sibot", "inside") or "", "guest", counted=True, now=world.clock.now)
        Ticks(session).set(lines[0], "inside", on=False, address="", now=world.clock.now)
    world.visitor("crawler", returned=False)

    with world.reading() as session:
        seen = Trials(session).impressions(trial)

    assert {one.visitor for one in seen} == {"inside"}
    assert (len(seen), sum(one.ticked is not None for one in seen)) == (5, 1)
    assert all(one.challenger for one in seen)


def test_the_game_asks_about_no_line_whose_writer_is_untold(world: World, rivals: tuple[int, int]) -> None:
    """That it is asked about as the serving version's would tell a reader of the trial who wrote his poem."""
    world.clock.now = datetime.now(UTC)
    trial = start(world, rivals[1])
    read(world, "drawn", rivals[0], trial=trial)
    lines = read(world, "of the base", rivals[0], trial=None)

    with world.reading() as session:
        assert {riddle.source for riddle in Guesses(session).bots("sibot")} == set(lines)


def test_what_is_on_trial_stays_on_the_shelf(world: World, rivals: tuple[int, int]) -> None:
    """However many newer versions there are."""
    start(world, rivals[1])

    for number in (2, 3):
        world.version(folder=f"sibot/{number}")
    world.clock.forward(days=1)

    assert versions.prune(world.bot(keep_versions=1), live=()) == ["sibot/2"]

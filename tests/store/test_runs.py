"""Runs: the job row is the truth, so it must hold against two workers, dead workers and impatient admins."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from app.domain.errors import Cancelled, LeaseLost, UnknownRun
from app.domain.run import Cause, Claim, Phase, Progress, RunReport, RunState
from app.domain.run_log import GivenBack, Recited, StepTaken
from app.domain.version import VersionStatus
from app.store.runs import Runs
from app.store.session import database_now
from app.store.versions import Versions
from tests.support.world import NO_LESSON, World

LEASE = timedelta(seconds=60)


def start(world: World, voice: str = "sibot") -> int:
    """A run's id."""
    with world.transaction() as session:
        return Runs(session).start(voice, Cause.ADMIN, world.clock.now)[0]


def claim(world: World, *, attempts: int = 3) -> Claim | None:
    """What a worker that looks for work gets."""
    with world.transaction() as session:
        return Runs(session).claim(world.clock.now, LEASE, attempts=attempts)


def claimed(world: World) -> Claim:
    """A run of `sibot` that a worker holds."""
    start(world)
    found = claim(world)
    assert found is not None
    return found


def report(world: World, run: int) -> RunReport:
    """The run as the desk shows it."""
    with world.reading() as session:
        return Runs(session).one(run)


def test_a_voice_has_one_active_run(world: World) -> None:
    """Asking again finds the one under way; after its end a new one begins; voices don't wait for each other."""
    world.voice()
    world.voice("bard")
    with world.transaction() as session:
        runs = Runs(session)
        first, new = runs.start("sibot", Cause.ADMIN, world.clock.now)
        assert new
        assert runs.start("sibot", Cause.COUNT, world.clock.now) == (first, False)
        other, new = runs.start("bard", Cause.SCHEDULE, world.clock.now)
        assert new
    held = claim(world)
    assert held is not None
    assert start(world) == first
    with world.transaction() as session:
        Runs(session).end(held, RunState.ADMITTED, now=world.clock.now)

    assert start(world) not in {first, other}


def test_starts_at_the_same_moment_make_one_run(world: World) -> None:
    """Eight impatient clicks at once are one run, and each gets its number."""
    world.voice()
    together = Barrier(8)

    def click(_: int) -> tuple[int, bool]:
        together.wait()
        with world.transaction() as session:
            return Runs(session).start("sibot", Cause.ADMIN, world.clock.now)

    with ThreadPoolExecutor(8) as clicks:
        answers = list(clicks.map(click, range(8)))

    assert len({run for run, _ in answers}) == 1
    assert [new for _, new in answers].count(True) == 1


def test_a_run_is_claimed_once(world: World) -> None:
    """Eight workers look at once; one gets it, the others get nothing."""
    world.voice()
    run = start(world)
    together = Barrier(8)

    def look(_: int) -> Claim | None:
        together.wait()
        return claim(world)

    with ThreadPoolExecutor(8) as workers:
        found = [c for c in workers.map(look, range(8)) if c is not None]

    assert found == [Claim(run, "sibot", fence=1, attempt=1)]
    assert report(world, run).state is RunState.RUNNING


def test_the_oldest_free_run_is_taken_first(world: World) -> None:
    """Voices are served in the order in which they asked."""
    world.voice()
    world.voice("bard")
    first, second = start(world, "bard"), start(world, "sibot")

    found = [claim(world), claim(world), claim(world)]

    assert [c.run if c else None for c in found] == [first, second, None]


def test_a_lease_that_runs_out_frees_the_run(world: World) -> None:
    """A silent worker is taken for dead; the next one starts the run anew, with a higher fence."""
    world.voice()
    dead = claimed(world)
    assert claim(world) is None
    world.clock.forward(seconds=61)

    alive = claim(world)

    assert alive == Claim(dead.run, "sibot", fence=dead.fence + 1, attempt=2)


def test_a_heartbeat_keeps_the_run(world: World) -> None:
    """However long a training takes, nobody takes it from a worker that lives."""
    world.voice()
    held = claimed(world)
    for _ in range(5):
        world.clock.forward(seconds=50)
        with world.transaction() as session:
            Runs(session).renew(held, world.clock.now, LEASE)
        assert claim(world) is None


def test_who_lost_the_lease_writes_nothing(world: World) -> None:
    """Renewing, reporting, giving back, ending: each is refused to the older fence, and leaves the run as it was."""
    world.voice()
    dead = claimed(world)
    world.clock.forward(seconds=61)
    alive = claim(world)
    assert alive is not None
    before = report(world, alive.run)

    deeds: list[Callable[[Runs], None]] = [
        lambda runs: runs.renew(dead, world.clock.now, LEASE),
        lambda runs: runs.report(dead, Progress(Phase.PUBLISHING)),
        lambda runs: runs.release(dead),
        lambda runs: runs.end(dead, RunState.ADMITTED, now=world.clock.now),
    ]
    for deed in deeds:
        with pytest.raises(LeaseLost), world.transaction() as session:
            deed(Runs(session))
    assert report(world, alive.run) == before

    with world.transaction() as session:
        Runs(session).end(alive, RunState.REJECTED, now=world.clock.now)
    assert report(world, alive.run).state is RunState.REJECTED


def test_a_lost_lease_takes_the_whole_unit_of_work_with_it(world: World) -> None:
    """A version inserted beside the refused end is not kept: nobody publishes without the lease."""
    world.voice()
    dead = claimed(world)
    world.clock.forward(seconds=61)
    claim(world)

    with pytest.raises(LeaseLost), world.transaction() as session:
        Versions(session).add(
            "sibot",
            folder="sibot/torn",
            status=VersionStatus.ADMITTED,
            lesson=NO_LESSON,
            metrics={},
            verdict=None,
            run=dead.run,
            now=world.clock.now,
        )
        Runs(session).end(dead, RunState.ADMITTED, now=world.clock.now)

    with world.reading() as session:
        assert [v.number for v in Versions(session).of_voice("sibot")] == [0]


def test_a_run_that_kills_its_workers_fails(world: World) -> None:
    """After its attempts are used up it is failed, says why, and makes room for another."""
    world.voice()
    run = claimed(world).run
    for _ in range(2):
        world.clock.forward(seconds=61)
        assert claim(world) is not None
    world.clock.forward(seconds=61)

    assert claim(world) is None

    ended = report(world, run)
    assert ended.state is RunState.FAILED
    assert "too often" in (ended.error or "")
    assert ended.ended == world.clock.now
    assert start(world) != run


def test_a_run_that_gets_further_is_not_given_up(world: World) -> None:
    """A worker killed by its machine is not the run's fault: attempts count from the last progress that was saved."""
    world.voice()
    held = claimed(world)
    for _ in range(9):
        with world.transaction() as session:
            Runs(session).advanced(held)
        world.clock.forward(seconds=61)
        again = claim(world)
        assert again is not None
        held = again
    assert held.attempt == 10

    for _ in range(2):
        world.clock.forward(seconds=61)
        assert claim(world) is not None
    world.clock.forward(seconds=61)
    assert claim(world) is None
    assert report(world, held.run).state is RunState.FAILED


def test_a_run_that_never_ends_is_given_up_at_last(world: World) -> None:
    """Whatever progress it claims to make."""
    world.voice()
    held = claimed(world)
    for _ in range(29):
        with world.transaction() as session:
            Runs(session).advanced(held)
        world.clock.forward(seconds=61)
        again = claim(world)
        assert again is not None
        held = again
    world.clock.forward(seconds=61)

    assert claim(world) is None
    assert report(world, held.run).state is RunState.FAILED


def test_progress_of_a_lost_run_does_not_count(world: World) -> None:
    """Whoever lost the lease says nothing for the run."""
    world.voice()
    lost = claimed(world)
    world.clock.forward(seconds=61)
    assert claim(world) is not None

    with pytest.raises(LeaseLost), world.transaction() as session:
        Runs(session).advanced(lost)


def test_a_released_run_is_taken_up_again(world: World) -> None:
    """A worker that is told to go gives its run back; that attempt does not count against the run."""
    world.voice()
    for _ in range(5):
        held = claim(world) or claimed(world)
        with world.transaction() as session:
            Runs(session).release(held)

    again = claim(world)

    assert again is not None
    assert (again.attempt, again.fence) == (1, 6)


def test_progress_is_what_the_worker_says(world: World) -> None:
    """Phase, step and loss are shown; the share that is done only grows, from 0 to 1."""
    world.voice()
    held = claimed(world)
    shares = [report(world, held.run).progress]
    for phase, step in [(Phase.LESSON, 0), (Phase.TRAINING, 1), (Phase.TRAINING, 4), (Phase.WRITING, 0)]:
        with world.transaction() as session:
            Runs(session).report(held, Progress(phase, step, of=4, loss=2.5, seconds_left=9.0))
        now = report(world, held.run)
        assert (now.phase, now.step, now.of, now.loss, now.seconds_left) == (phase, step, 4, 2.5, 9.0)
        shares.append(now.progress)
    with world.transaction() as session:
        Runs(session).end(held, RunState.ADMITTED, now=world.clock.now)
    shares.append(report(world, held.run).progress)

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_queued_run_is_cancelled_at_once(world: World) -> None:
    """Nobody takes it up."""
    world.voice()
    run = start(world)
    with world.transaction() as session:
        assert Runs(session).cancel(run, world.clock.now).state is RunState.CANCELLED

    assert claim(world) is None
    assert report(world, run).ended == world.clock.now


def test_a_running_run_is_cancelled_by_its_worker(world: World) -> None:
    """The worker hears of it at its next word, and then ends it."""
    world.voice()
    held = claimed(world)
    with world.transaction() as session:
        shown = Runs(session).cancel(held.run, world.clock.now)
    assert (shown.state, shown.cancelling) == (RunState.RUNNING, True)

    with pytest.raises(Cancelled), world.transaction() as session:
        Runs(session).renew(held, world.clock.now, LEASE)
    with world.transaction() as session:
        Runs(session).end(held, RunState.CANCELLED, now=world.clock.now)

    assert report(world, held.run).state is RunState.CANCELLED


def test_a_cancelled_run_of_a_dead_worker_is_not_taken_up(world: World) -> None:
    """The admin stopped it, the worker died before it heard: it ends as cancelled, not anew."""
    world.voice()
    held = claimed(world)
    with world.transaction() as session:
        Runs(session).cancel(held.run, world.clock.now)
    world.clock.forward(seconds=61)

    assert claim(world) is None
    assert report(world, held.run).state is RunState.CANCELLED


def test_cancelling_what_has_ended_changes_nothing(world: World) -> None:
    """An admitted run stays admitted."""
    world.voice()
    held = claimed(world)
    with world.transaction() as session:
        Runs(session).end(held, RunState.ADMITTED, now=world.clock.now)
    before = report(world, held.run)
    world.clock.forward(seconds=5)

    with world.transaction() as session:
        assert Runs(session).cancel(held.run, world.clock.now) == before


def test_unheard_bells_are_known(world: World) -> None:
    """Queued runs and those whose worker died wait; those that are held or ended don't."""
    for voice in ("sibot", "bard", "third"):
        world.voice(voice)
    held = claimed(world)
    start(world, "bard")

    def waiting() -> list[str]:
        with world.reading() as session:
            return sorted(Runs(session).waiting(world.clock.now, LEASE))

    assert waiting() == ["bard"]
    world.clock.forward(seconds=61)
    assert waiting() == ["bard", "sibot"]
    again = claim(world)
    assert again is not None
    assert again.run == held.run
    with world.transaction() as session:
        Runs(session).end(again, RunState.FAILED, error="broken", now=world.clock.now)
    assert waiting() == ["bard"]


def test_the_log_is_kept_in_order(world: World) -> None:
    """What the worker writes down is read by the admin, with the time."""
    world.voice()
    run = start(world)
    for entry in (Recited(20, ("봄비",)), StepTaken(30, 60, 2.5), GivenBack()):
        with world.transaction() as session:
            Runs(session).log(run, entry, world.clock.forward(seconds=1))

    assert report(world, run).log == (
        "09:00:01 writes after 20 steps: 봄비",
        "09:00:02 step 30 of 60: loss 2.5000",
        "09:00:03 the worker is shutting down; back in the queue",
    )


def test_runs_are_listed_newest_first(world: World) -> None:
    """Of one voice, or of all."""
    world.voice()
    world.voice("bard")
    first, other = start(world), start(world, "bard")
    with world.transaction() as session:
        Runs(session).cancel(first, world.clock.now)
    second = start(world)

    with world.reading() as session:
        runs = Runs(session)
        assert [r.run for r in runs.of_voice("sibot")] == [second, first]
        assert [r.run for r in runs.of_voice(None)] == [second, other, first]
        assert [r.run for r in runs.of_voice("sibot", limit=1)] == [second]
        with pytest.raises(UnknownRun):
            runs.one(2**31 - 1)


def test_a_lease_from_before_the_clock_went_back_is_over(world: World) -> None:
    """Its worker is gone and nobody renews it: it must not bind the run for as long as the clock was ahead."""
    world.voice()
    run = start(world)
    world.clock.forward(hours=5)
    with world.transaction() as session:
        first = Runs(session).claim(world.clock.now, LEASE)
    world.clock.forward(hours=-5)
    with world.transaction() as session:
        second = Runs(session).claim(world.clock.now, LEASE)

    assert first is not None
    assert second is not None
    assert (second.run, second.attempt) == (run, 2)
    with world.transaction() as session, pytest.raises(LeaseLost):
        Runs(session).renew(first, world.clock.now, LEASE)


def test_leases_are_told_by_one_clock(world: World) -> None:
    """The database's where it has one, and it agrees with ours on this machine."""
    with world.reading() as session:
        told = database_now(session)

    assert abs(datetime.now(UTC) - told) < timedelta(seconds=2)

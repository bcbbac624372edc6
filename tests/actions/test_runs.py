"""Starting runs: when something is due, once, and not for ever."""

import random
from datetime import timedelta

import pytest

from app.actions import runs, trials
from app.actions.submissions import teach
from app.domain.errors import UnknownVoice
from app.domain.run import Cause, RunReport, RunState
from app.domain.submission import SubmissionStatus
from app.domain.visitor import Visitor
from app.store.runs import Runs
from app.store.trials import Trials
from tests.support.world import World


def sweep(world: World, *, hours: float = 0, after: int = 0) -> list[RunReport]:
    """What beat does every few seconds; the runs there are afterwards."""
    runs.start_due(world.bot(retrain_every=hours, retrain_after=after), at=world.clock.now)
    with world.reading() as session:
        return Runs(session).of_voice(None)


def give(world: World, count: int, voice: str = "sibot") -> None:
    """So many approved poems."""
    ann = Visitor("ann", returned=True, address="")
    for n in range(count):
        dice = random.Random(f"{world.clock.now} {n}")  # no two alike, or the second would wait
        text = " ".join("".join(dice.choices("가나다라마바사아자차카타파하", k=3)) for _ in range(8))
        teach(world.bot(auto_approve=True), voice, by=ann, text=text, consent=True)


def end(world: World, state: RunState) -> None:
    """A worker takes the run up and ends it."""
    with world.transaction() as session:
        claim = Runs(session).claim(world.clock.now, timedelta(seconds=60))
        assert claim is not None
        Runs(session).end(claim, state, now=world.clock.now)


def test_a_request_starts_a_run_and_announces_it(world: World) -> None:
    """The second finds the first, and announces again: the first message may have been lost."""
    world.voice()
    for new in (True, False):
        report, started = runs.request(world.bot(), "sibot", Cause.ADMIN, by="root")
        assert (report.state, started) == (RunState.QUEUED, new)
    assert world.announced == ["sibot", "sibot"]


def test_an_unknown_voice_is_not_trained(world: World) -> None:
    """And leaves no run behind."""
    with pytest.raises(UnknownVoice):
        runs.request(world.bot(), "nobody", Cause.SHELL, by="shell")
    assert world.announced == []


def test_enough_feedback_starts_a_run(world: World) -> None:
    """At the hundredth, not before; and one run, however often beat looks."""
    world.voice()
    world.clock.forward(seconds=1)
    give(world, 2)
    assert sweep(world, after=3) == []
    world.clock.forward(seconds=1)
    give(world, 1)

    for _ in range(3):
        (run,) = sweep(world, after=3)
        assert (run.cause, run.state) == (Cause.COUNT, RunState.QUEUED)
    assert world.announced == ["sibot"] * 3


def test_a_voice_on_trial_waits(world: World) -> None:
    """Readers are still being asked about the last version; the next one comes after."""
    world.voice()
    challenger, _ = world.version(folder="sibot/1")
    with world.transaction() as session:
        Trials(session).start("sibot", challenger, share=0.5, now=world.clock.now)
    world.clock.forward(minutes=1)
    give(world, 5)

    assert sweep(world, after=5) == []
    trials.stop(world.bot(), "sibot", by="root")
    assert len(sweep(world, after=5)) == 1


def test_a_schedule_waits_for_something_new(world: World) -> None:
    """A day has passed: a run starts if anybody gave anything, else nothing would be learned."""
    world.voice()
    world.clock.forward(hours=25)
    assert sweep(world, hours=24) == []

    give(world, 1)
    (run,) = sweep(world, hours=24)
    assert run.cause is Cause.SCHEDULE


def test_a_schedule_counts_from_the_last_run(world: World) -> None:
    """Not every sweep after the first day."""
    world.voice()
    world.clock.forward(hours=25)
    give(world, 1)
    sweep(world, hours=24)
    end(world, RunState.FAILED)
    world.clock.forward(hours=2)
    assert len(sweep(world, hours=24)) == 1

    world.clock.forward(hours=23)
    assert len(sweep(world, hours=24)) == 2


def test_a_broken_lesson_does_not_train_for_ever(world: World) -> None:
    """After a run in vain the count rests for an hour."""
    world.voice()
    world.clock.forward(seconds=1)
    give(world, 5)
    sweep(world, after=3)
    end(world, RunState.FAILED)

    world.clock.forward(minutes=59)
    assert len(sweep(world, after=3)) == 1
    world.clock.forward(minutes=2)
    assert len(sweep(world, after=3)) == 2


def test_nothing_starts_by_itself_where_that_is_off(world: World) -> None:
    """`RETRAIN_EVERY=0` and `RETRAIN_AFTER=0`: the admin starts them."""
    world.voice()
    world.clock.forward(days=9)
    give(world, 5)

    assert sweep(world) == []


def test_lost_announcements_are_made_again(world: World) -> None:
    """A run whose message was lost, or whose worker died, is announced at each sweep until somebody takes it."""
    world.voice()
    with world.transaction() as session:
        Runs(session).start("sibot", Cause.ADMIN, world.clock.now)
    sweep(world)
    assert world.announced == ["sibot"]
    with world.transaction() as session:
        Runs(session).claim(world.clock.now, timedelta(seconds=60))
    sweep(world)
    assert world.announced == ["sibot"]
    world.clock.forward(seconds=61)
    sweep(world)
    assert world.announced == ["sibot", "sibot"]


@pytest.mark.parametrize(("trusting", "status"), [(True, SubmissionStatus.APPROVED), (False, SubmissionStatus.WAITING)])
def test_a_deployment_chooses_who_approves(world: World, trusting: bool, status: SubmissionStatus) -> None:
    """The queue, or the automatic checks alone."""
    world.voice()
    ann, text = Visitor("ann", returned=True, address=""), "봄비가 온다 창을 닫는다"
    taught, _ = teach(world.bot(auto_approve=trusting), "sibot", by=ann, text=text, consent=True)
    assert taught.status is status

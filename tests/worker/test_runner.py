"""The runner, with a real network, a real shelf, and both databases: every run comes to an end that is told."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sqlalchemy import select

from app import actions
from app.bootstrap import Bot, now
from app.domain import gate, run_log
from app.domain.errors import Cancelled
from app.domain.gate import Scorecard, Verdict
from app.domain.run import Claim, Phase, RunState
from app.domain.submission import SubmissionStatus
from app.domain.version import VersionStatus
from app.domain.visitor import Visitor
from app.store.lessons import Learnings
from app.store.runs import WORN_OUT, Runs
from app.store.submissions import Submissions
from app.store.tables import RunRow
from app.store.tastes import Tastes
from app.store.ticks import Ticks
from app.store.trials import Trials
from app.store.versions import Versions
from app.web.desk import losses
from models import checkpoint
from models.taste import Report, Taste
from tests.support.deployment import until
from tests.support.world import World
from tests.worker.conftest import EMBEDDED, ask, folders, give, report
from worker import examiner, trainer
from worker.runner import Lease, Runner
from worker.upkeep import trainings

ENDLESS = {"lesson_steps": 100_000}
"""More steps than any test waits for."""


def with_settings(bot: Bot, **values: object) -> Bot:
    """The same bot under other settings."""
    return replace(bot, settings=bot.settings.model_copy(update=values))


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int]) -> Bot:
    """A bot whose lesson would take many minutes."""
    monkeypatch.setattr(trainer, "MAX_PASSES", 10_000)
    return with_settings(bot, **ENDLESS)


def in_background(runner: Runner) -> threading.Thread:
    """Have a thread work."""
    thread = threading.Thread(target=runner.work)
    thread.start()
    return thread


def trains(bot: Bot, run: int) -> bool:
    """Is the run in mid-training?"""
    at = report(bot, run)
    return at.phase is Phase.TRAINING and at.step > 0


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the gate judge, by its own rules, a candidate with other figures than six steps happen to give it.

    It is as good as its base; and where its readers were asked, they like it a little better than the champion.
    """
    judge = gate.judge

    def set_figures(*, copied: float | None = None) -> None:
        def as_told(base: Scorecard, card: Scorecard, *, champion: Scorecard, readers: int) -> Verdict:
            told = replace(base, liking=card.liking, copied=base.copied if copied is None else copied)
            champion = replace(champion, bits_per_char=base.bits_per_char, liking=card.liking - 0.01)
            return judge(base, told, champion=champion, readers=readers)

        monkeypatch.setattr(gate, "judge", as_told)

    return set_figures


def test_a_run_makes_a_version_of_what_was_ticked(bot: Bot, feedback: list[int], judged: Callable[..., None]) -> None:
    """The version lies whole on the shelf, its weights are not the base's, its lesson counts the ticks."""
    judged()
    run = ask(bot)

    assert Runner(bot).work() == 1

    ended = report(bot, run)
    assert ended.state is RunState.UNDECIDED, ended.error
    assert (ended.version, ended.error, ended.attempt) == (1, None, 1)
    assert ended.phase is Phase.PUBLISHING
    assert ended.loss is not None
    assert ended.progress == 1.0
    with bot.reads(Versions) as versions:
        made, base = versions.one("sibot", 1), versions.one("sibot", 0)
    with bot.reads(Learnings) as learnings:
        assert learnings.of("line", [feedback[0]])[feedback[0]].versions == (1,)
    assert made.lesson["ticks"] == 6
    assert made.lesson["visitors"] == 2
    assert made.metrics["bits_per_char"] > 1
    assert base.metrics["bits_per_char"] > 1
    learned, taught_from = (checkpoint.read(bot.shelf.fetch(v.folder)) for v in (made, base))
    assert learned.meta.lesson["hash"] == made.lesson["hash"]
    assert not np.array_equal(learned.weights["embedding.weight"], taught_from.weights["embedding.weight"])


def test_with_few_readers_nothing_is_admitted_unseen(
    bot: Bot, feedback: list[int], judged: Callable[..., None]
) -> None:
    """Two readers are too few to tell what readers like: the run is undecided, and the base goes on serving.

    The version has all that the desk needs: the reason, poems to compare, and what it made of each line.
    """
    judged()
    run = ask(bot)

    Runner(bot).work()

    ended = report(bot, run)
    with bot.reading() as session:
        versions = Versions(session)
        champion, made = versions.champion("sibot"), versions.one("sibot", 1)
        samples = versions.samples("sibot")
        learned = Learnings(session).of("line", feedback)
    assert champion.number == 0
    assert (ended.state, made.status) == (RunState.UNDECIDED, VersionStatus.UNDECIDED)
    assert ended.verdict == {"admitted": False, "reasons": [], "unmeasured": ["too_few_readers"]}
    assert {number: [len(poem) for poem in poems] for number, poems in samples.items()} == {0: [5, 5, 5], 1: [5, 5, 5]}
    assert all(one.versions == (1,) and one.gain is not None for one in learned.values())
    assert set(learned) == set(feedback)


def test_a_version_that_was_turned_away_goes_on_no_trial(
    bot: Bot, feedback: list[int], judged: Callable[..., None]
) -> None:
    """One that copies is rejected, with the gate's reason, whatever share of the poems there is to give."""
    judged(copied=1.0)
    run = ask(bot)

    Runner(with_settings(bot, trial_share=0.4)).work()

    ended = report(bot, run)
    with bot.reading() as session:
        assert Trials(session).running("sibot") is None
        assert Versions(session).one("sibot", 1).status is VersionStatus.REJECTED
    assert ended.state is RunState.REJECTED
    assert ended.verdict is not None
    assert ended.verdict["reasons"] == ["copies"]


def test_a_version_that_was_not_turned_away_goes_on_trial(
    bot: Bot, feedback: list[int], judged: Callable[..., None]
) -> None:
    """With a share of the poems to give, the undecided one is a challenger, and readers decide."""
    judged()
    ask(bot)

    Runner(with_settings(bot, trial_share=0.4)).work()

    with bot.reads(Trials) as trials:
        trial = trials.running("sibot")
    assert trial is not None
    assert (trial.challenger, trial.champion, trial.share) == (1, 0, 0.4)


def test_what_many_readers_chose_is_asked_of_the_candidate(bot: Bot, judged: Callable[..., None]) -> None:
    """Of thirty readers eight are held out, who like it better: it is admitted; their ticks are not in the lesson."""
    judged()
    with bot.reads(Versions) as versions:
        base = versions.champion("sibot").id
    for n in range(30):
        give(bot, base, f"reader-{n}")
    run = ask(bot)

    Runner(bot).work()

    ended = report(bot, run)
    assert ended.state is RunState.ADMITTED, ended.error
    assert ended.verdict == {"admitted": True, "reasons": [], "unmeasured": []}
    with bot.reads(Versions) as versions:
        made = versions.one("sibot", 1)
    assert (made.lesson["visitors"], made.lesson["ticks"]) == (22, 66)
    assert "liking" in made.metrics
    told = [one.entry for one in ended.said]
    assert [one.text for one in ended.said if one.entry is None] == []
    assert {type(one) for one in told} == {
        run_log.LessonMade,
        run_log.StepTaken,
        run_log.Recited,
        run_log.Taught,
        run_log.Measured,
        run_log.LikingMeasured,
        run_log.Judged,
    }
    liking = next(one for one in told if isinstance(one, run_log.LikingMeasured))
    assert (liking.readers, liking.bits) == (8, made.metrics["liking"])
    assert len(losses(ended.said)) == len([one for one in told if isinstance(one, run_log.StepTaken)]) > 1


def test_whom_the_champion_was_taught_is_not_asked(bot: Bot) -> None:
    """What a version was taught it has by heart: only readers whose ticks the champion never saw are held out."""
    with bot.reads(Versions) as versions:
        base = versions.champion("sibot").id
    ticked = [line for n in range(30) for line in give(bot, base, f"reader-{n}")]
    ask(bot)
    claim = actions.runs.claim(bot)
    assert claim is not None
    untaught = Runner(bot)._prepare(claim)

    World(bot.sessions).version(folder="sibot/1", items=[("line", line, 1.0) for line in ticked])
    actions.versions.promote(bot, "sibot", 1, by="test")
    taught = Runner(bot)._prepare(claim)

    assert len({line.visitor for line in untaught.held_out}) == 8
    assert taught.held_out == ()
    assert (untaught.lesson.visitors, taught.lesson.visitors) == (22, 30)


def test_a_champion_whose_folder_is_lost_is_told_of(bot: Bot, feedback: list[int]) -> None:
    """The candidate is compared with the base instead, and the log says so."""
    World(bot.sessions).version(folder="sibot/1")
    actions.versions.promote(bot, "sibot", 1, by="test")
    run = ask(bot)
    claim = actions.runs.claim(bot)
    assert claim is not None
    runner = Runner(bot)
    task = runner._prepare(claim)
    base = runner._read(task.base)

    compared = runner._champion(task, base, Lease(bot, claim, runner.stopping))

    assert compared is base
    (said,) = report(bot, run).said
    assert said.entry == run_log.ChampionLost(1, "the folder sibot/1 is not on the shelf")


def test_a_version_that_serves_is_measured_beside_the_next(
    bot: Bot, feedback: list[int], judged: Callable[..., None]
) -> None:
    """The champion's figures in the log are those of the version that was promoted, not the base's."""
    judged()
    ask(bot)
    Runner(bot).work()
    actions.versions.promote(bot, "sibot", 1, by="test")
    run = ask(bot)

    Runner(bot).work()

    measured = [one.entry for one in report(bot, run).said if isinstance(one.entry, run_log.Measured)]
    base, champion = measured[:2]
    with bot.reads(Versions) as versions:
        made = versions.one("sibot", 1)
    assert champion.bits == made.metrics["bits_per_char"]
    assert champion.bits != base.bits


def test_a_taste_that_is_none_chooses_nothing(bot: Bot) -> None:
    """As on the site, which does without it."""
    with bot.transaction() as session:
        Tastes(session).add("sibot", {"why": "altered"}, serves=True, now=now())

    assert Runner(bot)._taste("sibot") is None


def test_a_training_that_diverges_is_turned_away(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int]
) -> None:
    """Not failed: the network is at fault, not the machine, and the desk says so in words."""
    monkeypatch.setattr(trainer, "LEARNING_RATE", math.inf)
    run = ask(bot)

    Runner(bot).work()

    ended = report(bot, run)
    assert (ended.state, ended.version) == (RunState.REJECTED, None)
    assert ended.verdict is not None
    assert ended.verdict["reasons"] == ["not_finite"]
    assert folders(bot) == []
    assert list(trainings(bot.settings.home).glob("*")) == [], "nobody goes on with a run that has ended"


@pytest.mark.parametrize(("swap", "serves"), [("auto", 1), ("ask", 0)])
def test_the_admin_may_be_asked_first(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int], swap: str, serves: int
) -> None:
    """Without a trial what the gate admits serves at once; with SWAP=ask the base goes on serving."""
    monkeypatch.setattr(gate, "judge", lambda *_, **__: Verdict(()))
    run = ask(bot)

    Runner(with_settings(bot, swap=swap, trial_share=0.0)).work()

    assert report(bot, run).state is RunState.ADMITTED
    with bot.reads(Versions) as versions:
        assert versions.champion("sibot").number == serves


@EMBEDDED
def test_a_base_is_measured_once(bot: Bot, feedback: list[int]) -> None:
    """What is known of it already stays, beside every candidate."""
    with bot.reads(Versions) as versions:
        base = versions.one("sibot", 0).id
    actions.versions.note_base(bot, base, {"bits_per_char": 9.0}, [])
    ask(bot)

    Runner(bot).work()

    with bot.reads(Versions) as versions:
        assert versions.one("sibot", 1).metrics["bits_per_char"] > 0
        assert versions.one("sibot", 0).metrics == {"bits_per_char": 9.0}


TASTE = Taste({"c가": 1.0}, -2.0, Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3))


@EMBEDDED
@pytest.mark.parametrize("taste_after", [50, 0])
def test_the_examiner_has_the_taste_that_would_serve_the_version(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int], taste_after: int
) -> None:
    """None where the site uses none."""
    with bot.transaction() as session:
        Tastes(session).add("sibot", TASTE.as_dict(), serves=True, now=now())
    run, asked = ask(bot), []

    def assess(subject: examiner.Subject, *_: object, **__: object) -> None:
        asked.append(subject.taste)
        raise Cancelled(run)

    monkeypatch.setattr(examiner, "assess", assess)
    Runner(with_settings(bot, taste_after=taste_after, dreams=0)).work()

    assert asked == [TASTE if taste_after else None]


def test_the_same_lesson_teaches_the_same(bot: Bot, feedback: list[int]) -> None:
    """A run can be repeated: lesson hash and seed give the same weights, always from the base."""
    for _ in range(2):
        ask(bot)
        Runner(bot).work()

    first, second = (checkpoint.read(folder) for folder in folders(bot))
    assert first.meta.lesson == second.meta.lesson
    for name, weights in first.weights.items():
        np.testing.assert_allclose(weights, second.weights[name], atol=1e-3, err_msg=name)


def test_what_was_taken_back_is_not_taught(bot: Bot, feedback: list[int]) -> None:
    """A line that was unticked is in no later lesson."""
    with bot.transaction() as session:
        Ticks(session).set(feedback[0], "first", on=False, address="", now=now())
    ask(bot)

    Runner(bot).work()

    with bot.reads(Versions) as versions:
        assert versions.one("sibot", 1).lesson["ticks"] == 5
    with bot.reads(Learnings) as learnings:
        assert {line: one.versions for line, one in learnings.of("line", feedback[:2]).items()} == {feedback[1]: (1,)}


def test_nothing_to_learn_is_an_end_with_a_reason(bot: Bot) -> None:
    """Before anybody has ticked anything, "start training" says so."""
    run = ask(bot)

    Runner(bot).work()

    ended = report(bot, run)
    assert ended.state is RunState.FAILED
    assert ended.error == "there is nothing to learn yet: no ticked line and no approved poem"
    assert folders(bot) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_what_goes_wrong_is_the_runs_error(bot: Bot, feedback: list[int]) -> None:
    """A run that cannot be carried out fails, says why in one line, and the next one can start."""
    run = ask(bot)

    Runner(with_settings(bot, device="cuda")).work()

    ended = report(bot, run)
    assert ended.state is RunState.FAILED
    assert ended.error == "ValueError: there is no CUDA device here"
    assert ask(bot) == run + 1


def test_a_cancelled_run_stops_in_mid_training(endless: Bot) -> None:
    """The admin's button is heard within seconds, and nothing is left on the shelf."""
    run = ask(endless)
    working = in_background(Runner(endless))
    until("it trains", lambda: trains(endless, run))

    with endless.transaction() as session:
        runs = Runs(session)
        runs.cancel(run, now())
    working.join()

    assert report(endless, run).state is RunState.CANCELLED
    assert folders(endless) == []
    assert list(Path(endless.settings.shelf).glob(".tmp/*")) == []


def test_a_worker_told_to_go_puts_its_run_back(endless: Bot) -> None:
    """The run waits again as if it had not been taken: its attempt does not count."""
    run = ask(endless)
    runner = Runner(endless)
    working = in_background(runner)
    until("it trains", lambda: trains(endless, run))

    runner.stopping.set()
    working.join()

    waiting = report(endless, run)
    assert (waiting.state, waiting.attempt, waiting.phase) == (RunState.QUEUED, 0, None)
    assert waiting.said[-1].entry == run_log.GivenBack()


@EMBEDDED
def test_a_run_that_dreams_says_how_far_it_is_and_goes_when_told_to(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int]
) -> None:
    """Dreams are most of a run's time: nobody waits for the last of them."""
    monkeypatch.setattr(trainer, "taste_of", lambda *_: TASTE)
    bot = with_settings(bot, dreams=10_000)
    run = ask(bot)
    runner = Runner(bot)
    working = in_background(runner)
    until("it says how far it is", lambda: report(bot, run).step > 0)
    at = report(bot, run)

    runner.stopping.set()
    working.join()

    assert at.phase is Phase.LESSON
    assert 0 < at.step < at.of == 100
    assert report(bot, run).state is RunState.QUEUED


@EMBEDDED
def test_a_run_says_how_much_longer_it_takes(endless: Bot) -> None:
    """As the training foresees it."""
    run = ask(endless)
    runner = Runner(endless)
    working = in_background(runner)
    until("it has taken some steps", lambda: report(endless, run).step > 5)
    left = report(endless, run).seconds_left

    runner.stopping.set()
    working.join()

    assert left is not None
    assert left > 0


@EMBEDDED
def test_who_lost_the_lease_at_the_last_moment_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int]
) -> None:
    """The version lies in its place already, and cannot be published: the run is another's by now."""
    run, reported = ask(bot), Lease.report

    def robbed(lease: Lease, phase: Phase, *args: Any, **more: Any) -> None:
        reported(lease, phase, *args, **more)
        if phase is Phase.PUBLISHING:
            _take_from_under_it(bot)

    monkeypatch.setattr(Lease, "report", robbed)
    Runner(bot).work()

    assert (report(bot, run).state, report(bot, run).attempt) == (RunState.RUNNING, 2)
    assert folders(bot) == []


def test_who_lost_the_lease_publishes_nothing(endless: Bot) -> None:
    """Another worker has the run by now: the first one notices, and leaves everything as it is."""
    run = ask(endless)
    working = in_background(Runner(endless))
    until("it trains", lambda: trains(endless, run))

    other = _take_from_under_it(endless)
    working.join()

    assert (other.run, other.fence, other.attempt) == (run, 2, 2)
    assert report(endless, run).state is RunState.RUNNING
    assert folders(endless) == []
    with endless.transaction() as session:
        runs = Runs(session)
        runs.end(other, RunState.FAILED, now=now())  # the thief still holds it


def _take_from_under_it(bot: Bot) -> Claim:
    """Claim the run as another worker would once its lease has run out: a row that is being written is passed over."""
    lease = timedelta(seconds=bot.settings.lease)

    def take() -> Claim | None:
        with bot.transaction() as session:
            runs = Runs(session)
            return runs.claim(now() + 2 * lease, lease)

    other: Claim = until("another worker takes it", take)
    return other


def test_a_heartbeat_keeps_the_lease(endless: Bot) -> None:
    """A training longer than its lease is nobody else's."""
    bot = with_settings(endless, lease=1.0)
    run = ask(bot)
    runner = Runner(bot)
    working = in_background(runner)
    until("it trains", lambda: trains(bot, run))

    first = leased_until(bot, run)
    until("it is renewed when the first would be over", lambda: leased_until(bot, run) > first + timedelta(seconds=1))
    runner.stopping.set()
    working.join()

    assert report(bot, run).state is RunState.QUEUED


def leased_until(bot: Bot, run: int) -> datetime:
    """When the run is anybody's again."""
    with bot.reading() as session:
        over = session.scalar(select(RunRow.leased_until).where(RunRow.id == run))
    assert over is not None
    return over


def test_a_run_that_kills_its_workers_is_given_up(bot: Bot, feedback: list[int]) -> None:
    """After so many attempts that came to nothing a run has failed, and says so."""
    bot = with_settings(bot, attempts=2)
    run = ask(bot)
    for _ in range(bot.settings.attempts):
        with bot.transaction() as session:  # a worker that takes it, and is never heard of again
            runs = Runs(session)
            assert runs.claim(now(), timedelta(0)) is not None
        time.sleep(0.01)

    assert Runner(bot).work() == 0

    ended = report(bot, run)
    assert (ended.state, ended.error) == (RunState.FAILED, WORN_OUT)


def test_a_run_whose_workers_are_killed_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int]
) -> None:
    """Killed more often than a run may fail, each time a step further: it ends well, and nothing of it is left over."""
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    advanced = Lease.advanced

    def killed(lease: Lease) -> None:
        advanced(lease)
        raise SystemExit  # no handler of the runner's sees it, as none sees a SIGKILL

    kills, hasty = bot.settings.attempts + 2, with_settings(bot, lease=0.05)
    run = ask(bot)
    monkeypatch.setattr(Lease, "advanced", killed)
    for _ in range(kills):
        with pytest.raises(SystemExit):
            Runner(hasty).work()
        time.sleep(0.1)  # the lease runs out
    kept = trainings(bot.settings.home) / f"run-{run}"
    assert (kept / "training.safetensors").is_file()

    monkeypatch.setattr(Lease, "advanced", advanced)
    Runner(bot).work()

    ended = report(bot, run)
    assert ended.version == 1, ended.error
    assert ended.attempt == kills + 1
    assert not kept.exists()


def test_what_was_cut_for_time_is_in_the_log_and_in_the_version(
    monkeypatch: pytest.MonkeyPatch, bot: Bot, feedback: list[int]
) -> None:
    """On a machine that reads two characters a second."""
    monkeypatch.setattr(trainer, "chars_per_second", lambda *_: 2.0)
    run = ask(bot)

    Runner(with_settings(bot, run_minutes=20.0, lesson_steps=240)).work()

    ended = report(bot, run)
    (folder,) = folders(bot)
    schedule = checkpoint.read(folder).meta.lesson["schedule"]
    assert run_log.StepsCut(20, schedule["steps"], 240) in [one.entry for one in ended.said]
    assert 0 < schedule["steps"] < 240
    assert (schedule["passes"], schedule["dreams"]) == (1, 0)


def test_what_a_dead_worker_left_on_the_shelf_is_cleared(bot: Bot, feedback: list[int]) -> None:
    """A folder that was placed and never published is gone when the run has been taken up again."""
    run = ask(bot)
    with bot.transaction() as session:
        runs = Runs(session)
        assert runs.claim(now(), timedelta(0)) is not None
    left = bot.shelf.scratch()
    (left / "meta.json").write_text("{}")
    bot.shelf.place(left, f"sibot/sibot-tiny/run-{run}-1")

    Runner(bot).work()

    assert [folder.name for folder in folders(bot)] == [f"run-{run}-2"]


def test_a_poem_that_was_approved_is_taught(bot: Bot) -> None:
    """A submission alone makes a lesson, and its author can see which version learned it."""
    World(bot.sessions).visitor("author")
    text, author = "밤비가 지나간 골목에\n우산 하나 남아 있다", Visitor("author", returned=True, address="")
    given, _ = actions.submissions.teach(bot, "sibot", by=author, text=text, consent=True)
    actions.submissions.decide(bot, [given.id], SubmissionStatus.APPROVED, by="admin")
    ask(bot)

    Runner(bot).work()

    with bot.reads(Submissions) as store:
        assert store.by_token(given.token).taught_in == (1,)


def test_runs_of_all_voices_are_carried_out_one_after_the_other(bot: Bot, feedback: list[int]) -> None:
    """A worker goes on until nothing is free; two messages at once do not make it two."""
    ask(bot)
    runner = Runner(bot)
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(runner.work())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == [0, 1]

"""Versions: numbered in order, one of them serves, and tick-rates count those who came back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from app.actions import versions as actions
from app.actions.versions import TrainedVersion
from app.domain.errors import NothingToUndo, TurnedAway, UnknownVersion, UnknownVoice
from app.domain.gate import Verdict
from app.domain.lesson import Lesson, Text
from app.domain.run import Cause, Claim, RunState
from app.domain.version import VersionReport, VersionStatus, wilson
from app.store.admins import Audit
from app.store.lessons import Learnings
from app.store.poems import Poems
from app.store.runs import Runs
from app.store.ticks import Ticks
from app.store.versions import Versions
from app.store.voices import Voices
from tests.store.test_runs import claimed
from tests.support.world import World

LESSON = Lesson(
    (Text("봄비가 온다", 1.5, "line", sources=(4, 9)), Text("눈이 온다", 2.0, "poem", sources=(3,))), 2, 1, 2
)


def champion(world: World, voice: str = "sibot") -> int:
    """Number of the version that serves."""
    with world.reading() as session:
        return Versions(session).champion(voice).number


def promote(world: World, number: int, *, override: bool = False, reason: str = "") -> int:
    """What the admin's button does."""
    world.clock.forward(seconds=1)
    return actions.promote(world.bot(), "sibot", number, by="root", override=override, reason=reason)


def rollback(world: World) -> int:
    """What the admin's other button does."""
    world.clock.forward(seconds=1)
    return actions.rollback(world.bot(), "sibot", by="root")


def publish(world: World, claim: Claim, verdict: Verdict, *, swap: str = "auto") -> tuple[RunState, int]:
    """What a worker does at the end of its run."""
    candidate = TrainedVersion(f"sibot/run-{claim.run}", LESSON, {"bits_per_char": 3.0}, verdict)
    world.clock.forward(seconds=1)
    return actions.publish(world.bot(swap=swap), claim, candidate)


def report(world: World, number: int) -> VersionReport:
    """The version as pages show it."""
    with world.reading() as session:
        return Versions(session).report("sibot", number)


def test_a_voice_begins_with_its_base(world: World) -> None:
    """Version 0 serves, nothing was taught."""
    version = world.voice()
    with world.reading() as session:
        voice = Voices(session).one("sibot")
        (serving,) = Voices(session).champions()

    assert (voice.champion, voice.champion_id, voice.versions, voice.lines_taught) == (0, version, 1, 0)
    assert voice.taught is None
    assert (serving.voice, serving.version_id, serving.number, serving.base) == ("sibot", version, 0, "tiny-1")


def test_an_admitted_candidate_serves(world: World) -> None:
    """One unit of work: a version with the next number, the run's end, the pointer, the history."""
    world.voice()
    claim = claimed(world)

    assert publish(world, claim, Verdict(())) == (RunState.ADMITTED, 1)

    assert champion(world) == 1
    made = report(world, 1)
    assert (made.status, made.champion, made.metrics) == (VersionStatus.ADMITTED, True, {"bits_per_char": 3.0})
    assert made.lesson == LESSON.summary()
    with world.reading() as session:
        run = Runs(session).one(claim.run)
        move = Versions(session).history("sibot")[0]
        assert Voices(session).one("sibot").lines_taught == 3
        assert {line: one.versions for line, one in Learnings(session).of("line", [9, 3]).items()} == {9: (1,)}
    assert (run.state, run.version, run.verdict) == (RunState.ADMITTED, 1, Verdict(()).as_dict())
    assert (move.version, move.was, move.by, move.reason) == (1, 0, "gate", f"run {claim.run}")


def test_with_ask_the_admin_decides(world: World) -> None:
    """Admission alone does not swap."""
    world.voice()

    assert publish(world, claimed(world), Verdict(()), swap="ask") == (RunState.ADMITTED, 1)

    assert champion(world) == 0
    assert promote(world, 1) == 1
    assert champion(world) == 1


def test_a_rejected_candidate_is_kept_but_does_not_serve(world: World) -> None:
    """It can be looked at; it serves only when the admin says so, and why."""
    world.voice()
    verdict = Verdict(("copies",))
    assert publish(world, claimed(world), verdict) == (RunState.REJECTED, 1)
    assert champion(world) == 0

    for override, reason in [(False, ""), (False, "I like it"), (True, ""), (True, "   ")]:
        with pytest.raises(TurnedAway) as refused:
            promote(world, 1, override=override, reason=reason)
        assert refused.value.verdict == verdict
    assert champion(world) == 0

    promote(world, 1, override=True, reason="the quotations are wanted")
    assert champion(world) == 1
    with world.reading() as session:
        assert Versions(session).history("sibot")[0].reason == "the quotations are wanted"


@pytest.mark.parametrize(
    ("verdict", "deed"),
    [
        (Verdict(()), "promote"),
        (Verdict((), unmeasured=("too_few_readers",)), "promote"),
        (Verdict(("copies",)), "promote.override"),
    ],
)
def test_an_override_is_audited_where_there_was_one(world: World, verdict: Verdict, deed: str) -> None:
    """An admin who says he overrides the gate overrides nothing where it has not rejected the version."""
    world.voice()
    publish(world, claimed(world), verdict, swap="ask")

    promote(world, 1, override=True, reason="I like it")

    with world.reading() as session:
        assert Audit(session).newest(1)[0].deed == deed


def test_rolling_back_goes_back_and_back(world: World) -> None:
    """To what was before, and from there to what was before that; the base has nothing before it."""
    world.voice()
    for _ in range(3):
        publish(world, claimed(world), Verdict(()))

    assert [rollback(world), rollback(world), rollback(world)] == [2, 1, 0]
    with pytest.raises(NothingToUndo):
        rollback(world)
    assert champion(world) == 0
    with world.reading() as session:
        moves = [(m.version, m.was) for m in Versions(session).history("sibot")]
    assert moves == [(0, 1), (1, 2), (2, 3), (3, 2), (2, 1), (1, 0), (0, None)]


def test_a_version_is_compared_with_what_it_took_over_from(world: World) -> None:
    """By numbers of the present base; one that nobody has met, with what serves; the base with none, ever."""
    world.voice()
    publish(world, claimed(world), Verdict(()))
    world.voice(base="tiny-2")
    for swap in ("auto", "auto", "ask"):
        publish(world, claimed(world), Verdict(()), swap=swap)

    def before() -> list[int | None]:
        with world.reading() as session:
            return [Versions(session).before("sibot", number) for number in range(4)]

    assert before() == [None, 0, 1, 2]
    assert [rollback(world), rollback(world)] == [1, 0]
    assert before() == [None, 0, 1, 0]
    with world.reading() as session, pytest.raises(UnknownVersion):
        Versions(session).before("sibot", 4)


def test_after_a_rollback_the_next_version_has_a_new_number(world: World) -> None:
    """No number is ever used twice, and a rollback from there leads to what served before it."""
    world.voice()
    publish(world, claimed(world), Verdict(()))
    publish(world, claimed(world), Verdict(()))
    rollback(world)

    assert publish(world, claimed(world), Verdict(())) == (RunState.ADMITTED, 3)
    assert rollback(world) == 1


def test_promoting_what_serves_changes_nothing(world: World) -> None:
    """A double click writes no history."""
    world.voice()
    publish(world, claimed(world), Verdict(()))

    promote(world, 1)
    promote(world, 1)

    with world.reading() as session:
        assert len(Versions(session).history("sibot")) == 2


def test_which_version_serves_is_told_without_counting(world: World) -> None:
    """A promotion holds the database's writers up: it must not look at all that readers were ever shown."""
    world.voice()
    world.version(folder="sibot/1")
    asked: list[str] = []
    database = world.sessions.kw["bind"]
    event.listen(database, "before_cursor_execute", lambda *told: asked.append(told[2]))

    promote(world, 1)
    rollback(world)

    assert asked
    assert [statement for statement in asked if "impressions" in statement] == []


def test_figures_that_are_no_numbers_are_left_out(world: World) -> None:
    """A network that diverged is recorded too: Postgres would refuse a NaN in JSON."""
    version = world.voice()
    with world.transaction() as session:
        Versions(session).measured(version, {"bits_per_char": 3.5, "distinct": float("nan"), "copied": float("inf")})

    with world.reading() as session:
        assert Versions(session).champion("sibot").metrics == {"bits_per_char": 3.5}


def test_a_pruned_version_cannot_serve(world: World) -> None:
    """Its folder is gone: neither promotion nor rollback may lead to it."""
    world.voice()
    world.version(folder="sibot/1", status=VersionStatus.PRUNED)
    with pytest.raises(UnknownVersion):
        promote(world, 1)
    with pytest.raises(UnknownVersion):
        promote(world, 7)
    with pytest.raises(UnknownVoice), world.reading() as session:
        Versions(session).champion("nobody")


def test_a_new_release_of_the_base_counts_anew(world: World) -> None:
    """Version 0 of the new base serves; the old versions stay with the old base."""
    world.voice()
    publish(world, claimed(world), Verdict(()))
    world.voice(base="tiny-2")

    assert champion(world) == 0
    with world.reading() as session:
        assert [(v.number, v.base) for v in Versions(session).of_voice("sibot")] == [(0, "tiny-2")]
    assert publish(world, claimed(world), Verdict(())) == (RunState.ADMITTED, 1)
    assert rollback(world) == 0
    with pytest.raises(NothingToUndo):
        rollback(world)


def test_the_tick_rate_counts_who_came_back(world: World) -> None:
    """Ten impressions of two readers, three ticks; a crawler's five and a tick taken back don't count."""
    version = world.voice()
    ann, bob, crawler = world.visitor("ann"), world.visitor("bob"), world.visitor("crawler", returned=False)
    poem = world.poem(ann, version)
    world.poem(crawler, version)
    lines = world.lines(poem)
    with world.transaction() as session:
        Poems(session).show(poem, bob, counted=True, now=world.clock.now)
        for who, slot, on in [(ann, 0, True), (ann, 1, True), (bob, 0, True), (bob, 4, True), (bob, 4, False)]:
            Ticks(session).set(lines[slot], who, on=on, address="", now=world.clock.now)

    base = report(world, 0)

    assert (base.impressions, base.ticks) == (10, 3)
    assert base.tick_rate is not None
    assert base.tick_rate.mean == pytest.approx(0.3)
    assert 0 < base.tick_rate.low < 0.3 < base.tick_rate.high < 1


def test_impressions_count_from_the_return_on(world: World) -> None:
    """Before his cookie came back he might have been a crawler; afterwards all of his count."""
    version = world.voice()
    world.poem(world.visitor("ann", returned=False), version)
    assert report(world, 0).tick_rate is None

    world.visitor("ann", returned=True)
    assert report(world, 0).impressions == 5


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_rate(ticks: int, impressions: int) -> None:
    """The interval lies within 0 and 1, around the mean, and more readers make it narrower."""
    ticks = min(ticks, impressions)
    rate, more = wilson(ticks, impressions), wilson(ticks * 4, impressions * 4)

    assert rate is not None
    assert more is not None
    assert 0 <= rate.low <= rate.mean + 1e-12
    assert rate.mean - 1e-12 <= rate.high <= 1
    assert more.high - more.low < rate.high - rate.low


def test_wilson_is_wilson() -> None:
    """A value worked out by hand: 10 of 100."""
    rate = wilson(10, 100)

    assert rate is not None
    assert rate.low == pytest.approx(0.0552, abs=1e-4)
    assert rate.high == pytest.approx(0.1744, abs=1e-4)
    assert wilson(0, 0) is None


def test_runs_of_a_voice_that_serves_nothing_are_refused(world: World) -> None:
    """A voice without a champion is no voice yet."""
    with world.transaction() as session:
        Voices(session).add("sibot", title="시봇", language="ko", base="tiny-1", now=world.clock.now)
        Runs(session).start("sibot", Cause.ADMIN, world.clock.now)
    with world.reading() as session:
        assert Voices(session).all() == []
        with pytest.raises(UnknownVoice):
            Voices(session).one("sibot")
        with pytest.raises(UnknownVersion):
            Versions(session).champion("sibot")


def test_a_release_of_a_base_may_be_taken_back(world: World) -> None:
    """The next base begins anew at the same place; the former one finds its versions and its champion again."""
    world.voice()
    _, taught = world.version(folder="sibot/tiny-1/run-1-1")
    place = "base:sibot-tiny-1"

    def release(base: str) -> int:
        with world.transaction() as session:
            Voices(session).add("sibot", title="시봇", language="ko", base=base, now=world.clock.now)
            number = Voices(session).install_base("sibot", folder=place, now=world.clock.now)
            Versions(session).promote("sibot", number, by="release", reason=base, now=world.clock.now)
            return number

    with world.transaction() as session:
        Versions(session).promote("sibot", taught, by="gate", reason="", now=world.clock.now)
    assert release("tiny-2") == 0
    with world.reading() as session:
        assert [(v.number, v.base, v.folder) for v in Versions(session).of_voice("sibot")] == [(0, "tiny-2", place)]
    assert release("tiny-1") == taught
    with world.reading() as session:
        assert {v.number: v.folder for v in Versions(session).of_voice("sibot")} == {
            0: place,
            taught: "sibot/tiny-1/run-1-1",
        }
    assert release("tiny-2") == 0

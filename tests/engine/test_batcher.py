"""The batcher: whose turn it is, who has left, and that what befalls one is nobody else's."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from app.domain.errors import EngineFailed, EngineFull, PoemBotError
from app.domain.poem import Wish, Writing
from app.engine.batcher import Batcher
from app.engine.poem import Delta, Done, Event, Failed, Start
from tests.engine.voices import (
    CountedStep,
    FailingStep,
    GatedStep,
    PoisonedStep,
    a_version,
    batcher_of,
    engine_of,
    eventually,
    live_of,
    streamed,
)
from tests.support.patience import PATIENCE

ENDLESS = Wish(lines=10**6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network."""
    return a_version(tmp_path_factory.mktemp("version") / "v")


class Ear:
    """Hears what a poem's reader hears."""

    def __init__(self) -> None:
        self.events: list[Event | Failed] = []
        self.ended = threading.Event()
        self.began = threading.Event()

    def __call__(self, event: Event | Failed) -> None:
        """Note it."""
        self.events.append(event)
        if isinstance(event, Delta):
            self.began.set()
        if isinstance(event, Done | Failed):
            self.ended.set()

    @property
    def end(self) -> Writing | PoemBotError:
        """What came of it; waits for that."""
        assert self.ended.wait(PATIENCE)
        last = self.events[-1]
        assert isinstance(last, Done | Failed)
        return last.writing if isinstance(last, Done) else last.error


def test_ten_thousand_wishes_are_refused_politely(folder: Path) -> None:
    """Past the queue everybody hears when to come back; who has a place, or waits for one, gets his poem."""
    live = live_of(folder, step=GatedStep)
    assert isinstance(live.step, GatedStep)
    refused, ears = [], []
    with batcher_of([live], rows=8, queue=50) as batcher:
        for _ in range(10_000):
            ear = Ear()
            try:
                batcher.submit("sibot", Wish(), ear)
                ears.append(ear)
            except EngineFull as full:
                refused.append(full.retry_after)
        live.step.gate.set()
        poems = [ear.end for ear in ears]

    assert 50 <= len(poems) <= 50 + 8
    assert len(refused) == 10_000 - len(poems)
    assert all(isinstance(poem, Writing) for poem in poems)
    assert min(refused) >= 1


def test_the_wait_is_told_honestly(folder: Path) -> None:
    """Who comes back when told finds the queue gone: by what poems have lately taken, not much more and not less."""
    with batcher_of([live_of(folder, rows=1)], rows=1, queue=30) as batcher:
        for _ in range(5):
            assert isinstance(submit_all(batcher, [("sibot", Wish(lines=20))])[0].end, Writing)
        began = time.monotonic()
        ears = submit_all(batcher, [("sibot", Wish(lines=20))] * 30)
        with pytest.raises(EngineFull) as full:
            submit_all(batcher, [("sibot", Wish(lines=20))] * 10)
        assert all(isinstance(ear.end, Writing) for ear in ears)
        took = time.monotonic() - began

    assert 0.2 * took <= full.value.retry_after <= 5 * took + 1


def test_visitors_take_turns(folder: Path) -> None:
    """One with many wishes does not keep another from his first."""
    live = live_of(folder, rows=1, step=GatedStep)
    assert isinstance(live.step, GatedStep)
    order: list[str] = []

    def noting(name: str) -> Callable[[Event | Failed], None]:
        return lambda event: order.append(name) if isinstance(event, Start) else None

    with batcher_of([live], rows=1) as batcher:
        batcher.submit("sibot", Wish(), noting("first"))
        assert live.step.reached.wait(PATIENCE)
        for name in ("a1", "a2", "a3", "a4"):
            batcher.submit("sibot", Wish(), noting(name), visitor="a")
        batcher.submit("sibot", Wish(), noting("b1"), visitor="b")
        batcher.submit("sibot", Wish(), noting("c1"), visitor="c")
        live.step.gate.set()
        assert eventually(lambda: len(order) == 7)

    assert order == ["first", "a1", "b1", "c1", "a2", "a3", "a4"]


def test_who_leaves_frees_his_place(folder: Path) -> None:
    """A stream that is closed in mid-poem, with one place in all: the next reader gets it."""
    with engine_of(folder, slots=1) as engine:
        stream = streamed(engine, "sibot", ENDLESS)
        assert [type(next(stream)) for _ in range(2)] == [Start, Delta]
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(engine.write, "sibot", Wish(seed=1))
            assert not wait([waiting], timeout=0.1).done
            stream.close()  # type: ignore[attr-defined]
            assert len(waiting.result(PATIENCE).lines) == 5
        assert eventually(lambda: engine.load() == (0, 0))


def test_who_leaves_the_queue_is_not_written_for(folder: Path) -> None:
    """He gave up before he had a place, and hears nothing more; leaving twice changes nothing."""
    with batcher_of([live_of(folder, rows=1)], rows=1) as batcher:
        endless, impatient, patient = Ear(), Ear(), Ear()
        first = batcher.submit("sibot", ENDLESS, endless, stream=True)
        assert endless.began.wait(PATIENCE)
        second = batcher.submit("sibot", Wish(), impatient)
        batcher.submit("sibot", Wish(), patient)
        for ticket in (second, second, first, first):
            batcher.leave(ticket)
        assert isinstance(patient.end, Writing)
        batcher.leave(first)
        assert eventually(lambda: batcher.load() == (0, 0))

    assert impatient.events == []
    assert not any(isinstance(event, Done | Failed) for event in endless.events)


def test_leaving_disturbs_nobody(folder: Path) -> None:
    """Rows move when others leave; what is written does not change."""
    with engine_of(folder) as engine:
        alone = [engine.write("sibot", Wish(seed=seed)) for seed in range(6)]

        def leave_early(steps: int) -> None:
            stream = streamed(engine, "sibot", ENDLESS)
            for _ in range(steps):
                next(stream)
            stream.close()  # type: ignore[attr-defined]

        with ThreadPoolExecutor(8) as readers:
            leaving = [readers.submit(leave_early, 1 + n % 7) for n in range(40)]
            crowd = list(readers.map(lambda seed: engine.write("sibot", Wish(seed=seed)), range(6)))
            assert not wait(leaving).not_done

    assert crowd == alone


def submit_all(batcher: Batcher, wishes: list[tuple[str, Wish]]) -> list[Ear]:
    """An ear for each wish."""
    ears = [Ear() for _ in wishes]
    for ear, (voice, wish) in zip(ears, wishes, strict=True):
        batcher.submit(voice, wish, ear)
    return ears


def test_a_step_that_raises_fails_its_own_poems(folder: Path) -> None:
    """Those of the other version go on, as if alone; and the next poem of the same version is written."""
    with engine_of(folder) as engine:
        alone = engine.write("sibot", Wish(seed=3, lines=12)).lines
    burning, calm = live_of(folder, "burning", step=FailingStep), live_of(folder, "calm")
    with batcher_of([burning, calm]) as batcher:
        wishes = [("burning", Wish(lines=12)), ("calm", Wish(seed=3, lines=12)), ("burning", Wish(lines=12))]
        ends = [ear.end for ear in submit_all(batcher, wishes)]
        after = submit_all(batcher, [("burning", Wish(seed=3, lines=12))])[0].end

    assert isinstance(ends[0], EngineFailed)
    assert isinstance(ends[2], EngineFailed)
    assert isinstance(ends[1], Writing)
    assert isinstance(after, Writing)
    assert ends[1].lines == after.lines == alone


def test_nan_fails_the_poem_that_has_it(folder: Path) -> None:
    """Others in the same batch are as they would be alone."""
    live = live_of(folder, step=PoisonedStep)
    wishes = [Wish(seed=seed, prime="하" * (seed % 2)) for seed in range(8)]
    with batcher_of([live]) as batcher:
        ends = [ear.end for ear in submit_all(batcher, [("sibot", wish) for wish in wishes])]
        alone = [submit_all(batcher, [("sibot", wish)])[0].end for wish in wishes]

    assert all(isinstance(end, EngineFailed) for end in ends[1::2])
    assert [isinstance(a, Writing) for a in ends] == [isinstance(b, Writing) for b in alone]
    assert [a for a in ends if isinstance(a, Writing)] == [b for b in alone if isinstance(b, Writing)]
    assert any(isinstance(end, Writing) for end in ends[::2])


def test_a_reader_who_breaks_breaks_alone(folder: Path) -> None:
    """What his callback raises ends his poem only."""

    def broken(event: Event | Failed) -> None:
        raise RuntimeError("gone")

    with batcher_of([live_of(folder)]) as batcher:
        sound = Ear()
        batcher.submit("sibot", Wish(), broken)
        batcher.submit("sibot", Wish(), sound)
        assert isinstance(sound.end, Writing)
        assert eventually(lambda: batcher.load() == (0, 0))


def test_a_first_line_takes_two_steps_while_others_take_one(folder: Path) -> None:
    """As long as its reader waits for it, and reads a stream; the lines after it take turns with everybody's."""
    live = live_of(folder, step=CountedStep)
    step = live.step
    assert isinstance(step, CountedStep)
    with batcher_of([live]) as batcher:
        batcher.submit("sibot", ENDLESS, lambda _event: None)
        assert eventually(lambda: len(step.ran) > 0)
        ear, whole = Ear(), Ear()
        batcher.submit("sibot", Wish(lines=3, seed=5), ear, stream=True)
        assert isinstance(ear.end, Writing)
        ran = step.ran[:]
        batcher.submit("sibot", Wish(lines=3, seed=5), whole)
        assert whole.end == ear.end
        again = step.ran[len(ran) :]

    first, last = (find for find in (ran.index(2), len(ran) - ran[::-1].index(2)))
    both = ran[first - 1 : last]
    urgent = both.count(1)
    assert urgent > 0
    assert both == [1, 2] * urgent + [2] * (len(both) - 2 * urgent)
    assert len(both) > 2 * urgent
    assert again.count(2) == urgent + both.count(2), "whoever wants the whole poem has as many steps, but no extra ones"


def test_closing_leaves_nobody_waiting(folder: Path) -> None:
    """Poems under way and wishes in the queue fail; later ones are refused; closing twice is no harm."""
    with batcher_of([live_of(folder, rows=1)], rows=1) as batcher:
        under_way, waiting = submit_all(batcher, [("sibot", ENDLESS), ("sibot", Wish())])
        batcher.close()
        assert isinstance(under_way.end, EngineFailed)
        assert isinstance(waiting.end, EngineFailed)
        with pytest.raises(EngineFailed, match="closing"):
            batcher.submit("sibot", Wish(), Ear())
        batcher.close()


def test_streams_and_poems_in_great_number(folder: Path) -> None:
    """Hundreds at once, of all kinds: everybody gets what he would get alone."""
    with engine_of(folder, slots=8) as engine:

        def read(seed: int) -> Writing:
            if seed % 2:
                return engine.write("sibot", Wish(seed=seed // 4))
            (done,) = [e.writing for e in streamed(engine, "sibot", Wish(seed=seed // 4)) if isinstance(e, Done)]
            return done

        with ThreadPoolExecutor(60) as readers:
            poems = list(readers.map(read, range(240)))
        alone = [engine.write("sibot", Wish(seed=seed)) for seed in range(60)]

    assert poems == [alone[seed // 4] for seed in range(240)]

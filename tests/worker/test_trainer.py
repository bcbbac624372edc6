"""The trainer: a base is taught what its readers like, in its own words, and stays what it was besides."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.bootstrap import now as moment
from app.domain.lesson import Lesson, Text
from app.domain.run_log import DreamsCut, Entry, Recited, StepsCut
from app.domain.taste import Judged
from app.domain.version import Serving
from app.engine.live import load
from app.settings import Settings
from models import checkpoint, seen
from models.corpus import Legible, Passage, Poems, read_poems
from models.evaluate import surprise_of_poems
from models.train import Progress, Training
from models.vocabulary import Vocabulary
from worker import trainer
from worker.dreams import dream


@pytest.fixture
def base(shipped: Path) -> checkpoint.Checkpoint:
    """The tiny voice."""
    return checkpoint.read(shipped / "sibot")


def liked(line: str) -> bool:
    """What these readers tick."""
    return "이" in line


def lesson_of(base: checkpoint.Checkpoint, poems: int = 120) -> Lesson:
    """What a hundred readers made of lines the base wrote."""
    live = load(Serving("sibot", 0, 0, "base", "tiny"), base.folder, precision="int8", rows=16, threads=1)
    written = dream(live, poems, seed=5)
    judged = tuple(
        Judged(5 * n + slot, line, slot, liked(line), f"v{n}")
        for n, poem in enumerate(written)
        for slot, (line, _) in enumerate(poem)
    )
    return Lesson((), sum(one.ticked for one in judged), 0, poems, judged)


def likes(network_folder: checkpoint.Checkpoint) -> float:
    """Share of its lines that readers would tick."""
    folder = network_folder.folder
    live = load(Serving("sibot", 0, 0, "base", "tiny"), folder, precision="int8", rows=16, threads=1)
    lines = [line for poem in dream(live, 600, seed=77) for line, _ in poem]
    return float(np.mean([liked(line) for line in lines]))


def test_it_is_taught_to_say_more_of_what_is_liked(base: checkpoint.Checkpoint, tmp_path: Path) -> None:
    """From likings alone, without a ticked line in the lesson; and it still knows its language."""
    settings = Settings(dreams=1500, device="cpu", run_minutes=0)
    taught = trainer.train(base, lesson_of(base), settings=settings, watch=lambda _: None)
    after = trainer.save(tmp_path / "version", taught, base, lesson_of(base), now=moment)

    assert likes(after) > likes(base) + 0.03
    holdout = read_poems(base.folder / "holdout.txt")
    before, now = (
        surprise_of_poems(trainer.network_of(one), one.vocabulary, holdout).bits_per_char for one in (base, after)
    )
    assert now < before + 0.1


def test_a_version_knows_what_its_base_has_read(base: checkpoint.Checkpoint, tmp_path: Path) -> None:
    """So that it does not say that again, either."""
    checkpoint.write(tmp_path / "base", base.meta, base.vocabulary, base.weights, said=seen.said(["밤이 온다"]))
    read = checkpoint.read(tmp_path / "base")
    untrained = trainer.Taught(trainer.network_of(read), {})

    version = trainer.save(tmp_path / "version", untrained, read, Lesson((), 0, 0, 0), now=moment)

    assert version.said is not None
    assert version.said.tolist() == seen.said(["밤이 온다"]).tolist()


def test_the_same_lesson_makes_the_same_version(base: checkpoint.Checkpoint) -> None:
    """Bit for bit, on one machine with one thread."""
    settings, lesson = Settings(dreams=40, device="cpu", run_minutes=0), lesson_of(base, 60)

    one, other = (trainer.train(base, lesson, settings=settings, watch=lambda _: None) for _ in range(2))

    assert one.schedule == other.schedule
    for name, weights in one.network.state_dict().items():
        assert torch.equal(weights, other.network.state_dict()[name])


@pytest.mark.parametrize(
    ("dreams", "rate", "weight"),
    [(0, trainer.LEARNING_RATE, 1.0), (20, trainer.DREAM_LEARNING_RATE, trainer.BESIDE_DREAMS)],
)
def test_a_lesson_is_trained_as_it_was_tried_out(
    base: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch, dreams: int, rate: float, weight: float
) -> None:
    """Held to what the base says; slower, and its texts lighter, beside dreams; ticks on nonsense weigh less."""
    begun: list[Training] = []
    corpora: list[Sequence[Legible]] = []

    def stop(training: Training, _watch: object) -> None:
        begun.append(training)
        raise KeyboardInterrupt

    def kept(texts: Sequence[Legible], vocabulary: Vocabulary, *, per_batch: int) -> Poems:
        corpora.append(texts)
        return Poems(texts, vocabulary, per_batch=per_batch)

    monkeypatch.setattr(Training, "run", stop)
    monkeypatch.setattr(trainer, "Poems", kept)
    lesson = replace(lesson_of(base, 60), texts=(Text("밤이 온다", 1.0, "line"), Text("벌 뭘 쨌", 1.0, "line")))
    with pytest.raises(KeyboardInterrupt):
        trainer.train(base, lesson, settings=Settings(dreams=dreams, run_minutes=0), watch=lambda _: None)

    (training,) = begun
    weights = {text.text: text.weight for text in corpora[-1] if isinstance(text, Passage)}
    assert weights["밤이 온다"] + weights["벌 뭘 쨌"] == pytest.approx(2 * weight)
    assert weights["밤이 온다"] > 1.1 * weights["벌 뭘 쨌"]
    assert (training.plan.rate, training.plan.pull) == (rate, trainer.KL_WEIGHT)
    assert (training.network.dropout.share, training._base.dropout.share) == (trainer.DROPOUT, 0.0)  # type: ignore[union-attr]


def test_who_dreams_can_be_stopped(base: checkpoint.Checkpoint) -> None:
    """What the check raises ends the run before its first step."""

    def stop(_done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.train(
            base, lesson_of(base, 60), settings=Settings(dreams=40, run_minutes=0), watch=lambda _: None, check=stop
        )


HOUR = {"dreams": 300, "device": "cpu", "run_minutes": 60}


def test_a_slow_machine_dreams_less_and_says_so(base: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """At two characters a second an hour is enough for some of it; what was cut is in the log and in the summary."""
    monkeypatch.setattr(trainer, "chars_per_second", lambda *_: 2.0)
    told: list[Entry] = []

    taught = trainer.train(base, lesson_of(base, 60), settings=Settings(**HOUR), watch=lambda _: None, log=told.append)

    assert 0 < taught.schedule["dreams"] < taught.schedule["dreams_wanted"] == 300
    assert DreamsCut(60, taught.schedule["dreams"], 300) in told


def test_a_slow_machine_rehearses_less(base: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a taste there are no dreams to cut, but steps and passes."""
    monkeypatch.setattr(trainer, "chars_per_second", lambda *_: 2.0)
    told: list[Entry] = []
    steps: list[Progress] = []
    lesson = Lesson(tuple(Text(f"줄 {i}이 길게 이어진다", 1.0, "line") for i in range(900)), 900, 0, 9)

    taught = trainer.train(base, lesson, settings=Settings(**HOUR), watch=steps.append, log=told.append)

    assert taught.schedule["passes"] == 1
    assert taught.schedule["steps"] < 240
    assert len(steps) <= taught.schedule["steps"]
    assert [one for one in told if not isinstance(one, Recited)] == [StepsCut(60, taught.schedule["steps"], 240)]


def test_a_quick_machine_cuts_nothing(base: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a limit the machine is not even measured."""
    told: list[Entry] = []
    measurements = 0

    def measured(*_: object) -> float:
        nonlocal measurements
        measurements += 1
        return 1e12

    monkeypatch.setattr(trainer, "chars_per_second", measured)
    quick, lesson = {"dreams": 20, "device": "cpu"}, lesson_of(base, 60)
    for minutes in (0, 1e6):
        settings = Settings(**quick, run_minutes=minutes)
        taught = trainer.train(base, lesson, settings=settings, watch=lambda _: None, log=told.append)
        assert taught.schedule["dreams"] == taught.schedule["dreams_wanted"] == 20

    assert measurements == 1
    assert [one for one in told if not isinstance(one, Recited)] == []


def test_the_machine_is_measured_in_characters(base: checkpoint.Checkpoint) -> None:
    """A few steps of the base's own verse; nothing of them is left."""
    verse = read_poems(*sorted((base.folder / "verse").glob("*.txt")))

    assert 0 < trainer.chars_per_second(base, verse, "cpu") < 1e9
    assert 0 < trainer.chars_per_second(base, verse[:1], "cpu") < 1e9


def interrupted(base: checkpoint.Checkpoint, lesson: Lesson, kept: trainer.Kept, *, at: int) -> list[int]:
    """Train until that step, and be cut off there; the steps."""
    steps: list[int] = []

    def watch(progress: Progress) -> None:
        if progress.step == at:
            raise KeyboardInterrupt
        steps.append(progress.step)

    with pytest.raises(KeyboardInterrupt):
        trainer.train(base, lesson, settings=Settings(dreams=40, run_minutes=0), watch=watch, kept=kept)
    return steps


def test_a_training_goes_on_where_it_was_cut_off(
    base: checkpoint.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dreams are not dreamt again, its steps not taken again, and each save says that it got further."""
    told: list[str] = []
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    kept = trainer.Kept(tmp_path / "run-1", lambda: told.append("advanced"))
    lesson = lesson_of(base, 60)
    assert interrupted(base, lesson, kept, at=3) == [1, 2]
    assert told == ["advanced"] * 2

    monkeypatch.setattr(trainer, "dream", lambda *_, **__: pytest.fail("dreamt again"))
    steps: list[Progress] = []
    trainer.train(base, lesson, settings=Settings(dreams=40, run_minutes=0), watch=steps.append, kept=kept)
    assert [one.step for one in steps] == list(range(3, steps[-1].of + 1))

    told.clear()
    trainer.train(base, lesson, settings=Settings(dreams=40, run_minutes=0), watch=steps.append, kept=kept)
    assert told == [], "a training that was over has not got further"


def test_another_lesson_begins_anew(
    base: checkpoint.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved belongs to the lesson it was saved for: a reader has ticked, or taken back, since."""
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    kept = trainer.Kept(tmp_path / "run-1", lambda: None)
    interrupted(base, lesson_of(base, 60), kept, at=3)

    assert interrupted(base, lesson_of(base, 61), kept, at=2) == [1]

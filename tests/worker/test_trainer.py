"""The trainer: a base is taught what its readers like, in its own words, and stays what it was besides."""

from pathlib import Path

import numpy as np
import pytest
import torch

from app.bootstrap import now as moment
from app.domain.lesson import Lesson
from app.domain.taste import Judged
from app.engine.live import load
from app.settings import Settings
from app.store.voices import Serving
from models import checkpoint
from models.corpus import read_poems
from models.evaluate import surprise_of_poems
from worker import trainer
from worker.trainer import dream


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
    written = dream(live, poems, seed=5, check=lambda _: None)
    judged = tuple(
        Judged(5 * n + slot, line, slot, liked(line), f"v{n}")
        for n, poem in enumerate(written)
        for slot, line in enumerate(poem)
    )
    return Lesson((), sum(one.ticked for one in judged), 0, poems, judged)


def likes(network_folder: checkpoint.Checkpoint) -> float:
    """Share of its lines that readers would tick."""
    folder = network_folder.folder
    live = load(Serving("sibot", 0, 0, "base", "tiny"), folder, precision="int8", rows=16, threads=1)
    lines = [line for poem in dream(live, 120, seed=77, check=lambda _: None) for line in poem]
    return float(np.mean([liked(line) for line in lines]))


def test_it_is_taught_to_say_more_of_what_is_liked(base: checkpoint.Checkpoint, tmp_path: Path) -> None:
    """From likings alone, without a ticked line in the lesson; and it still knows its language."""
    settings = Settings(dreams=300, device="cpu")
    network = trainer.train(base, lesson_of(base), settings=settings, watch=lambda _: None)
    after = trainer.save(tmp_path / "version", network, base, lesson_of(base), now=moment)

    assert likes(after) > likes(base) + 0.03
    holdout = read_poems(base.folder / "holdout.txt")
    before, now = (
        surprise_of_poems(trainer.network_of(one), one.vocabulary, holdout).bits_per_char for one in (base, after)
    )
    assert now < before + 0.1


def test_the_same_lesson_makes_the_same_version(base: checkpoint.Checkpoint) -> None:
    """Bit for bit, on one machine with one thread."""
    settings, lesson = Settings(dreams=40, device="cpu"), lesson_of(base, 60)

    one, other = (trainer.train(base, lesson, settings=settings, watch=lambda _: None) for _ in range(2))

    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name])


def test_who_dreams_can_be_stopped(base: checkpoint.Checkpoint) -> None:
    """What the check raises ends the run before its first step."""

    def stop(_done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.train(base, lesson_of(base, 60), settings=Settings(dreams=40), watch=lambda _: None, check=stop)

"""What a version makes of readers' choices: measured line by line, within each reader."""

import math
from pathlib import Path

import pytest

from app.domain.lesson import Lesson, ReadLine, Text
from models import checkpoint
from models.corpus import Passage
from models.evaluate import nats_of, surprise_of_poems
from models.network import CharNetwork
from models.vocabulary import Vocabulary
from worker.examiner import gains, liking
from worker.trainer import network_of

LIKELY, STRANGE = "밤이 온다", "뷁쀍쮋 뿕쒧"


@pytest.fixture
def voice(shipped: Path) -> tuple[CharNetwork, Vocabulary]:
    """The tiny base's network and symbols."""
    base = checkpoint.read(shipped / "sibot")
    return network_of(base), base.vocabulary


def test_each_text_costs_what_it_costs_alone(voice: tuple[CharNetwork, Vocabulary]) -> None:
    """Whatever is read beside it; the sum is the evaluation's."""
    network, vocabulary = voice
    texts = ["밤이 온다", "눈이 내리고\n아무도 없는 마당에 오래 서 있었다", "달"]
    passages = [Passage(text) for text in texts]

    together = nats_of(network, vocabulary, passages)

    alone = [nats_of(network, vocabulary, [passage])[0] for passage in passages]
    assert together == pytest.approx(alone, rel=1e-4)
    assert sum(together) == pytest.approx(surprise_of_poems(network, vocabulary, texts).nats, rel=1e-3)


def test_what_stands_before_costs_nothing(voice: tuple[CharNetwork, Vocabulary]) -> None:
    """It is read, and changes what comes after."""
    network, vocabulary = voice
    bare, after = nats_of(
        network, vocabulary, [Passage(LIKELY, ends=False), Passage(LIKELY, before=STRANGE, ends=False)]
    )

    assert after != bare
    assert after < bare + nats_of(network, vocabulary, [Passage(STRANGE, ends=False)])[0]


def test_what_begins_alike_is_read_once(voice: tuple[CharNetwork, Vocabulary]) -> None:
    """A poem's lines, each after those above it, and one that another reader saw too; a line like them stands alone."""
    network, vocabulary = voice
    lines = ["밤이 온다", "아무도 없다", "달이 뜬다"]
    passages = [Passage(line, before="\n".join(lines[:i]), ends=False) for i, line in enumerate(lines)]
    passages += [
        passages[1],
        Passage("\n".join(lines)),
        Passage("달이 뜬다", ends=False),
        Passage("밤이 온", ends=False),
    ]
    read: list[int] = []
    network.register_forward_pre_hook(lambda _network, inputs: read.append(inputs[0].shape[0]))

    together = nats_of(network, vocabulary, passages)

    assert sum(read) == 3
    assert together == pytest.approx([nats_of(network, vocabulary, [passage])[0] for passage in passages], rel=1e-4)


def test_a_version_agrees_with_who_ticks_what_it_finds_likely(voice: tuple[CharNetwork, Vocabulary]) -> None:
    """And disagrees by as much with who ticks the opposite; each reader counts once, however much he read."""
    read = [ReadLine("a", LIKELY, "", ticked=True), ReadLine("a", STRANGE, "", ticked=False)]
    turned = [ReadLine("b", line.text, "", ticked=not line.ticked) for line in read]

    agreed = liking(*voice, read)

    assert agreed > 0
    assert liking(*voice, turned) == pytest.approx(-agreed, rel=1e-4)
    assert liking(*voice, [*read * 50, *turned]) == pytest.approx(0, abs=1e-3)
    assert math.isnan(liking(*voice, []))


def test_gains_are_told_by_source(voice: tuple[CharNetwork, Vocabulary]) -> None:
    """A version that is the base gained nothing; every line and poem of the lesson has its figure."""
    network, vocabulary = voice
    lesson = Lesson(
        (
            Text(LIKELY, 1.0, "line", sources=(4, 9)),
            Text("달이 뜬다\n별이 진다", 2.0, "poem", sources=(4,)),
            Text("무게 없는 행", 0.0, "line", sources=(7,)),
        ),
        2,
        1,
        1,
    )
    heard: list[float] = []

    gained = gains(network, network, vocabulary, lesson, watch=heard.append)

    assert gained == {("line", 4): 0.0, ("line", 9): 0.0, ("poem", 4): 0.0}
    assert heard == sorted(heard)
    assert heard[-1] == 1

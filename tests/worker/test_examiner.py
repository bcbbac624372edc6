"""The examiner: what counts as copied, and what a version's figures are."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain import gate
from app.domain.errors import Cancelled
from app.domain.gate import Scorecard, Verdict
from app.domain.lesson import Lesson, ReadLine, Text
from app.settings import Settings
from models import checkpoint, seen
from models.network import CharNetwork
from models.taste import Report, Taste
from worker import examiner
from worker.examiner import Examination, Subject, assess, distinct, liking, repeated
from worker.trainer import network_of

Judged = list[tuple[Scorecard, Scorecard, Scorecard]]
Sampled = list[tuple[Path, Taste | None]]
LESSON = Lesson((Text("하늘 아래 첫 눈이 온다", 1.0, "line"),), 1, 0, 1)
SAMPLES = 60


@pytest.fixture
def base(shipped: Path) -> checkpoint.Checkpoint:
    """The tiny base."""
    return checkpoint.read(shipped / "sibot")


@pytest.fixture
def examination(base: checkpoint.Checkpoint, tmp_path: Path) -> Examination:
    """An examination after a lesson of one line."""
    return Examination.of(base.folder, LESSON, Settings(_env_file=None, home=tmp_path, samples=SAMPLES))


SOBER = Taste({}, -2.0, Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3), signals={"logprob": 6.0}, usual=-2.0)
"""It likes what is probable, and says the same things again."""


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judged:
    """The scorecards of base, candidate and champion that the gate was asked about."""
    asked: Judged = []

    def judge(base: Scorecard, card: Scorecard, *, champion: Scorecard, readers: int) -> Verdict:
        asked.append((base, card, champion))
        return Verdict(())

    monkeypatch.setattr(gate, "judge", judge)
    return asked


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> Sampled:
    """The folders that were sampled for a scorecard, and what chose among their lines."""
    made: Sampled = []
    sample = examiner.sample

    def noted(version: checkpoint.Checkpoint, settings: Settings, **told: Any) -> list[list[str]]:
        if told.get("most") is None:
            made.append((version.folder, told["taste"]))
        return sample(version, settings, **told)

    monkeypatch.setattr(examiner, "sample", noted)
    return made


def cooler(base: checkpoint.Checkpoint, folder: Path) -> checkpoint.Checkpoint:
    """The base with a style of its own, as another version."""
    style = replace(base.meta.style, temperature=0.3)
    checkpoint.write(folder, replace(base.meta, style=style), base.vocabulary, base.weights)
    return checkpoint.read(folder)


def test_a_base_is_measured(base: checkpoint.Checkpoint, examination: Examination) -> None:
    """Every figure is a number, and a share where it should be one."""
    heard: list[float] = []

    card = examination.examine(base, check=heard.append)

    assert 2 < card.bits_per_char < 12
    assert 0.5 < card.distinct <= 1
    assert 0 < card.distinct2 < 1
    assert 0 <= card.copied < 0.5
    assert card.finite
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)


def test_the_same_version_has_the_same_figures(base: checkpoint.Checkpoint, examination: Examination) -> None:
    """The seeds are fixed, so that two versions differ by what they are, not by luck."""
    first, second = (examination.examine(base, check=lambda _: None) for _ in range(2))

    assert first == second


def test_candidate_and_champion_are_each_asked_what_readers_chose(
    base: checkpoint.Checkpoint, tmp_path: Path, judged: Judged
) -> None:
    """The gate compares the candidate's liking with the champion's own, not with the base's."""

    def taught(name: str, factor: float) -> checkpoint.Checkpoint:
        weights = {key: value * factor for key, value in base.weights.items()}
        checkpoint.write(tmp_path / name, base.meta, base.vocabulary, weights)
        return checkpoint.read(tmp_path / name)

    held_out = [ReadLine("a", "밤이 온다", "", ticked=True), ReadLine("a", "뷁쀍쮋 뿕쒧", "", ticked=False)]
    champion, candidate = taught("champion", 0.9), taught("candidate", 0.8)
    settings = Settings(_env_file=None, home=tmp_path, samples=20)
    found = assess(Subject(base, champion, candidate, held_out), LESSON, settings, watch=lambda _: None)

    ((of_base, card, serving),) = judged
    asked = [liking(network_of(one), base.vocabulary, held_out) for one in (candidate, champion)]
    assert [card.liking, serving.liking] == pytest.approx(asked)
    assert serving.liking != pytest.approx(liking(network_of(base), base.vocabulary, held_out))
    assert found.readers == 1
    assert of_base.bits_per_char != serving.bits_per_char


def test_a_version_that_writes_words_that_are_none_is_turned_away(base: checkpoint.Checkpoint, tmp_path: Path) -> None:
    """Version 1 of sibot-2026.11.3 was admitted with 보드름 and 서드름: now its words are looked at, and its sense."""
    rng = np.random.default_rng(0)
    # so far astray that chance does not matter: the tiny base itself writes every second word wrong
    weights = {
        name: value + 1.5 * value.std() * rng.standard_normal(value.shape).astype(value.dtype)
        for name, value in base.weights.items()
    }
    checkpoint.write(tmp_path / "astray", base.meta, base.vocabulary, weights)
    candidate = checkpoint.read(tmp_path / "astray")
    settings = Settings(_env_file=None, home=tmp_path, samples=3 * SAMPLES)

    found = assess(Subject(base, base, candidate, ()), LESSON, settings, watch=lambda _: None)

    assert found.candidate.strange > found.base.strange + 0.15
    assert found.candidate.plausible < found.base.plausible - 1
    assert {"strange_words", "makes_less_sense"} <= set(found.verdict.reasons)
    assert not found.verdict.admitted


def test_a_version_is_examined_with_the_taste_that_would_serve_it(
    base: checkpoint.Checkpoint, examination: Examination
) -> None:
    """A taste for what is improbable makes a good network write lines that make less sense: the figures show it."""
    report = Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3)
    odd, sober = (Taste({}, -2.0, report, signals={"logprob": weight}) for weight in (-9.0, 9.0))

    plain, with_odd, with_sober = (
        examination.examine(base, check=lambda _: None, taste=taste) for taste in (None, odd, sober)
    )

    assert with_odd.plausible < plain.plausible - 0.15 < plain.plausible < with_sober.plausible
    assert with_odd.bits_per_char == plain.bits_per_char
    assert with_odd.strange > with_sober.strange
    assert examination.examine(base, check=lambda _: None, taste=odd) == with_odd

    faint = replace(examination, settings=examination.settings.model_copy(update={"taste_temperature": 100.0}))
    assert faint.examine(base, check=lambda _: None, taste=odd).plausible > with_odd.plausible + 0.15


def test_the_champion_is_measured_as_it_serves(
    base: checkpoint.Checkpoint,
    tmp_path: Path,
    judged: Judged,
    sampled: Sampled,
) -> None:
    """By its folder, its style and the taste that serves: not by the base's figures, nor by those of an earlier day."""
    settings = Settings(_env_file=None, home=tmp_path, samples=20)
    champion = cooler(base, tmp_path / "champion")

    found = assess(Subject(base, champion, base, (), SOBER), LESSON, settings, watch=lambda _: None)

    served = Examination.of(base.folder, LESSON, settings).examine(
        champion, check=lambda _: None, base=base, taste=SOBER
    )
    ((_, _, card),) = judged
    assert replace(card, liking=0.0) == replace(served, liking=0.0)
    assert card.plausible > found.base.plausible
    assert found.champion is card
    assert (champion.folder, SOBER) in sampled


@pytest.mark.parametrize(("taste", "times"), [(None, 2), (SOBER, 3)])
def test_a_base_that_serves_is_not_sampled_twice(
    base: checkpoint.Checkpoint, tmp_path: Path, sampled: Sampled, taste: Taste | None, times: int
) -> None:
    """It is the champion: measured once as it is, once with the taste if there is one; the third is the candidate."""
    candidate, settings = cooler(base, tmp_path / "candidate"), Settings(_env_file=None, home=tmp_path, samples=20)

    found = assess(Subject(base, base, candidate, (), taste), LESSON, settings, watch=lambda _: None)

    assert len(sampled) == len(set(map(str, sampled))) == times
    assert (found.base.plausible == found.champion.plausible) == (taste is None)


def test_a_champion_that_cannot_write_is_not_compared_with(
    base: checkpoint.Checkpoint, tmp_path: Path, judged: Judged
) -> None:
    """The site has the base serve instead: else no candidate could ever take its place."""
    shutil.copytree(base.folder, tmp_path / "broken")
    broken = checkpoint.read(tmp_path / "broken")
    (tmp_path / "broken" / "step.onnx").write_bytes(b"no network")

    found = assess(
        Subject(base, broken, base, ()),
        LESSON,
        Settings(_env_file=None, home=tmp_path, samples=20),
        watch=lambda _: None,
    )

    ((of_base, _, champion),) = judged
    assert replace(champion, liking=0.0) == replace(of_base, liking=0.0)
    assert found.champion.finite


def test_no_candidate_answers_for_what_taste_costs(base: checkpoint.Checkpoint, tmp_path: Path, judged: Judged) -> None:
    """The base itself, offered as a candidate, is as varied as the base where the same taste chooses from both, and
    copies as much. Where the taste makes lines more probable, sense is compared with the base without it.
    """
    settings = Settings(_env_file=None, home=tmp_path, samples=20)
    liked = examiner.sample(base, settings, check=lambda _: None, taste=SOBER)
    lesson = replace(LESSON, texts=tuple(Text(line, 1.0, "line") for poem in liked for line in poem))
    found = assess(Subject(base, base, base, (), SOBER), lesson, settings, watch=lambda _: None)

    ((of_base, card, _),) = judged
    assert (of_base.distinct, of_base.distinct2, of_base.copied) == (card.distinct, card.distinct2, card.copied)
    assert card.copied > found.base.copied
    assert of_base.plausible == found.base.plausible < card.plausible


def test_what_another_poem_said_is_said_again() -> None:
    """Within one poem a line may come back; marks and spaces do not make it another."""
    assert repeated([["밤이 온다", "밤이 온다"], ["눈이 온다", "밤이 온다."]]) == 0.25


def test_a_word_is_strange_that_is_built_like_none() -> None:
    """By three syllables in a row, or five letters, of words that the base has read; its ends count."""
    known = seen.known_parts(["보드란 고드름, 드름드름", "the wandering stone"])

    assert not seen.is_strange("고드름", known)
    assert seen.is_strange("보드름", known)
    assert seen.words("유리살이, 2번!") == ["유리살이", "번"]
    assert not seen.is_strange("stone", known)
    assert seen.is_strange("stonering", known)


def test_an_examination_can_be_stopped(base: checkpoint.Checkpoint, examination: Examination) -> None:
    """What the check raises ends it."""

    def stop(done: float) -> None:
        if done > 0.3:
            raise Cancelled(1)

    with pytest.raises(Cancelled):
        examination.examine(base, check=stop)


@pytest.mark.parametrize(
    "line",
    ["하늘 아래 첫 눈이 온다", "하늘아래 첫눈이 온다!", "  하늘 아래 첫 눈이 온다."],
    ids=["same", "marks", "spaces"],
)
def test_a_line_of_the_lesson_is_copied(examination: Examination, line: str) -> None:
    """Spaces and marks do not hide it."""
    assert examination.is_copied(line)


def test_a_line_of_the_base_is_copied(base: checkpoint.Checkpoint, examination: Examination) -> None:
    """Ten letters in a row of what the base has read are a copy, wherever they stand."""
    verse = (base.folder / "verse" / "tiny.txt").read_text("utf-8").splitlines()
    long = next(line for line in verse if len(line.replace(" ", "")) >= 14 and not line.startswith("#"))

    assert examination.is_copied(long)
    assert examination.is_copied("그리고 " + long[2:])


def test_a_line_of_ones_own_is_not_copied(examination: Examination) -> None:
    """Short lines and new ones are nobody's."""
    assert not examination.is_copied("하늘 아래")
    assert not examination.is_copied("모뎀이 기린에게 우편번호를 묻는 아홉 번째 토요일")


def test_a_share_of_nothing_is_no_number() -> None:
    """The gate turns it away."""
    assert distinct(["가", "가", "나", "다"]) == 0.75
    assert math.isnan(distinct([]))


def test_the_candidate_must_please_more_than_the_champion(
    base: checkpoint.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Than the version that serves, that is: to please more than the base is not enough."""
    shutil.copytree(base.folder, tmp_path / "champion")
    champion = checkpoint.read(tmp_path / "champion")
    champion.weights["embedding.weight"] = champion.weights["embedding.weight"] + 1.0  # known by it in what follows
    read = [ReadLine(f"reader {n}", "밤이 온다", "", ticked=ticked) for n in range(8) for ticked in (True, False)]

    candidate = checkpoint.read(base.folder)
    candidate.weights["embedding.weight"] = candidate.weights["embedding.weight"] - 1.0

    def by_heart(network: CharNetwork, _vocabulary: object, _read: object) -> float:
        mean = float(network.arrays()["embedding.weight"].mean())
        return 1.0 if mean > 0.5 else 0.5 if mean < -0.5 else 0.0

    monkeypatch.setattr(examiner, "liking", by_heart)
    subject = Subject(base, champion, candidate, read)
    settings = Settings(_env_file=None, home=tmp_path, samples=SAMPLES)

    found = assess(subject, LESSON, settings, watch=lambda _: None)

    assert found.candidate.liking == 0.5
    assert "readers_disagree" in found.verdict.reasons

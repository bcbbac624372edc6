"""Several candidates a line: what readers prefer, what was read before, who is given up, and how many a crowd gets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.domain.poem import Quotation, Wish, WrittenLine
from app.engine import poem
from app.engine.batcher import share_of
from app.engine.choose import Candidate, Choice, Chooser, Context, Way, by_score
from app.engine.engine import Engine
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from models import checkpoint, seen
from models.network import CharNetwork
from models.vocabulary import END
from tests.engine.voices import a_version, champion, engine_of

WAYS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network."""
    return a_version(tmp_path_factory.mktemp("version") / "v")


@pytest.fixture
def rewarded(folder: Path, tmp_path: Path) -> Path:
    """The same, with a reward of some kind or other and a style of four candidates."""
    base = checkpoint.read(folder)
    reward = np.random.default_rng(0).normal(0, 0.1, base.meta.architecture["size"]).astype(np.float32)
    meta = replace(base.meta, style=replace(base.meta.style, candidates=WAYS))
    checkpoint.write(tmp_path / "rewarded", meta, base.vocabulary, base.weights, reward=reward, extras=folder)
    return tmp_path / "rewarded"


def served(
    folder: Path, candidates: int, choose: Chooser | None = None, *, slots: int = 64, precision: str = "int8"
) -> Engine:
    """An engine as the site has it, which draws so many candidates at most."""
    return Engine(
        champions=lambda: [champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings.model_validate({"slots": slots, "precision": precision}),
        candidates=candidates,
        way=choose and Way(candidates, choose),
    )


def lines(engine: Engine) -> list[tuple[str, float]]:
    """Lines of a few poems, and with which propensity each was chosen."""
    try:
        return [(line.text, line.chance) for seed in range(4) for line in engine.write("sibot", Wish(seed=seed)).lines]
    finally:
        engine.close()


def test_its_lines_are_chosen(rewarded: Path) -> None:
    """Among four, each with the propensity that is kept; the same seed writes the same poem again."""
    chosen = lines(served(rewarded, 8))

    assert chosen == lines(served(rewarded, 8))
    assert all(0 < chance <= 1 for _, chance in chosen)
    assert any(chance < 1 for _, chance in chosen)


def test_its_style_says_how_many_takes_there_are(rewarded: Path, tmp_path: Path) -> None:
    """After the first line, which they have in common; a deployment that draws fewer has fewer."""
    base = checkpoint.read(rewarded)
    meta = replace(base.meta, style=replace(base.meta.style, candidates=8, takes=2))
    checkpoint.write(tmp_path / "takes", meta, base.vocabulary, base.weights, reward=base.reward)
    meta = replace(meta, style=replace(meta.style, candidates=4, takes=1))
    checkpoint.write(tmp_path / "one", meta, base.vocabulary, base.weights, reward=base.reward)
    two, one = lines(served(tmp_path / "takes", 8)), lines(served(tmp_path / "one", 8))

    assert two[0::5] == one[0::5]
    assert two != one
    assert lines(served(tmp_path / "takes", 4)) == one


def test_a_deployment_may_draw_fewer(rewarded: Path, folder: Path) -> None:
    """With one candidate there is nothing to choose: the lines of the version that draws one."""
    alone = lines(served(rewarded, 1))

    with engine_of(folder) as engine:
        plain = [(line.text, line.chance) for seed in range(4) for line in engine.write("sibot", Wish(seed=seed)).lines]
    assert alone == plain
    assert {chance for _, chance in alone} == {1.0}
    assert alone != lines(served(rewarded, 8))


def test_a_lines_reward_is_what_torch_says_of_it(rewarded: Path) -> None:
    """The mean along the states of its own symbols, whatever stands before it: kept lines, a beginning, cut lines."""
    base = checkpoint.read(rewarded)
    network, reward = CharNetwork.of(base.meta.architecture, base.weights), base.reward
    assert reward is not None
    asked: list[tuple[Context, Sequence[Candidate]]] = []

    def choose(context: Context, candidates: Sequence[Candidate], _uniform: float) -> Choice:
        asked.append((context, candidates))
        return Choice(1, 1.0)

    engine = served(rewarded, WAYS, choose, precision="fp32")
    try:
        engine.write("sibot", Wish(seed=1, keep=(Quotation(None, "가나 다라"), None), prime="마바", lines=4))
    finally:
        engine.close()

    assert len(asked) == 3
    for context, candidates in asked:
        for one in candidates:
            read = [END, *base.vocabulary.encode("\n".join([*context.before, one.text]))]
            with torch.no_grad():
                top, _ = network.states(torch.tensor([read]))  # (1, T, H)
            expected = (top[0].numpy() @ reward)[-one.symbols :].mean()
            assert one.mean_reward == pytest.approx(expected, abs=1e-3)
        assert len({round(one.mean_reward, 3) for one in candidates}) > 1
    assert any(len(one.text) > 12 for _, candidates in asked for one in candidates)


def test_what_was_read_is_not_said_again(rewarded: Path, tmp_path: Path) -> None:
    """A version that learned from the lines which it would write says others, as long as it has others."""
    base = checkpoint.read(rewarded)
    known = seen.said(line for line, _ in lines(served(rewarded, 8)))
    checkpoint.write(tmp_path / "read", base.meta, base.vocabulary, base.weights, reward=base.reward, said=known)

    assert checkpoint.read(tmp_path / "read").said is not None
    before = [seen.shares_a_run(line, known) for line, _ in lines(served(rewarded, 8))]
    after = [seen.shares_a_run(line, known) for line, _ in lines(served(tmp_path / "read", 8))]
    assert sum(before) > 5
    assert sum(after) < 0.5 * sum(before)


class Likes(TastePolicy):
    """A taste for lines that begin with 나, which always chooses."""

    def way(self, voice: str, wish: Wish, seed: int, *, without: Way) -> Way:
        """By that alone."""

        def score(_context: Context, candidates: Sequence[Candidate]) -> list[float]:
            return [50.0 * one.text.startswith("나") for one in candidates]

        return Way(self.candidates, by_score(score), taste=1, score=score)


def liked(folder: Path, *, slots: int = 64) -> Engine:
    """An engine that writes for `Likes`, with eight candidates."""
    return Engine(
        champions=lambda: [champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings.model_validate({"slots": slots}),
        taste_policy=Likes(candidates=8),
    )


def test_half_the_field_is_given_up_in_mid_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worse half by the rule that chooses: fewer symbols are drawn, and who was sure to be chosen still is."""
    drawn, found = list[float](), list[list[WrittenLine]]()
    for shares in ((), poem.THINNED_AT):
        monkeypatch.setattr(poem, "THINNED_AT", shares)
        engine = liked(folder)
        try:
            found.append([engine.write("sibot", Wish(seed=seed, lines=1)).lines[0] for seed in range(30)])
            drawn.append(
                sum(s.value for m in engine.metrics.batch_size.collect() for s in m.samples if "sum" in s.name)
            )
        finally:
            engine.close()
    whole, thinned = found

    assert drawn[1] < 0.9 * drawn[0]
    sure = [(one, other) for one, other in zip(whole, thinned, strict=True) if one.text.startswith("나")]
    assert len(sure) > 5
    assert all(other.text.startswith("나") for _, other in sure)
    assert any(one.chance != other.chance for one, other in zip(whole, thinned, strict=True))


def test_who_are_left_are_not_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cool voice begins most of its candidates in the same words: of those one is enough."""
    different = list[int]()

    def first(_context: Context, candidates: Sequence[Candidate], _uniform: float) -> Choice:
        different.append(len({one.text[:5] for one in candidates}))
        return Choice(0, 1.0)

    for same in (False, True):
        if same:
            monkeypatch.setattr(poem, "_different_first", lambda ranked, _field: ranked)
        engine = served(folder, 8, first)
        try:
            assert list(engine.write_all("sibot", [Wish(seed=seed, temperature=0.1) for seed in range(8)]))
        finally:
            engine.close()
    apart, alike = different[: len(different) // 2], different[len(different) // 2 :]

    assert len(apart) == len(alike) == 40
    assert sum(apart) > 1.2 * sum(alike)


def test_a_poem_may_open_warmer_than_it_goes_on(folder: Path, tmp_path: Path) -> None:
    """Its style says so: first lines differ from poem to poem, and after the same one nearly all go on alike."""
    base = checkpoint.read(folder)
    meta = replace(base.meta, style=replace(base.meta.style, temperature=0.05, opening=1.5))
    checkpoint.write(tmp_path / "warm", meta, base.vocabulary, base.weights)
    seeds = range(20)

    def openings(place: Path, **wish: float) -> int:
        engine = served(place, 1)
        try:
            poems = engine.write_all("sibot", [Wish(seed=seed, lines=1, **wish) for seed in seeds])  # type: ignore[arg-type]
            return len({poem.lines[0].text for poem in poems})
        finally:
            engine.close()

    engine = served(tmp_path / "warm", 1)
    try:
        after = [Wish(seed=seed, lines=2, keep=(Quotation(None, "가나 다라"),)) for seed in seeds]
        second = {poem.lines[1].text for poem in engine.write_all("sibot", after)}
    finally:
        engine.close()
    assert openings(folder, temperature=0.05) <= 6
    assert openings(tmp_path / "warm") > 15
    assert len(second) <= 6


@pytest.mark.parametrize(("readers", "each"), [(1, 192), (3, 64), (12, 16), (24, 4), (48, 1)])
def test_a_crowd_leaves_rows_free(readers: int, each: int) -> None:
    """Up to twelve readers share all rows; twice as many get half of them together, so that nobody's step is long."""
    assert share_of(192, readers) == each


@pytest.mark.parametrize("taste", [True, False])
def test_a_crowd_gets_fewer_candidates_and_one_reader_all(
    folder: Path, rewarded: Path, tmp_path: Path, taste: bool
) -> None:
    """K falls with the number of readers, to four at the least, and rises again; of a seed's poem it never does."""
    base, most = checkpoint.read(rewarded), 8
    meta = replace(base.meta, style=replace(base.meta.style, candidates=most))
    checkpoint.write(tmp_path / "eight", meta, base.vocabulary, base.weights, reward=base.reward)
    engine = liked(folder, slots=16) if taste else served(tmp_path / "eight", most, slots=16)
    counts = engine.metrics

    def of(poems: int, seed: int | None = None) -> float:
        before = counts.candidates, counts.poems
        with ThreadPoolExecutor(poems) as readers:
            assert len(list(readers.map(lambda wish: engine.write("sibot", wish), [Wish(seed=seed)] * poems))) == poems
        return (counts.candidates - before[0]) / (counts.poems - before[1])

    try:
        assert len(list(engine.write_all("sibot", [Wish()] * 16))) == counts.poems == 16
        assert counts.candidates == 16 * most, "who wants many poems gets them as a lone reader would"
        assert of(1) == most
        assert 4 <= of(16) < 0.75 * most
        assert of(16, seed=1) == most
        assert of(1) == most
    finally:
        engine.close()

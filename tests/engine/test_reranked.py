"""Several candidates a line: what a reranker says of them, who is given up in mid-line, and how many a crowd gets."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.domain.poem import Quotation, Wish, WrittenLine
from app.engine import poem
from app.engine.choose import Candidate, Choice, Chooser, Context, Way, by_score
from app.engine.engine import Engine
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from models import checkpoint, reranker
from models.rerank import Network
from tests.engine.voices import Champion, a_version, engine_of

WAYS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network."""
    return a_version(tmp_path_factory.mktemp("version") / "v")


@pytest.fixture
def reranked(folder: Path, tmp_path: Path) -> Path:
    """The same, with a reranker of some opinion or other and a style of four candidates."""
    base = checkpoint.read(folder)
    torch.manual_seed(0)
    weights = {name: value.numpy() for name, value in Network(len(base.vocabulary)).state_dict().items()}
    meta = replace(base.meta, style=replace(base.meta.style, candidates=WAYS))
    checkpoint.write(
        tmp_path / "reranked", meta, base.vocabulary, base.weights, reranker=reranker.graph(weights), extras=folder
    )
    return tmp_path / "reranked"


def served(folder: Path, candidates: int, choose: Chooser | None = None, *, slots: int = 64) -> Engine:
    """An engine as the site has it, which draws so many candidates at most."""
    return Engine(
        champions=lambda: [Champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings.model_validate({"slots": slots}),
        candidates=candidates,
        choose=choose,
    )


def lines(engine: Engine) -> list[tuple[str, float]]:
    """Lines of a few poems, and with which propensity each was chosen."""
    try:
        return [(line.text, line.chance) for seed in range(4) for line in engine.write("sibot", Wish(seed=seed)).lines]
    finally:
        engine.close()


def test_its_lines_are_chosen(reranked: Path) -> None:
    """Among four, each with the propensity that is kept; the same seed writes the same poem again."""
    chosen = lines(served(reranked, 8))

    assert chosen == lines(served(reranked, 8))
    assert all(0 < chance < 1 for _, chance in chosen)


def test_a_deployment_may_draw_fewer(reranked: Path, folder: Path) -> None:
    """With one candidate there is nothing to choose: the lines of the version without a reranker."""
    alone = lines(served(reranked, 1))

    with engine_of(folder) as engine:
        plain = [(line.text, line.chance) for seed in range(4) for line in engine.write("sibot", Wish(seed=seed)).lines]
    assert alone == plain
    assert {chance for _, chance in alone} == {1.0}
    assert alone != lines(served(reranked, 8))


def test_the_reranker_has_read_what_the_poem_says(reranked: Path) -> None:
    """What it says of each candidate is what torch says of the whole text: kept lines, the end and cut lines too."""
    torch.manual_seed(0)
    base = checkpoint.read(reranked)
    network = Network(len(base.vocabulary)).eval()
    asked: list[tuple[Context, Sequence[Candidate]]] = []

    def choose(context: Context, candidates: Sequence[Candidate], _uniform: float) -> Choice:
        asked.append((context, candidates))
        return Choice(1, 1.0)

    engine = served(reranked, WAYS, choose)
    try:
        engine.write("sibot", Wish(seed=1, keep=(Quotation(None, "가나 다라"), None), prime="마바", lines=4))
    finally:
        engine.close()

    assert len(asked) == 3
    for context, candidates in asked:
        texts = reranker.encode(base.vocabulary, context.before, [one.text for one in candidates], ends=context.ends)
        ids, lengths = reranker.padded(texts)
        with torch.no_grad():
            expected = network(torch.from_numpy(ids), torch.from_numpy(lengths).long())[:, 0].tolist()
        assert [one.follows for one in candidates] == pytest.approx(expected, abs=0.05)
        assert len(set(expected)) > 1
    assert any(len(one.text) > 12 for _, candidates in asked for one in candidates)


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
        champions=lambda: [Champion("sibot", 7, 3, "key")],
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


@pytest.mark.parametrize("taste", [True, False])
def test_a_crowd_gets_fewer_candidates_and_one_reader_all(folder: Path, reranked: Path, taste: bool) -> None:
    """K falls with the number of readers, to two at the least, and rises again; of a seed's poem it never does."""
    engine, most = (liked(folder, slots=16), 8) if taste else (served(reranked, 8, slots=8), WAYS)
    counts = engine.metrics

    def of(poems: int, seed: int | None = None) -> float:
        before = counts.candidates, counts.poems
        assert len(list(engine.write_all("sibot", [Wish(seed=seed)] * poems))) == poems
        return (counts.candidates - before[0]) / (counts.poems - before[1])

    try:
        assert of(1) == most
        assert 2 <= of(16) < 0.75 * most
        assert of(16, seed=1) == most
        assert of(1) == most
    finally:
        engine.close()

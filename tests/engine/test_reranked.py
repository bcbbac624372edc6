"""A version with a reranker: its lines are chosen by it, where the deployment draws more than one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.domain.poem import Wish
from app.engine.engine import Engine
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


def served(folder: Path, candidates: int) -> Engine:
    """An engine as the site has it, which draws so many candidates at most."""
    return Engine(
        champions=lambda: [Champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings(),
        candidates=candidates,
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

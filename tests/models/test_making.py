"""Recipes: what a voice learns from its readers, round after round, before it ships."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.engine.choose import LIKELY
from lab.recipes import grades, stages
from lab.recipes.making import AVERAGED, Recipe, learn
from models.corpus import Poems
from models.network import Architecture, CharNetwork
from models.prefer import fit_reward
from models.vocabulary import Vocabulary

SYMBOLS = Vocabulary(tuple("가나다 \n,."))
ROUNDS = 4
VERSE = Poems(["가나\n다가", "나다\n가가", "다다\n나가"], SYMBOLS, per_batch=3)


def network() -> CharNetwork:
    """A small one, always the same."""
    torch.manual_seed(0)
    return CharNetwork(Architecture(len(SYMBOLS), "lstm", 1, 8, 8))


def recipe(averaged: tuple[int, ...] = (), rewarded: int | None = None) -> Recipe:
    """Of a voice whose language is learned elsewhere."""

    def untrained(*_folders: Path) -> tuple[CharNetwork, Vocabulary]:
        raise AssertionError

    def nothing(_corpus: Path) -> list[str]:
        return []

    return Recipe("gana", untrained, read=nothing, skimmed=nothing, averaged=averaged, rewarded=rewarded)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder, and four rounds of grades that say different things."""
    monkeypatch.setattr(grades, "FOLDER", tmp_path / "graded")
    (tmp_path / "graded").mkdir()
    for number in range(1, ROUNDS + 1):
        better, worse = ("가나\n다가", "나나\n나나")[:: 1 if number % 2 else -1]
        row = {"before": [], "ends": True, "lines": [better, worse], "grades": [1, 0]}
        text = (json.dumps(row, ensure_ascii=False) + "\n") * 60
        (tmp_path / "graded" / f"gana-{number}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_a_round_begins_where_the_one_before_ended(work: Path) -> None:
    """Without more in the recipe the last round's network ships, with a reward fitted on it to all grades."""
    taught = network()

    name, reward = learn(recipe(), taught, SYMBOLS, verse=VERSE, base=work, work=work)

    assert name == f"graded-gana-{ROUNDS}"
    for key, weights in load_file(work / f"{name}.safetensors").items():
        torch.testing.assert_close(taught.state_dict()[key], weights)
    everything = [group for file in grades.rounds("gana") for group in grades.read(file)]
    np.testing.assert_allclose(reward.weights, fit_reward(taught, SYMBOLS, everything, likely=LIKELY).weights)


def test_rounds_are_averaged_where_the_recipe_says_so(work: Path) -> None:
    """After the third round the mean of the first three; the fourth begins there."""
    name, _ = learn(recipe(averaged=(3,)), network(), SYMBOLS, verse=VERSE, base=work, work=work)

    assert name == f"graded-gana-{ROUNDS}"
    rounds = [load_file(work / f"graded-gana-{number}.safetensors") for number in range(1, ROUNDS + 1)]
    mean = load_file(work / "averaged-gana-3.safetensors")
    for key, weights in mean.items():
        torch.testing.assert_close(weights, sum(of[key] for of in rounds[:AVERAGED]) / AVERAGED)
    again = network()
    again.load_state_dict(mean)
    fourth = grades.read(grades.FOLDER / "gana-4.jsonl")
    stages.grade("again", again, SYMBOLS, fourth, verse=VERSE, work=work)
    for key, weights in again.state_dict().items():
        torch.testing.assert_close(weights, rounds[3][key])
    assert learn(recipe(averaged=(4,)), network(), SYMBOLS, verse=VERSE, base=work, work=work)[0] == "averaged-gana-4"


def test_the_reward_is_fitted_where_the_recipe_says_so(work: Path) -> None:
    """After the first round, to its grades, on its network."""
    _, reward = learn(recipe(rewarded=1), network(), SYMBOLS, verse=VERSE, base=work, work=work)

    first = network()
    first.load_state_dict(load_file(work / "graded-gana-1.safetensors"))
    told = grades.read(grades.FOLDER / "gana-1.jsonl")
    np.testing.assert_allclose(reward.weights, fit_reward(first, SYMBOLS, told, likely=LIKELY).weights)


def test_a_round_that_nobody_graded_is_refused(work: Path) -> None:
    """By its number, before anything is learned."""
    with pytest.raises(ValueError, match=r"no round \{9\}"):
        learn(recipe(averaged=(2, 9)), network(), SYMBOLS, verse=VERSE, base=work, work=work)
    assert not list(work.iterdir())

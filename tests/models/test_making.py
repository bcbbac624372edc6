"""Recipes: from the corpus folder to the shipped folder, by training stages and rounds of readers' preferences."""

import gzip
import json
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from app.engine.choose import LIKELY
from lab.recipes import bard, grades, making, sibot
from lab.recipes.making import AVERAGED, Maker, Recipe, learn_preferences, main
from models import checkpoint
from models.corpus import Poems
from models.network import Architecture, CharNetwork
from models.prefer import fit_reward
from models.vocabulary import Vocabulary

SYMBOLS = Vocabulary(tuple("가나다 \n,."))
ROUNDS = 4
VERSE = Poems(["가나\n다가", "나다\n가가", "다다\n나가"], SYMBOLS, per_batch=3)


def network(symbols: int = len(SYMBOLS)) -> CharNetwork:
    """A small one, always the same."""
    torch.manual_seed(0)
    return CharNetwork(Architecture(symbols, "lstm", 1, 8, 8))


def maker(work: Path) -> Maker:
    """That network, about to learn what readers prefer."""
    return Maker(network(), SYMBOLS, work=work, base=work)


def recipe(averaged: tuple[int, ...] = (), rewarded: int | None = None) -> Recipe:
    """Of a voice whose language is learned elsewhere."""

    def untrained(*_folders: Path) -> Maker:
        raise AssertionError

    def nothing(_corpus: Path) -> list[str]:
        return []

    return Recipe("gana", untrained, read=nothing, skimmed=nothing, averaged=averaged, rewarded=rewarded)


def grade(voice: str, pairs: Mapping[int, tuple[str, ...]]) -> None:
    """Sixty readers' grades of one pair in each round, the better line first."""
    rows = [{"round": n, "before": [], "ends": True, "lines": pair, "grades": [1, 0]} for n, pair in pairs.items()]
    grades.FOLDER.mkdir()
    text = "".join((json.dumps(row, ensure_ascii=False) + "\n") * 60 for row in rows)
    (grades.FOLDER / f"{voice}.jsonl.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder, and four rounds of grades that say different things."""
    monkeypatch.setattr(grades, "FOLDER", tmp_path / "graded")
    lines = ("가나\n다가", "나나\n나나")
    grade("gana", {number: lines[:: 1 if number % 2 else -1] for number in range(1, ROUNDS + 1)})
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_a_round_begins_where_the_one_before_ended(work: Path) -> None:
    """Without more in the recipe the last round's network ships, with a reward fitted on it to all grades."""
    taught = maker(work)

    name, reward = learn_preferences(recipe(), taught, VERSE)

    assert name == f"graded-gana-{ROUNDS}"
    for key, weights in load_file(work / f"{name}.safetensors").items():
        torch.testing.assert_close(taught.network.state_dict()[key], weights)
    everything = [group for of_round in grades.rounds("gana").values() for group in of_round]
    np.testing.assert_allclose(reward.weights, fit_reward(taught.network, SYMBOLS, everything, likely=LIKELY).weights)


def test_rounds_are_averaged_where_the_recipe_says_so(work: Path) -> None:
    """After the third round the mean of the first three; the fourth begins there."""
    name, _ = learn_preferences(recipe(averaged=(3,)), maker(work), VERSE)

    assert name == f"graded-gana-{ROUNDS}"
    rounds = [load_file(work / f"graded-gana-{number}.safetensors") for number in range(1, ROUNDS + 1)]
    mean = load_file(work / "averaged-gana-3.safetensors")
    for key, weights in mean.items():
        torch.testing.assert_close(weights, sum(of[key] for of in rounds[:AVERAGED]) / AVERAGED)
    again = maker(work)
    again.network.load_state_dict(mean)
    again.grade("again", grades.rounds("gana")[4], VERSE)
    for key, weights in again.network.state_dict().items():
        torch.testing.assert_close(weights, rounds[3][key])
    assert learn_preferences(recipe(averaged=(4,)), maker(work), VERSE)[0] == "averaged-gana-4"


def test_the_reward_is_fitted_where_the_recipe_says_so(work: Path) -> None:
    """After the first round, to its grades, on its network."""
    _, reward = learn_preferences(recipe(rewarded=1), maker(work), VERSE)

    first = network()
    first.load_state_dict(load_file(work / "graded-gana-1.safetensors"))
    told = grades.rounds("gana")[1]
    np.testing.assert_allclose(reward.weights, fit_reward(first, SYMBOLS, told, likely=LIKELY).weights)


def test_a_round_that_nobody_graded_is_refused(work: Path) -> None:
    """By its number, before anything is learned."""
    with pytest.raises(ValueError, match=r"no round \{9\}"):
        learn_preferences(recipe(averaged=(2, 9)), maker(work), VERSE)
    assert not list(work.iterdir())


CORPORA = {
    "sibot": {
        "ko-modern": (*sibot.TALES, *sibot.MIXED, "kowiki_plots", "kowiki_select_A"),
        "ko-poems": ("김소월",),
    },
    "bard": {
        "en-prose": (*bard.STORIES, "gutenberg_children", "simplewiki_select"),
        "en-poems-more": ("pdp_lyric_plain",),
    },
}
KINDS = ("plain-1", "simple-1", "songs-1", "home")
SKIPPED = ("PLOTS", "CLASSICS", "MORE_CLASSICS", "ENCYCLOPEDIA")


@pytest.mark.parametrize("recipe", [sibot.RECIPE, bard.RECIPE], ids=lambda recipe: recipe.voice)
@pytest.mark.nightly
def test_one_command_makes_the_shipped_folder(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage of the recipe on a tiny corpus with a tiny network; a second start trains nothing again."""
    module = {"sibot": sibot, "bard": bard}[recipe.voice]
    words = (
        ("봄이", "온다", "창을", "닫는다", "바람")
        if recipe.voice == "sibot"
        else ("the", "rain", "is", "here", "again")
    )
    rng = random.Random(0)

    def write(file: Path, gap: str = "\n\n") -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        texts = ["\n".join(" ".join(rng.choices(words, k=5)) for _ in range(4)) for _ in range(60)]
        file.write_text(gap.join(texts), encoding="utf-8")

    for folder, names in CORPORA[recipe.voice].items():
        for name in names:
            write(tmp_path / "corpus" / folder / f"{name}.txt", gap="\n\n\n" if "lyric" in name else "\n\n")
    base = tmp_path / "bases" / recipe.voice
    for kind in KINDS:
        write(base / "verse" / f"{kind}.txt")
    write(base / "holdout.txt")
    monkeypatch.setattr(making, "fresh", network)
    monkeypatch.setattr(making, "LATER_STAGE_MINUTES", 0.01)
    for name in SKIPPED:  # else nothing of so small a corpus is left for the later stages
        monkeypatch.setattr(module, name, 1000, raising=False)
    rounds = [number for number in (1, *recipe.averaged, recipe.rewarded) if number]
    monkeypatch.setattr(grades, "FOLDER", tmp_path / "graded")
    grade(recipe.voice, dict.fromkeys(rounds, words[:2]))
    told = ["--corpus", str(tmp_path / "corpus"), "--work", str(tmp_path / "work"), "--release", "tiny-1"]

    main(recipe, told, bases=tmp_path / "bases")
    made = checkpoint.read(base)
    monkeypatch.setattr(making, "Training", None)
    main(recipe, told, bases=tmp_path / "bases")

    assert made.meta.base == "tiny-1"
    assert made.reward is not None
    again = checkpoint.read(base)
    for name, weights in made.weights.items():
        np.testing.assert_array_equal(weights, again.weights[name])

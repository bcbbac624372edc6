"""One command a voice: from the texts to the shipped folder. What each voice reads, its own recipe says."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engine.choose import LIKELY
from lab.recipes import grades, stages
from lab.recipes.package import BASES, package
from models.corpus import Corpus, Poems
from models.network import CharNetwork
from models.prefer import Group, Reward, fit_reward
from models.vocabulary import Vocabulary

AVERAGED = 3
"""Rounds whose networks are averaged: each goes too far where the one before did not go far enough (docs/log.md)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a voice is made."""

    voice: str
    train: Callable[[Path, Path, Path], tuple[CharNetwork, Vocabulary]]
    """(corpus folder, work folder, base folder) -> what ships; resumes what lies in the work folder."""
    read: Callable[[Path], Sequence[str]]
    """Verse of the corpus folder that was read: any run of it counts as copied. Our own lies beside the base."""
    skimmed: Callable[[Path], Sequence[str]]
    """Prose that was read: some of its runs count, to save room."""
    averaged: tuple[int, ...] = ()
    """Rounds after which the network becomes the mean of the last `AVERAGED`."""
    rewarded: int | None = None
    """The round after which the reward is fitted, to all grades until then; None: the last."""


def main(recipe: Recipe) -> None:
    """Train, or go on training; learn what readers prefer; write the base's folder."""
    parser = argparse.ArgumentParser(description=f"Make the base voice {recipe.voice}.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--release", required=True, help=f"name of the base, e.g. {recipe.voice}-2026.12")
    args = parser.parse_args()

    base = BASES / recipe.voice
    network, vocabulary = recipe.train(args.corpus, args.work, base)
    verse = Poems([*stages.songs(base), *stages.simple_verse(base)], vocabulary, per_batch=8, longest=400)
    name, reward = learn(recipe, network, vocabulary, verse=verse, base=base, work=args.work)
    print(f"reward: {reward.found:.3f} of pairs kept aside in order, {reward.before:.3f} by likelihood alone")
    meta = package(
        recipe.voice,
        release=args.release,
        weights=args.work / f"{name}.safetensors",
        vocabulary=args.work / "vocabulary.json",
        read=recipe.read(args.corpus),
        skimmed=recipe.skimmed(args.corpus),
        reward=reward.weights,
    )
    print(f"{recipe.voice}: {meta.base}, {len(meta.files)} files sealed")


def learn(
    recipe: Recipe, network: CharNetwork, vocabulary: Vocabulary, *, verse: Corpus, base: Path, work: Path
) -> tuple[str, Reward]:
    """Learn what readers preferred, round after round, in place; the last stage's name, and what to choose by.

    ValueError for a round in the recipe that nobody has graded.
    """
    files = grades.rounds(recipe.voice)
    rounds = [grades.round_of(file) for file in files]
    if missing := {*recipe.averaged, *filter(None, [recipe.rewarded])} - {*rounds}:
        raise ValueError(f"{recipe.voice} has no round {missing}")
    graded: list[Group] = []
    learned: list[str] = []
    name, reward = "", None
    for number, file in zip(rounds, files, strict=True):
        name, of_round = f"graded-{file.stem}", grades.read(file)
        stages.grade(name, network, vocabulary, of_round, verse=verse, work=work)
        learned.append(name)
        graded += of_round
        if number in recipe.averaged:
            name = f"averaged-{file.stem}"
            stages.average(name, network, learned[-AVERAGED:], work=work)
        stages.examine(name, network, vocabulary, base)
        if number == recipe.rewarded:
            reward = fit_reward(network, vocabulary, graded, likely=LIKELY)
    if reward is None:
        reward = fit_reward(network, vocabulary, graded, likely=LIKELY)
    return name, reward

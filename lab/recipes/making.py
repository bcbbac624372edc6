"""How a recipe makes a base voice: training stages, then rounds of readers' preferences, then the shipped folder.

One command per voice (`python -m lab.recipes.sibot`, `python -m lab.recipes.bard`). Each recipe names the
texts that its voice reads. Every finished stage is kept in the work folder; a second start resumes where the first one
stopped.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import torch
from safetensors.torch import load_file, save_file

from app.engine.choose import LIKELY
from lab.recipes import grades
from lab.recipes.package import BASES, package
from models.corpus import Corpus, Poems, Stream, read_poems
from models.evaluate import surprise_of_poems
from models.folder import HOLDOUTS
from models.network import Architecture, CharNetwork
from models.prefer import Group, Reward, fit_reward, prefer
from models.train import Plan, Progress, Training, bf16_pays
from models.vocabulary import Vocabulary

SAVE_EVERY_S = 120
LATER_STAGE_MINUTES = 30
"""Minutes of each later stage, however much the machine reads in them."""
REPORT_EVERY = 50
"""Training steps between two lines of progress."""
ASIDE = 50
"""One graded group in so many is not trained on; it measures what was learned from the others."""
AVERAGED = 3
"""Rounds whose weights are averaged: each round over-corrects the one before (docs/log.md)."""
LONGEST = 400
"""Symbols after which a poem is cut in training."""

# -- What is read -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnVerse:
    """Our own verse beside a base voice, by kind; the holdouts are not in it."""

    plain: list[str]
    simple: list[str]
    """Written later, in the commonest words: one scene, whose lines follow from each other."""
    songs: list[str]
    """Written last: short lines, each a sentence, that keep to one thing."""
    dense: list[str]
    """All other files: a fresh image in every line."""

    @classmethod
    def of(cls, base: Path) -> "OwnVerse":
        """The verse of the base in that folder, told apart by the names of its files."""
        files = {kind: sorted((base / "verse").glob(f"{kind}-*.txt")) for kind in ("plain", "simple", "songs")}
        others = sorted({*(base / "verse").glob("*.txt")} - {file for of_kind in files.values() for file in of_kind})
        return cls(
            plain=read_poems(*files["plain"]),
            simple=read_poems(*files["simple"]),
            songs=read_poems(*files["songs"]),
            dense=read_poems(*others),
        )


def passages(file: Path, *, most: int | None = None, skip: int = 0) -> list[str]:
    """The texts of a prose file, separated by blank lines; *most*: only so many characters of them, drawn at random.

    *skip*: characters that an earlier stage has drawn from the same file, and that are not drawn again.
    """
    blocks = (block.splitlines() for block in file.read_text(encoding="utf-8").split("\n\n"))
    texts = ["\n".join(line.strip() for line in lines if line.strip()) + "\n" for lines in blocks]
    texts = [text for text in texts if text.strip()]
    if most is None:
        return texts
    random.Random(0).shuffle(texts)
    drawn = 0
    some = []
    for text in texts:
        if drawn >= skip + most:
            break
        if drawn >= skip:
            some.append(text)
        drawn += len(text)
    return some


def as_running_text(texts: Sequence[str]) -> list[str]:
    """Poems as part of running text: each with its line end."""
    return [text + "\n" for text in texts]


# -- Stages -----------------------------------------------------------------------------------------------------------


def fresh(symbols: int) -> CharNetwork:
    """An untrained network of the shape that both voices have; always the same weights."""
    torch.manual_seed(0)
    return CharNetwork(Architecture(symbols, layers=3, size=512, residual=True))


class StagePlan(TypedDict, total=False):
    """The hyperparameters (`models.train.Plan`) in which stages differ."""

    passes: int
    minutes: float
    rate: float
    floor: float
    seed: int


class Maker:
    """A network in training, and the folders of its voice. Each stage trains in place and is kept when it is done.

    A stage that lies finished in the work folder is loaded instead of trained; an unfinished one is resumed.
    """

    def __init__(self, network: CharNetwork, vocabulary: Vocabulary, *, work: Path, base: Path) -> None:
        self.network, self.vocabulary, self.work, self.base = network, vocabulary, work, base

    @classmethod
    def start(cls, vocabulary: Vocabulary, *, work: Path, base: Path) -> "Maker":
        """An untrained network; the vocabulary is noted in the work folder, from where it is packaged."""
        work.mkdir(parents=True, exist_ok=True)
        (work / "vocabulary.json").write_text(json.dumps(vocabulary.characters, ensure_ascii=False), encoding="utf-8")
        return cls(fresh(len(vocabulary)), vocabulary, work=work, base=base)

    def read(self, name: str, texts: Sequence[str], **plan: Unpack[StagePlan]) -> None:
        """Train a stage on running text."""
        self._stage(name, Stream(texts, self.vocabulary, lanes=32, steps=64), plan, dropout=0.1)

    def learn_verse(
        self, name: str, poems: Sequence[str], *, dropout: float, per_batch: int = 32, **plan: Unpack[StagePlan]
    ) -> None:
        """Train a stage on whole poems, each from a zero state."""
        corpus = Poems(poems, self.vocabulary, per_batch=per_batch, longest=LONGEST)
        self._stage(name, corpus, plan, dropout=dropout)

    def _stage(self, name: str, corpus: Corpus, settings: StagePlan, *, dropout: float) -> None:
        if not self._loaded(name):
            self.network.dropout.share = dropout
            plan = Plan(**settings, average=0.999, bf16=bf16_pays("cpu"))
            training = Training(self.network, corpus, plan)
            training.resume(self.work / name)
            saved = time.monotonic()

            def watch(now: Progress) -> None:
                nonlocal saved
                if now.step % REPORT_EVERY == 0:
                    print(name, now, file=sys.stderr, flush=True)
                if time.monotonic() - saved > SAVE_EVERY_S:
                    training.save(self.work / name)
                    saved = time.monotonic()

            training.run(watch)
            self._save(name)
        self.examine(name)

    def grade(self, name: str, graded: Sequence[Group], verse: Corpus) -> None:
        """Learn which lines readers preferred; *verse*: what the network must still know afterwards."""
        if self._loaded(name):
            return

        def watch(step: int, of: int, ordered: float) -> None:
            if step % REPORT_EVERY == 0:
                print(f"{name} step {step}/{of}  pairs in order {ordered:.3f}", file=sys.stderr, flush=True)

        aside, read = graded[::ASIDE], [group for i, group in enumerate(graded) if i % ASIDE]
        outcome = prefer(self.network, self.vocabulary, read, verse, aside=aside, watch=watch)
        print(name, outcome, file=sys.stderr, flush=True)
        self._save(name)

    def average(self, name: str, stages: Sequence[str]) -> None:
        """Make the network the mean of those stages' weights (as in Wortsman et al. 2022)."""
        of_stages = [load_file(self.work / f"{stage}.safetensors") for stage in stages]
        mean = {key: torch.stack([one[key] for one in of_stages]).mean(0) for key in of_stages[0]}
        self.network.load_state_dict(mean)
        self._save(name)

    def examine(self, name: str) -> None:
        """Print the surprise at each of the base's holdouts, in bits a character."""
        for file in sorted(self.base.glob(HOLDOUTS)):
            surprise = surprise_of_poems(self.network, self.vocabulary, read_poems(file))
            print(f"{name} {file.stem}: {surprise.bits_per_char:.4f} bits a character", file=sys.stderr, flush=True)

    def _loaded(self, name: str) -> bool:
        """Load the weights of a stage that an earlier start has finished; False if there is none."""
        done = self.work / f"{name}.safetensors"
        if done.exists():
            self.network.load_state_dict(load_file(done))
        return done.exists()

    def _save(self, name: str) -> None:
        """Keep the weights, with the architecture, which packaging reads."""
        architecture = json.dumps(self.network.architecture.as_dict())
        file = self.work / f"{name}.safetensors"
        save_file(self.network.state_dict(), file, metadata={"architecture": architecture})


# -- The whole recipe -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a voice is made."""

    voice: str
    train: Callable[[Path, Path, Path], Maker]
    """(corpus folder, work folder, base folder) -> the network after its training stages."""
    read: Callable[[Path], Sequence[str]]
    """Verse of the corpus folder that was read: any run of it counts as copied. Our own lies beside the base."""
    skimmed: Callable[[Path], Sequence[str]]
    """Prose that was read: only some of its runs count as copied, to save room."""
    averaged: tuple[int, ...] = ()
    """Rounds of grades after which the weights become the mean of the last `AVERAGED` rounds."""
    rewarded: int | None = None
    """Round after which the reward is fitted, to all grades until then; None: the last one."""


def main(recipe: Recipe, arguments: Sequence[str] | None = None, *, bases: Path = BASES) -> None:
    """Train, or resume training; learn what readers prefer; write the base's folder."""
    parser = argparse.ArgumentParser(description=f"Make the base voice {recipe.voice}.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--release", required=True, help=f"name of the base, e.g. {recipe.voice}-2026.12")
    args = parser.parse_args(arguments)

    base = bases / recipe.voice
    maker = recipe.train(args.corpus, args.work, base)
    own = OwnVerse.of(base)
    verse = Poems([*own.songs, *own.simple], maker.vocabulary, per_batch=8, longest=LONGEST)
    name, reward = learn_preferences(recipe, maker, verse)
    print(f"reward: {reward.found:.3f} of pairs kept aside in order, {reward.before:.3f} by likelihood alone")
    meta = package(
        recipe.voice,
        release=args.release,
        weights=args.work / f"{name}.safetensors",
        vocabulary=args.work / "vocabulary.json",
        bases=bases,
        read=recipe.read(args.corpus),
        skimmed=recipe.skimmed(args.corpus),
        reward=reward.weights,
    )
    print(f"{recipe.voice}: {meta.base}, {len(meta.files)} files sealed")


def learn_preferences(recipe: Recipe, maker: Maker, verse: Corpus) -> tuple[str, Reward]:
    """Learn what readers preferred, round after round; the name of the last stage, and the reward to choose lines by.

    ValueError for a round in the recipe that nobody has graded.
    """
    rounds = grades.rounds(recipe.voice)
    asked = set(recipe.averaged) if recipe.rewarded is None else {*recipe.averaged, recipe.rewarded}
    missing = asked - rounds.keys()
    if missing:
        raise ValueError(f"{recipe.voice} has no round {missing}")
    graded: list[Group] = []
    learned: list[str] = []
    name, reward = "", None
    for number, of_round in rounds.items():
        name = f"graded-{recipe.voice}-{number}"
        maker.grade(name, of_round, verse)
        learned.append(name)
        graded += of_round
        if number in recipe.averaged:
            name = f"averaged-{recipe.voice}-{number}"
            maker.average(name, learned[-AVERAGED:])
        maker.examine(name)
        if number == recipe.rewarded:
            reward = fit_reward(maker.network, maker.vocabulary, graded, likely=LIKELY)
    if reward is None:
        reward = fit_reward(maker.network, maker.vocabulary, graded, likely=LIKELY)
    return name, reward

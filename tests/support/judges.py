"""A judge for the tiny voice: its forest likes the verse that the voice was taught, and not the same lines mixed."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.recipes import judge as recipe
from models import checkpoint
from models.corpus import read_poems
from models.judge import FILE, MARKS, VERSE, Poem, Reader

POEMS = 60


def mixed(poems: Sequence[Poem], seed: int = 0) -> list[Poem]:
    """Each line from another poem, in its place."""
    dice = random.Random(seed)
    places = [[poem[i] for poem in poems if len(poem) > i] for i in range(max(map(len, poems)))]
    for lines in places:
        dice.shuffle(lines)
    left = [iter(lines) for lines in places]
    return [tuple(next(left[i]) for i in range(len(poem))) for poem in poems]


def with_judge(shipped: Path, folder: Path) -> Path:
    """A copy of the shipped voices in *folder*, in which `sibot` has a judge."""
    shutil.copytree(shipped, folder)
    base = folder / "sibot"
    poems = [tuple(poem.splitlines()) for poem in read_poems(*sorted((base / VERSE).glob("*.txt")))][:POEMS]
    features, _ = Reader.of(checkpoint.read(base)).features([*poems, *mixed(poems)])
    marks = np.repeat([[4.0], [2.0]], len(poems), axis=0) + np.arange(len(MARKS)) / 10
    (base / FILE).write_bytes(recipe.as_onnx(recipe.fit(features, marks), features.shape[1]))
    checkpoint.seal(base, FILE)
    return folder

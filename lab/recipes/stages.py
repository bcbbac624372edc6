"""Stages of a recipe: train one after the other, each kept when it is done, each resumed where it was stopped."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models.corpus import Corpus, read_poems
from models.evaluate import surprise_of_poems
from models.network import Architecture, CharNetwork
from models.train import Plan, Progress, Training
from models.vocabulary import Vocabulary

SAVE_EVERY_S = 120
REPORT_EVERY = 50


def verse_of(base: Path) -> list[str]:
    """Our own verse that lies beside a base voice, without its holdout."""
    return read_poems(*sorted((base / "verse").glob("*.txt")))


def vocabulary_of(texts: Sequence[str], work: Path, *, at_least: int = 3) -> Vocabulary:
    """The vocabulary of *texts*, kept in the work folder for whoever packages the voice."""
    vocabulary = Vocabulary.of(texts, at_least=at_least)
    work.mkdir(parents=True, exist_ok=True)
    (work / "vocabulary.json").write_text(json.dumps(vocabulary.characters, ensure_ascii=False), encoding="utf-8")
    return vocabulary


def stage(name: str, network: CharNetwork, corpus: Corpus, plan: Plan, work: Path) -> None:
    """Run one stage, or load what an earlier start finished of it."""
    done = work / f"{name}.safetensors"
    if done.exists():
        network.load_state_dict(load_file(done))
        return
    training = Training(network, corpus, plan)
    training.resume(work / name)
    saved = time.monotonic()

    def watch(now: Progress) -> None:
        nonlocal saved
        if now.step % REPORT_EVERY == 0:
            print(name, now, file=sys.stderr, flush=True)
        if time.monotonic() - saved > SAVE_EVERY_S:
            training.save(work / name)
            saved = time.monotonic()

    training.run(watch)
    save_file(network.state_dict(), done, metadata={"architecture": json.dumps(network.architecture.as_dict())})


def examine(name: str, network: CharNetwork, vocabulary: Vocabulary, base: Path) -> None:
    """Print the surprise at the base's holdout."""
    found = surprise_of_poems(network, vocabulary, read_poems(base / "holdout.txt"))
    print(name, found.as_dict(), file=sys.stderr, flush=True)


def fresh(architecture: Architecture, *, dropout: float) -> CharNetwork:
    """An untrained network, always the same."""
    torch.manual_seed(0)
    return CharNetwork(architecture, dropout=dropout)

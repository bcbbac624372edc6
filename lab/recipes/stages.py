"""Stages of a recipe: train one after the other, each kept when it is done, each resumed where it was stopped."""

import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models.corpus import HOLDOUTS, Corpus, read_poems
from models.evaluate import surprise_of_poems
from models.network import Architecture, CharNetwork
from models.prefer import Group, prefer
from models.train import Plan, Progress, Training, bf16_pays
from models.vocabulary import Vocabulary

SAVE_EVERY_S = 120
HALF_AN_HOUR = 30
"""Minutes of the later stages, whatever the machine reads in them."""
REPORT_EVERY = 50
ASIDE = 50
"""Of the graded groups one in so many is not learned from, and tells how well the others were."""
PLAIN, SIMPLE, SONGS = "plain-*.txt", "simple-*.txt", "songs-*.txt"
"""Our plain verse, what we wrote later in the commonest words, and last in short lines that keep to one thing, among
the files of a base's `verse/`; the others are the dense verse."""


def plain_verse(base: Path) -> list[str]:
    """Our plain verse that lies beside a base voice, without its holdout."""
    return read_poems(*sorted((base / "verse").glob(PLAIN)))


def simple_verse(base: Path) -> list[str]:
    """The plainest: one scene in common words, whose lines follow from each other."""
    return read_poems(*sorted((base / "verse").glob(SIMPLE)))


def songs(base: Path) -> list[str]:
    """The smallest: short lines, each a sentence, and one thing that stays in sight."""
    return read_poems(*sorted((base / "verse").glob(SONGS)))


def dense_verse(base: Path) -> list[str]:
    """The rest of our verse, with a fresh image in every line."""
    folder = base / "verse"
    return read_poems(
        *sorted({*folder.glob("*.txt")} - {*folder.glob(PLAIN), *folder.glob(SIMPLE), *folder.glob(SONGS)})
    )


def passages(file: Path, *, most: int | None = None, skip: int = 0) -> list[str]:
    """The texts of a file of prose, parted by blank lines; with *most*, so many characters of them, drawn at random.

    *skip*: characters that an earlier stage has drawn of the same file, and that are not drawn again.
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


def keep(vocabulary: Vocabulary, work: Path) -> Vocabulary:
    """The vocabulary, noted in the work folder for whoever packages the voice."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "vocabulary.json").write_text(json.dumps(vocabulary.characters, ensure_ascii=False), encoding="utf-8")
    return vocabulary


def plan(**settings: float) -> Plan:
    """A plan whose weights are averaged, in bfloat16 where that pays."""
    return Plan(**settings, average=0.999, bf16=bf16_pays("cpu"))  # type: ignore[arg-type]


def stage(name: str, network: CharNetwork, corpus: Corpus, plan: Plan, work: Path, *, dropout: float) -> None:
    """Run one stage, or load what an earlier start finished of it."""
    done = work / f"{name}.safetensors"
    if done.exists():
        network.load_state_dict(load_file(done))
        return
    network.dropout.share = dropout
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
    _save(network, done)


def grade(
    name: str,
    network: CharNetwork,
    vocabulary: Vocabulary,
    graded: Sequence[Group],
    *,
    verse: Corpus,
    work: Path,
) -> None:
    """Learn which lines readers preferred, or load what an earlier start learned."""
    done = work / f"{name}.safetensors"
    if done.exists():
        network.load_state_dict(load_file(done))
        return

    def watch(step: int, of: int, ordered: float) -> None:
        if step % REPORT_EVERY == 0:
            print(f"{name} step {step}/{of}  pairs in order {ordered:.3f}", file=sys.stderr, flush=True)

    aside, read = graded[::ASIDE], [group for i, group in enumerate(graded) if i % ASIDE]
    outcome = prefer(network, vocabulary, read, verse, aside=aside, watch=watch)
    print(name, outcome, file=sys.stderr, flush=True)
    _save(network, done)


def average(name: str, network: CharNetwork, names: Sequence[str], *, work: Path) -> None:
    """The mean of the weights of those stages (as in Wortsman et al. 2022), into *network* and the work folder."""
    of_stages = [load_file(work / f"{stage}.safetensors") for stage in names]
    network.load_state_dict({key: torch.stack([one[key] for one in of_stages]).mean(0) for key in of_stages[0]})
    _save(network, work / f"{name}.safetensors")


def _save(network: CharNetwork, file: Path) -> None:
    """With its architecture, which whoever packages it reads."""
    save_file(network.state_dict(), file, metadata={"architecture": json.dumps(network.architecture.as_dict())})


def examine(name: str, network: CharNetwork, vocabulary: Vocabulary, base: Path) -> Mapping[str, float]:
    """Print and return the surprise at each of the base's holdouts, in bits a character."""
    holdouts = {file.stem: read_poems(file) for file in sorted(base.glob(HOLDOUTS))}
    found = {what: surprise_of_poems(network, vocabulary, poems).bits_per_char for what, poems in holdouts.items()}
    print(name, found, file=sys.stderr, flush=True)
    return found


def fresh(symbols: int) -> CharNetwork:
    """An untrained network of the shape that both voices have, always the same."""
    torch.manual_seed(0)
    return CharNetwork(Architecture(symbols, layers=3, size=512, residual=True))


def once(texts: Sequence[str]) -> list[str]:
    """Poems as running text reads them: each with its line end."""
    return [text + "\n" for text in texts]

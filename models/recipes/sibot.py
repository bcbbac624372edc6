"""How `sibot` was made: novels for the language, then verse for the voice.

    python -m models.recipes.sibot --corpus FOLDER --work FOLDER

The corpus folder holds `ko-prose/` and `ko-poems/`; our own verse lies beside the
base voice. Writes a checkpoint after each stage and resumes where it was stopped.
"""

import argparse
import sys
import time
from pathlib import Path

from safetensors.torch import load_file, save_file

from models.corpus import Corpus, Poems, Stream, read_poems
from models.evaluate import surprise_of_poems
from models.network import Architecture, CharNetwork
from models.train import Plan, Progress, Training
from models.vocabulary import Vocabulary

HERE = Path(__file__).parents[1] / "base" / "sibot"
OLD_SPELLING = ("이상.txt", "박용철(번역)_옛표기.txt", "시조_옛표기.txt")
LONGEST_LINE = 40


def old_poets(corpus: Path) -> list[str]:
    """The poets of the 1920s to 40s in modern spelling, without prose poems."""
    files = [f for f in sorted((corpus / "ko-poems").glob("*.txt")) if f.name not in OLD_SPELLING]
    return [p for p in read_poems(*files) if max(map(len, p.splitlines())) <= LONGEST_LINE]


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
        if now.step % 50 == 0:
            print(name, now, file=sys.stderr, flush=True)
        if time.monotonic() - saved > 120:
            training.save(work / name)
            saved = time.monotonic()

    training.run(watch)
    save_file(network.state_dict(), done)


def main() -> None:
    """Train both stages; prints bits per character on the holdout after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)

    prose = [f.read_text(encoding="utf-8") for f in sorted((args.corpus / "ko-prose").glob("*.txt"))]
    poets, ours = old_poets(args.corpus), read_poems(*sorted((HERE / "verse").glob("*.txt")))
    holdout = read_poems(HERE / "holdout.txt")
    vocabulary = Vocabulary.of([*prose, *poets, *ours], at_least=3)
    (args.work / "vocabulary.txt").write_text("".join(vocabulary.characters), encoding="utf-8", newline="")
    print(f"{len(vocabulary)} symbols, {sum(map(len, prose)):,} prose, {sum(map(len, poets)):,} poets, "
          f"{sum(map(len, ours)):,} ours", file=sys.stderr)

    network = CharNetwork(Architecture(len(vocabulary)), dropout=0.2)
    reading = Stream([*prose, *(p + "\n" for p in poets)], vocabulary, lanes=64, steps=128)
    stage("prose", network, reading, Plan(passes=5, rate=3e-3), args.work)
    print("prose", surprise_of_poems(network, vocabulary, holdout).as_dict(), file=sys.stderr, flush=True)

    network.dropout.share = 0.5
    verse = Poems([*ours, *ours, *poets], vocabulary, per_batch=48)
    stage("verse", network, verse, Plan(passes=6, rate=2e-3, seed=1), args.work)
    print("verse", surprise_of_poems(network, vocabulary, holdout).as_dict(), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

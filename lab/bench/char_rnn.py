"""The lecture's char-rnn at its default size, on a voice's own text: what a shipped voice is measured against.

    python -m lab.bench.char_rnn --voice sibot --corpus FOLDER --minutes 60

Two layers of 128, embedding 128, 50 lanes of 50 symbols, Adam 2e-3, gradients
clipped at 5, no dropout, no averaging: the defaults of char-rnn-tensorflow (the
ancestor's code), but for a cosine where it halves the rate, which is kinder to it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from lab.recipes import bard, sibot
from models.corpus import Stream, read_poems
from models.evaluate import surprise_of_poems, surprise_of_stream
from models.network import CharNetwork, State
from models.train import Plan, Progress, Training, bf16_pays
from models.vocabulary import Vocabulary

SIZE, LAYERS, LANES, STEPS = 128, 2, 50, 50
REPORT_EVERY = 2000
RECIPES = {"sibot": sibot, "bard": bard}


class CharRnn(nn.Module):
    """Embedding -> LSTM -> projection, as in the lecture; reads like a `CharNetwork`."""

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, SIZE)
        self.lstm = nn.LSTM(SIZE, SIZE, LAYERS, batch_first=True)
        self.project = nn.Linear(SIZE, symbols)

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(N, T) symbols -> (N, T, V) logits and the state after them."""
        hidden, after = self.lstm(self.embedding(ids), state[0] if state else None)
        return self.project(hidden), [after]


def main() -> None:
    """Train the baseline and print its surprise at the voice's holdout, read both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", choices=RECIPES, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="of one core, whatever else it does")
    args = parser.parse_args()

    recipe = RECIPES[args.voice]
    texts = recipe.everything(args.corpus)
    vocabulary = Vocabulary.of(texts, at_least=3)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = cast("CharNetwork", CharRnn(len(vocabulary)))
    plan = Plan(minutes=args.minutes, rate=2e-3, decay=0, clip=5, average=0, warm_up=0, bf16=bf16_pays("cpu"))

    def watch(now: Progress) -> None:
        if now.step % REPORT_EVERY == 0:
            print(now, file=sys.stderr, flush=True)

    Training(network, Stream(texts, vocabulary, lanes=LANES, steps=STEPS), plan, clock=time.process_time).run(watch)
    poems = read_poems(recipe.BASE / "holdout.txt")
    found = {
        "poems": surprise_of_poems(network, vocabulary, poems).as_dict(),
        "stream": surprise_of_stream(network, vocabulary, "\n\n".join(poems) + "\n").as_dict(),
    }
    print(json.dumps({"voice": args.voice, "minutes": args.minutes, **found}))


if __name__ == "__main__":
    main()

"""`bench train`: symbols a second in training, beside a plain loop with the same network and batches.

Ours is `models.train`, as it trains a base. The plain loop is that of a tutorial: float32, `nn.LSTM`, cross entropy,
AdamW. What the networks learn is not measured.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lab.bench import report
from models import checkpoint
from models.corpus import Batch, Stream, read_poems
from models.make import LANES, STEPS
from models.network import CharNetwork, State
from models.shapes import GATES
from models.train import Plan, Progress, Training, bf16_pays
from worker.trainer import network_of

BACKWARD = 3
"""Cost of a step over the forward products: once forward, once each for the gradients of inputs and weights."""


class _EnoughError(Exception):
    """The measuring time is over."""


def measure(folder: Path, *, threads: int, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """All figures; *seconds* for each of the two loops."""
    version = checkpoint.read(folder)
    torch.set_num_threads(threads)
    corpus = Stream(read_poems(*sorted((folder / "verse").glob("*.txt"))), version.vocabulary, lanes=LANES, steps=STEPS)
    network = network_of(version)
    tell("ours and the plain loop, in turns")
    rates = report.in_turns(
        {"ours": lambda share: _ours(network, corpus, share), "plain": lambda share: _plain(network, corpus, share)},
        seconds=seconds,
    )
    tell("matrix products alone")
    gflops, operations = _products(network, seconds / 4), _operations(network)
    return {
        "machine": report.describe(),
        "voice": version.meta.voice,
        "threads": threads,
        "bf16": bf16_pays("cpu"),
        "chars_per_s": rates["ours"],
        "plain_chars_per_s": rates["plain"],
        "ratio": rates["ours"] / rates["plain"],
        "gemm_gflops": gflops,
        "achieved_gflops": rates["ours"] * operations * BACKWARD / 1e9,
        "plain_gflops": rates["plain"] * operations * BACKWARD / 1e9,
    }


def _ours(network: CharNetwork, corpus: Stream, seconds: float) -> float:
    """Symbols a second of `models.train`, without its first step, in which PyTorch selects kernels."""
    began, first = 0.0, 0

    def watch(at: Progress) -> None:
        nonlocal began, first
        if at.step == 1:
            began = time.perf_counter()
        elif time.perf_counter() - began >= seconds:
            first = at.step
            raise _EnoughError

    plan = Plan(minutes=60.0, bf16=bf16_pays("cpu"), average=0.999)
    training = Training(deepcopy(network), corpus, plan)
    try:
        training.run(watch)
    except _EnoughError:
        return (first - 1) * LANES * STEPS / (time.perf_counter() - began)
    raise RuntimeError("the hour was up first")


def _plain(network: CharNetwork, corpus: Stream, seconds: float) -> float:
    """Symbols a second of the plain loop."""
    network = deepcopy(network).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    state: State | None = None
    began, done = 0.0, 0
    for batch in _batches(corpus):
        logits, state = network(torch.from_numpy(batch.inputs.copy()), None if batch.fresh else state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets.copy()).flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        state = [tuple(part.detach() for part in layer) for layer in state]
        now = time.perf_counter()
        if not began:
            began = now
        else:
            done += LANES * STEPS
            if now - began >= seconds:
                break
    return done / (time.perf_counter() - began)


def _batches(corpus: Stream) -> Iterator[Batch]:
    """Endless batches of full length."""
    rng = np.random.default_rng(0)
    while True:
        for batch in corpus.batches(rng):
            if batch.inputs.shape[1] == STEPS:
                yield batch


def _operations(network: CharNetwork) -> int:
    """Multiplications and additions of one symbol's forward pass."""
    a = network.architecture
    layers = [(a.embedding if i == 0 else a.size) + a.size for i in range(a.layers)]
    return 2 * (
        sum(width * GATES[a.cell] * a.size for width in layers) + a.size * a.embedding + a.embedding * a.symbols
    )


def _products(network: CharNetwork, seconds: float) -> float:
    """Gflop/s of the largest matrix product of a step, in the precision of training."""
    kind = torch.bfloat16 if bf16_pays("cpu") else torch.float32
    size, gates = network.architecture.size, GATES[network.architecture.cell] * network.architecture.size
    x, weight = torch.randn(LANES * STEPS, size, dtype=kind), torch.randn(size, gates, dtype=kind)
    with torch.inference_mode():
        return report.rate(lambda: x @ weight, seconds) * 2 * LANES * STEPS * size * gates / 1e9


def rows(figures: Mapping[str, Any]) -> list[report.Row]:
    """Rows of the results table."""
    return [
        ("characters a second, ours", figures["chars_per_s"], ""),
        ("characters a second, the plain loop", figures["plain_chars_per_s"], ""),
        ("ours over plain", figures["ratio"], ""),
        ("matrix products alone, Gflop/s", figures["gemm_gflops"], ""),
        ("achieved in training, Gflop/s", figures["achieved_gflops"], ""),
    ]

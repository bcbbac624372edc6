"""Training: the one training loop, for base voices, for the worker's fine-tuning and for the lecture's experiments.

`Training` trains a network on a corpus by a plan, reports after every step, and can be saved and resumed.
`run_until_enough` adds early stopping. `choose_device` and `bf16_pays` say where and in which precision to train.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.corpus import Batch, Corpus
from models.network import CharNetwork, State


@dataclass(frozen=True, slots=True)
class Plan:
    """Hyperparameters. Either `passes` or `minutes` sets the length of the run."""

    passes: int | None = None
    """Passes over the corpus."""
    minutes: float | None = None
    """Time budget of the run."""
    rate: float = 2e-3
    """Peak learning rate."""
    warm_up: float = 0.02
    """Share of the run in which the learning rate rises."""
    floor: float = 0.02
    """Learning rate at the end of the cosine schedule, as a share of the peak."""
    decay: float = 0.01
    """AdamW's weight decay."""
    clip: float = 1.0
    """Largest gradient norm; without it, gradients of recurrent networks explode now and then."""
    pull: float = 0.0
    """Weight of the KL divergence from the base, per nat, if `Training` is given a base."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is the result (Polyak); 0: the result is the last weights."""
    bf16: bool = True
    """Use autocast to bfloat16: 1.7 times as fast on a CPU with AVX512-BF16."""
    seed: int = 0
    """Of the order of batches."""

    def __post_init__(self) -> None:
        """Raise ValueError unless exactly one length is given."""
        if (self.passes is None) == (self.minutes is None):
            raise ValueError("a plan has passes or minutes, one of them")


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a training after a step."""

    step: int
    of: int
    """Number of steps in the run; an estimate if the plan has a time budget."""
    loss: float
    """Nats a symbol, moving average."""
    chars_per_s: float
    """Targets with a weight, per second: symbols, and so characters at character level."""
    seconds_left: float

    def __str__(self) -> str:
        """One line of text for a log."""
        return (
            f"step {self.step}/{self.of}  loss {self.loss:.4f}  "
            f"{self.chars_per_s:,.0f} char/s  {self.seconds_left / 60:.1f} min left"
        )


class Diverged(RuntimeError):
    """The loss is NaN or infinite; going on would not help."""


Watch = Callable[[Progress], None]
"""Is called after every step; an exception that it raises stops the training."""


@dataclass
class _Clock:
    """Counts the steps and seconds of a training."""

    now: Callable[[], float]
    step: int = 0
    seconds: float = 0.0
    symbols: int = 0
    loss: float = math.nan
    passes_done: int = 0
    batches: int = 0
    """Batches of the present pass so far."""
    _since: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """The counts that `Training.save` keeps, by name of field."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "symbols": self.symbols,
            "loss": self.loss,
            "passes_done": self.passes_done,
            "batches": self.batches,
        }

    def start(self) -> None:
        self._since = self.now()

    def tick(self, batch: Batch, loss: float) -> None:
        """Count a step."""
        now = self.now()
        self.seconds += now - self._since
        self._since = now
        self.step += 1
        self.batches += 1
        self.symbols += batch.count
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss

    def fraction(self, plan: Plan, steps: int) -> float:
        """Share of the run that is done, 0 to 1; *steps*: of the run, if the plan counts passes."""
        if plan.minutes is not None:
            return min(1.0, self.seconds / (60 * plan.minutes))
        return min(1.0, self.step / max(1, steps))

    def progress(self, plan: Plan, steps: int) -> Progress:
        done = self.fraction(plan, steps)
        left = self.seconds * (1 - done) / done if done else math.inf
        of = steps if plan.minutes is None else round(self.step / done) if done else steps
        return Progress(self.step, max(of, self.step), self.loss, self.symbols / max(1e-9, self.seconds), left)


def loss_of(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy: logits (N, T, V), targets (N, T), weights (N, T) -> nats a symbol.

    The mean is over the number of targets with a weight, not over the sum of weights.
    """
    each = nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return (each * weights.flatten()).sum() / (weights != 0).sum().clamp(min=1)


def distance(base: Tensor, logits: Tensor, counts: Tensor) -> Tensor:
    """KL divergence from the base: its logits (N, T, V), logits (N, T, V), counts (N, T), 0 or 1 -> nats a symbol.

    The mean over the symbols that count. KL(base || network) is large where the network gives little probability to
    what the base would write.
    """
    before, after = base.float().log_softmax(-1), logits.float().log_softmax(-1)
    each = (before.exp() * (before - after)).sum(-1)
    return (each * counts).sum() / counts.sum().clamp(min=1)


def is_finite(network: CharNetwork) -> bool:
    """Are all weights finite?"""
    return all(bool(torch.isfinite(weights).all()) for weights in network.parameters())


class Training:
    """One training. `run` trains to the end of the plan; if *watch* stops it, a saved training can be resumed."""

    def __init__(
        self,
        network: CharNetwork,
        corpus: Corpus,
        plan: Plan,
        *,
        device: str = "cpu",
        base: CharNetwork | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*base*: the network stays close to it, as much as `Plan.pull` says; only for texts read from zero state.

        *clock*: the time in seconds; a bench on a busy machine counts processor time.
        """
        self.network, self.corpus, self.plan, self.device = network.to(device), corpus, plan, device
        self._base = base.to(device).eval() if base is not None and plan.pull else None
        groups = [
            {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": plan.decay},
            {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99))
        self._average = deepcopy(network.state_dict()) if plan.average else None
        self._clock = _Clock(clock)
        self._steps = len(corpus) * (plan.passes or 1)

    def run(self, watch: Watch | None = None) -> CharNetwork:
        """Train to the end of the plan; returns the network with the averaged weights, in evaluation mode.

        Raises Diverged, and what *watch* raises.
        """
        self.network.train()
        self._clock.start()
        state: State | None = None
        for batch in self._batches():
            loss, state = self._step(batch, None if batch.fresh else state)
            if not math.isfinite(loss):
                raise Diverged(f"loss is {loss} at step {self._clock.step}")
            self._clock.tick(batch, loss)
            if watch is not None:
                watch(self._clock.progress(self.plan, self._steps))
        if self._average is not None:
            self.network.load_state_dict(self._average)
        return self.network.eval()

    def run_saving(
        self, folder: Path, watch: Watch, *, every: float, saved: Callable[[], None] = lambda: None
    ) -> CharNetwork:
        """Resume from *folder*, `run`, and save there *every* so many seconds and at the end.

        *saved* is called after each save. A network that is not finite is not saved at the end.
        """
        self.resume(folder)
        saved_at, saved_step = time.monotonic(), self._clock.step

        def save() -> None:
            nonlocal saved_at, saved_step
            self.save(folder)
            saved()
            saved_at, saved_step = time.monotonic(), self._clock.step

        def watch_and_save(now: Progress) -> None:
            watch(now)
            if time.monotonic() - saved_at >= every:
                save()

        network = self.run(watch_and_save)
        if self._clock.step > saved_step and is_finite(network):
            save()
        return network

    def averaged(self) -> CharNetwork:
        """A copy of the network with the averaged weights of now, on the CPU, in evaluation mode."""
        network = deepcopy(self.network).cpu().eval()
        if self._average is not None:
            network.load_state_dict(self._average)
        return network

    def _batches(self) -> Iterator[Batch]:
        """The batches of all passes. The order of a pass depends on its number alone, so that a resume can repeat it.

        After a resume, batches read from zero state that were trained on are skipped; a stream begins its pass again.
        """
        while True:
            if self.plan.passes is not None and self._clock.passes_done >= self.plan.passes:
                return
            rng = np.random.default_rng((self.plan.seed, self._clock.passes_done))
            done = self._clock.batches
            for number, batch in enumerate(self.corpus.batches(rng)):
                if self._clock.fraction(self.plan, self._steps) >= 1:
                    return
                if number < done and batch.fresh:
                    continue
                yield batch
            self._clock.passes_done += 1
            self._clock.batches = 0

    def _step(self, batch: Batch, state: State | None) -> tuple[float, State]:
        """One update of the weights; returns the loss in nats a symbol, and the state after the batch."""
        self._set_rate()
        inputs, targets, weights = (
            torch.from_numpy(np.ascontiguousarray(a)).to(self.device)
            for a in (batch.inputs, batch.targets, batch.weights)
        )
        half = torch.autocast(self.device, torch.bfloat16) if self.plan.bf16 else nullcontext()
        with half:
            logits, state = self.network(inputs, state)
            expected = None if self._base is None else self._logits_of(self._base, inputs)
        loss = loss_of(logits, targets, weights)
        if expected is not None:
            loss = loss + self.plan.pull * distance(expected, logits, (weights != 0).float())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self._optimizer.step()
        self._update_average()
        return loss.item(), [tuple(t.detach().float() for t in layer) for layer in state]

    @staticmethod
    @torch.no_grad()
    def _logits_of(base: CharNetwork, inputs: Tensor) -> Tensor:
        """The base's logits for the same symbols: (N, T) -> (N, T, V)."""
        logits: Tensor = base(inputs)[0]
        return logits

    def _set_rate(self) -> None:
        """Set the learning rate: a linear warm-up times a cosine."""
        done = self._clock.fraction(self.plan, self._steps)
        warm = min(1.0, (done + 1e-4) / self.plan.warm_up) if self.plan.warm_up else 1.0
        cosine = 0.5 * (1 + math.cos(math.pi * done))
        for group in self._optimizer.param_groups:
            group["lr"] = self.plan.rate * warm * (self.plan.floor + (1 - self.plan.floor) * cosine)

    @torch.no_grad()
    def _update_average(self) -> None:
        if self._average is None:
            return
        # At first the decay is smaller, so that the average covers about the last tenth of the steps.
        keep = min(self.plan.average, 1 - 10 / (self._clock.step + 11))
        for name, now in self.network.state_dict().items():
            self._average[name].lerp_(now, 1 - keep)

    def save(self, folder: Path) -> None:
        """Save the training into *folder*, for `resume`; an earlier save stays until the new one is complete."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{k}": v.contiguous() for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v.contiguous() for k, v in (self._average or {}).items()}
        for i, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": torch.as_tensor(v).clone() for k, v in moments.items()}
        save_file(tensors, folder / "training.tmp", metadata={"clock": json.dumps(self._clock.as_dict())})
        (folder / "training.tmp").replace(folder / "training.safetensors")

    def resume(self, folder: Path) -> bool:
        """Go on from what `save` wrote into *folder*; False if there is nothing. A stream begins its pass again."""
        file = folder / "training.safetensors"
        if not file.exists():
            return False
        tensors = load_file(file, device=self.device)

        def part(name: str) -> dict[str, Tensor]:
            return {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(name + ".")}

        self.network.load_state_dict(part("network"))
        if self._average is not None:
            self._average = part("average")
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in part("optimizer").items():
            i, name = key.split(".", 1)
            moments.setdefault(int(i), {})[name] = value
        whole = self._optimizer.state_dict() | {"state": moments}
        self._optimizer.load_state_dict(whole)
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            self._clock = _Clock(self._clock.now, **json.loads(opened.metadata()["clock"]))
        return True


# Early stopping: the training ends when the surprise at a validation text falls no more, and the best weights are the
# result. The steps between two evaluations grow in proportion to the steps so far, so that evaluations cost little.

FIRST, APART = 10, 1.1
"""Steps before the first evaluation; each next one is after APART times the steps so far, plus FIRST."""
PATIENCE = 6
"""Evaluations without improvement that end the training; together they take about three quarters of the steps so
far."""

Surprised = Callable[[CharNetwork], float]
"""Network -> its surprise at the validation text, in any unit; lower is better."""


class Enough(Exception):
    """Raised by `Keeper` to end the training early."""


class Keeper:
    """A `Watch` for early stopping: it evaluates a training now and then and keeps the network that did best."""

    def __init__(self, training: Training, surprised: Surprised) -> None:
        self._training, self._surprised = training, surprised
        self.best, self.least = training.averaged(), float("inf")
        self._next, self._worse = FIRST, 0

    def __call__(self, now: Progress) -> None:
        """Evaluate, if it is time to. Raises Enough after `PATIENCE` evaluations without improvement."""
        if now.step >= self._next:
            self._next = int(APART * now.step) + FIRST
            self.look()
            if self._worse >= PATIENCE:
                raise Enough

    def look(self) -> None:
        """Evaluate the averaged weights of now."""
        network = self._training.averaged()
        surprise = self._surprised(network)
        if surprise < self.least:
            self.best, self.least, self._worse = network, surprise, 0
        else:
            self._worse += 1


def run_until_enough(training: Training, surprised: Surprised, watch: Watch) -> CharNetwork:
    """Train to the end of the plan, or until early stopping; returns the best network. Raises Diverged."""
    keeper = Keeper(training, surprised)
    last: list[Progress] = []

    def watch_and_look(now: Progress) -> None:
        last[:] = [now]
        watch(now)
        keeper(now)

    try:
        training.run(watch_and_look)
        keeper.look()
    except Enough:
        watch(replace(last[0], of=last[0].step, seconds_left=0.0))
    return keeper.best


# The device: where a network trains, and whether half precision pays there.

Device = Literal["auto", "cpu", "cuda"]


def choose_device(wanted: Device) -> str:
    """`cpu` or `cuda`. Raises ValueError if `cuda` is wanted and there is no such device."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


PROBES = 12
"""Times that each matrix product is timed; the best time counts."""


@cache
def bf16_pays(device: str) -> bool:
    """Is training in bfloat16 faster than in float32 on this device?

    On a CPU with instructions for bfloat16 it may or may not be, so a matrix product is timed in both.
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Torch has no public function for it. Without these instructions bfloat16 is emulated, which is always slower.
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):  # noqa: SLF001
        return False
    seconds = {torch.float32: math.inf, torch.bfloat16: math.inf}
    for _ in range(PROBES):  # in turns, and the best of each, so that other work on the machine does not decide
        for kind, best in seconds.items():
            x, weight = torch.ones(64, 512, dtype=kind), torch.ones(512, 2048, dtype=kind)
            began = time.perf_counter()
            x @ weight
            seconds[kind] = min(best, time.perf_counter() - began)
    return seconds[torch.bfloat16] < seconds[torch.float32]

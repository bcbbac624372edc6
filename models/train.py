"""Training: a network, a corpus, a plan, and a report at every step.

One loop for all of them: base voices, fine-tuning by the worker, the lecture's
experiments. Knows nothing of where the text came from or who is watching.
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
    """How to train. One of `passes` and `minutes` sets the length of the cosine."""

    passes: int | None = None
    """Times through the corpus."""
    minutes: float | None = None
    """Time budget: the whole schedule fits in it."""
    rate: float = 2e-3
    """Peak learning rate."""
    warm_up: float = 0.02
    """Share of the run in which the rate climbs."""
    floor: float = 0.02
    """Share of the peak rate at the end of the cosine."""
    decay: float = 0.01
    """AdamW's weight decay."""
    clip: float = 1.0
    """Largest gradient norm; recurrent networks explode now and then without it."""
    pull: float = 0.0
    """How much a nat of divergence from the base weighs, where `Training` is given one."""
    average: float = 0.998
    """Decay of the running average of weights that is kept (Polyak); 0 keeps the last ones."""
    bf16: bool = True
    """Autocast to bfloat16 where that pays: 1.7x on a CPU with AVX512-BF16."""
    seed: int = 0

    def __post_init__(self) -> None:
        """ValueError unless exactly one length is given."""
        if (self.passes is None) == (self.minutes is None):
            raise ValueError("a plan has passes or minutes, one of them")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands after a step."""

    step: int
    of: int
    """Steps in all; an estimate while a time budget runs."""
    loss: float
    """Nats a symbol, a running mean."""
    chars_per_s: float
    seconds_left: float

    def __str__(self) -> str:
        """One line for a log."""
        return (
            f"step {self.step}/{self.of}  loss {self.loss:.4f}  "
            f"{self.chars_per_s:,.0f} char/s  {self.seconds_left / 60:.1f} min left"
        )


class Diverged(RuntimeError):
    """The loss is no longer a number; the run can't be saved by going on."""


Watch = Callable[[Progress], None]
"""Called after every step; what it raises stops the training."""


@dataclass
class _Clock:
    """Steps and seconds so far; survives a resume."""

    now: Callable[[], float]
    step: int = 0
    seconds: float = 0.0
    symbols: int = 0
    loss: float = math.nan
    passes_done: int = 0
    batches: int = 0
    """Of the pass under way."""
    _since: float = 0.0

    def start(self) -> None:
        self._since = self.now()

    def tick(self, batch: Batch, loss: float) -> None:
        now = self.now()
        self.seconds += now - self._since
        self._since = now
        self.step += 1
        self.batches += 1
        self.symbols += batch.count
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss

    def fraction(self, plan: Plan, steps: int) -> float:
        if plan.minutes is not None:
            return min(1.0, self.seconds / (60 * plan.minutes))
        return min(1.0, self.step / max(1, steps))

    def progress(self, plan: Plan, steps: int) -> Progress:
        done = self.fraction(plan, steps)
        left = self.seconds * (1 - done) / done if done else math.inf
        of = steps if plan.minutes is None else round(self.step / done) if done else steps
        return Progress(self.step, max(of, self.step), self.loss, self.symbols / max(1e-9, self.seconds), left)


def loss_of(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean surprise in nats: (N, T, V), (N, T), (N, T) -> scalar."""
    each = nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return (each * weights.flatten()).sum() / (weights != 0).sum().clamp(min=1)


def distance(base: Tensor, logits: Tensor, counts: Tensor) -> Tensor:
    """Mean KL divergence of what is said from what *base* says: (N, T, V), (N, T, V), (N, T) -> scalar.

    Over the places that count; base || taught, so that nothing the base would say is forgotten.
    """
    before, after = base.float().log_softmax(-1), logits.float().log_softmax(-1)
    each = (before.exp() * (before - after)).sum(-1)
    return (each * counts).sum() / counts.sum().clamp(min=1)


class Training:
    """One training under way: `run` it to its end, or be stopped by `watch` and resume later."""

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
        """*base*: what the network is pulled towards, by `Plan.pull`; needs texts that each begin in silence.

        *clock*: seconds, as `Plan.minutes` counts them; a bench on a busy machine counts the processor's.
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
        """Train to the end of the plan; the network that is returned carries the averaged weights.

        Raises Diverged when the loss is not finite.
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

    def averaged(self) -> CharNetwork:
        """A copy of the network as it would be returned now, on the CPU."""
        network = deepcopy(self.network).cpu().eval()
        if self._average is not None:
            network.load_state_dict(self._average)
        return network

    def _batches(self) -> Iterator[Batch]:
        """Pass after pass; each shuffled by its own number, so that a resume replays none.

        Of a pass that was interrupted, batches that begin in silence are not trained on twice; a stream begins anew.
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
        self._set_rate()
        inputs, targets, weights = (
            torch.from_numpy(np.ascontiguousarray(a)).to(self.device)
            for a in (batch.inputs, batch.targets, batch.weights)
        )
        half = torch.autocast(self.device, torch.bfloat16) if self.plan.bf16 else nullcontext()
        with half:
            logits, state = self.network(inputs, state)
            said = None if self._base is None else self._said(self._base, inputs)
        loss = loss_of(logits, targets, weights)
        if said is not None:
            loss = loss + self.plan.pull * distance(said, logits, (weights != 0).float())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self._optimizer.step()
        self._remember()
        return loss.item(), [tuple(t.detach().float() for t in layer) for layer in state]

    @staticmethod
    @torch.no_grad()
    def _said(base: CharNetwork, inputs: Tensor) -> Tensor:
        """What the base says to the same texts: (N, T) -> (N, T, V)."""
        said: Tensor = base(inputs)[0]
        return said

    def _set_rate(self) -> None:
        done = self._clock.fraction(self.plan, self._steps)
        warm = min(1.0, (done + 1e-4) / self.plan.warm_up) if self.plan.warm_up else 1.0
        cosine = 0.5 * (1 + math.cos(math.pi * done))
        for group in self._optimizer.param_groups:
            group["lr"] = self.plan.rate * warm * (self.plan.floor + (1 - self.plan.floor) * cosine)

    @torch.no_grad()
    def _remember(self) -> None:
        if self._average is None:
            return
        # Early weights are forgotten fast: the average never looks back past a tenth of the steps.
        keep = min(self.plan.average, 1 - 10 / (self._clock.step + 11))
        for name, now in self.network.state_dict().items():
            self._average[name].lerp_(now, 1 - keep)

    def save(self, folder: Path) -> None:
        """Write what `resume` needs; the older state stays until the new one is whole."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{k}": v.contiguous() for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v.contiguous() for k, v in (self._average or {}).items()}
        for i, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": torch.as_tensor(v).clone() for k, v in moments.items()}
        clock = {k: v for k, v in vars(self._clock).items() if k != "now" and not k.startswith("_")}
        save_file(tensors, folder / "training.tmp", metadata={"clock": json.dumps(clock)})
        (folder / "training.tmp").replace(folder / "training.safetensors")

    def resume(self, folder: Path) -> bool:
        """Go on from what `save` wrote there; False when there is nothing. A pass of a stream begins anew."""
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


# Early stopping: a training ends when a text it does not read is known no better, and its best weights are kept.
# Looks are taken ever more seldom, a tenth of the steps so far apart, so that they cost little.

FIRST, APART = 10, 1.1
"""The first look comes after so many steps, the next ones at this ratio (and as many steps) further on."""
PATIENCE = 6
"""Early stopping: evaluations without improvement; some three quarters of the steps that were taken until then."""

Surprised = Callable[[CharNetwork], float]
"""How surprised a network is by a text that was kept aside."""


class Enough(Exception):
    """It learns no more."""


class Keeper:
    """Watches a training, keeps the best of its averaged weights, and says when it is enough."""

    def __init__(self, training: Training, surprised: Surprised) -> None:
        self._training, self._surprised = training, surprised
        self.best, self.least = training.averaged(), float("inf")
        self._next, self._worse = FIRST, 0

    def __call__(self, now: Progress) -> None:
        """Look, when it is time to. Raises Enough."""
        if now.step >= self._next:
            self._next = int(APART * now.step) + FIRST
            self.look()
            if self._worse >= PATIENCE:
                raise Enough

    def look(self) -> None:
        """Measure the weights of now."""
        network = self._training.averaged()
        surprise = self._surprised(network)
        if surprise < self.least:
            self.best, self.least, self._worse = network, surprise, 0
        else:
            self._worse += 1


def run_until_enough(training: Training, surprised: Surprised, watch: Watch) -> CharNetwork:
    """Train to the end of the plan, or until it is enough; the best network on the way. Raises Diverged."""
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
    """`cpu` or `cuda`. ValueError when CUDA is insisted on and there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


PROBES = 12
"""Times that each kind of product is timed; its best counts."""


@cache
def bf16_pays(device: str) -> bool:
    """Is training in bfloat16 quicker here? Where a CPU has the instructions it may be, and may not: so it is timed."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Torch has no public word for it yet; without the instructions it is emulated, and always slower.
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):  # noqa: SLF001
        return False
    seconds = {torch.float32: math.inf, torch.bfloat16: math.inf}
    for _ in range(PROBES):  # by turns, the best of each: other work on the machine does not decide
        for kind, best in seconds.items():
            x, weight = torch.ones(64, 512, dtype=kind), torch.ones(512, 2048, dtype=kind)
            began = time.perf_counter()
            x @ weight
            seconds[kind] = min(best, time.perf_counter() - began)
    return seconds[torch.bfloat16] < seconds[torch.float32]

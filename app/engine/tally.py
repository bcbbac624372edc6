"""The tally: what an engine has done since its process began, counted as it goes. Knows nobody who reads it."""

from dataclasses import dataclass, field

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of the classes that batch sizes are counted in."""
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the classes that the times of swaps are counted in."""


@dataclass(slots=True)
class Classes:
    """A histogram: how many values fell into each class, and their sum. One thread adds, any may read."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    """One for each bound, and one for what lies above all of them."""
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one more."""
        at = 0
        for bound in self.bounds:
            if value <= bound:
                break
            at += 1
        self.counts[at] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """For each bound, how many values did not exceed it; as Prometheus wants them."""
        told, so_far = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), list(self.counts), strict=True):
            so_far += count
            told.append((bound, float(so_far)))
        return told


@dataclass(slots=True)
class Tally:
    """The engine's counts."""

    batches: Classes = field(default_factory=lambda: Classes(SIZES))
    """One value a step: for how many lines it wrote a symbol."""
    swaps: Classes = field(default_factory=lambda: Classes(SECONDS))
    """One value a swap: seconds from the look at the folder to the first poem that may use it."""
    failed_swaps: int = 0
    """Attempts to load a version that would not load."""

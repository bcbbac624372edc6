"""Early stopping: a training ends when a text it does not read is known no better, and its best weights are kept.

Looks are taken ever more seldom, a tenth of the steps so far apart, so that they cost little.
"""

from collections.abc import Callable
from dataclasses import replace

from models.network import CharNetwork
from models.train import Progress, Training, Watch

FIRST, APART = 10, 1.1
"""The first look comes after so many steps, the next ones at this ratio (and as many steps) further on."""
PATIENCE = 6
"""Looks without a better one before it is enough: some three quarters of the steps that were taken until then."""

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

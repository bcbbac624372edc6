"""`python -m lab.bench.trials`: how often a trial errs, and how many readers it takes, against artificial readers.

Readers of very different readiness, some of whom read hundreds of poems; somebody looks after every one of them. Then
a trial between equals with readers who want the challenger to win, from 1, 10 and 100 networks: those who are not told
which version wrote a poem, as it is, and those who are assumed to know.
"""

import argparse
import math
import random
import sys
from collections.abc import Sequence
from itertools import product
from statistics import median

from app.domain.trial import DOUBTED, ShownPoem, TrialRules, TrialState, Visit, decide, weigh

RULES = TrialRules()
LIFTS = (1.0, 1.2, 1.5, 2.0, 3.0)
BASE_RATE, SPREAD = 0.15, 0.7
NETWORKS = (1, 10, 100)


def readers(
    seed: int, *, share: float, readers: int, lift: float = 1.0, odd: float = 0.0, most: int = RULES.poems
) -> list[Visit]:
    """What so many readers did, each from a network of his own.

    *lift*: of the tick-rate by the challenger; *odd*: each likes it better or worse by as much, half of them each way;
    *most*: poems of one reader that count.
    """
    rng = random.Random(seed)
    found = []
    for n in range(readers):
        ready = min(0.6, BASE_RATE * math.exp(rng.gauss(0, SPREAD)))
        own = lift * (1 + rng.choice((-odd, odd)))
        poems = []
        for _ in range(min(most, 300, int(rng.paretovariate(1.1)))):
            challenger = rng.random() < share
            chance = min(0.95, ready * (own if challenger else 1))
            poems.append(ShownPoem(challenger, 5, sum(rng.random() < chance for _ in range(5))))
        found.append(Visit(f"honest {n}", tuple(poems)))
    return found


def attacked(seed: int, *, share: float, honest: int, networks: int, knowing: bool) -> list[Visit]:
    """A trial between equals whose attackers, as many of each network as count, read as much as counts.

    *knowing*: they tick all that the challenger writes and nothing else; else they tick all of every second poem, since
    nobody tells them who wrote it. They come at random among the honest.
    """
    rng = random.Random(f"attackers {seed}")
    trial = readers(seed, share=share, readers=honest)
    for n in range(networks * RULES.readers_per_network):
        draws = [rng.random() < share for _ in range(RULES.poems)]
        ticks = [5 * (drawn if knowing else rng.random() < 0.5) for drawn in draws]
        poems = tuple(ShownPoem(drawn, 5, ticked) for drawn, ticked in zip(draws, ticks, strict=True))
        trial.insert(rng.randrange(len(trial) + 1), Visit(f"attacker {n % networks}", poems))
    return trial


def decided_after(trial: Sequence[Visit], share: float, doubted: int = DOUBTED) -> tuple[TrialState | None, int]:
    """How a trial ends, and after how many readers."""
    evidence = weigh(trial, share=share, doubted=doubted)
    path = evidence.path[RULES.fewest - 1 :]
    after = next((n for n, step in enumerate(path, RULES.fewest) if max(step) >= RULES.enough), len(trial))
    return decide(evidence, rules=RULES), after


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--readers", type=int, default=1500)
    parser.add_argument("--honest", type=int, nargs="*", default=[100, 500])
    parser.add_argument("--doubted", type=int, default=DOUBTED, help="networks that a decision must hold without")
    chosen = parser.parse_args()
    sys.stdout.write("lift  promoted  rejected  readers (median of the decided)\n")
    for lift in LIFTS:
        crowds = (readers(n, share=chosen.share, readers=chosen.readers, lift=lift) for n in range(chosen.trials))
        ends = [decided_after(crowd, chosen.share, chosen.doubted) for crowd in crowds]
        took = [after for end, after in ends if end is not None]
        sys.stdout.write(f"{lift:4.1f}  {_shares(ends)}  {median(took) if took else '-'}\n")
    sys.stdout.write("\nequals, attacked\nhonest  networks  knowing  promoted  rejected\n")
    for honest, networks, knowing in product(chosen.honest, NETWORKS, (False, True)):
        trials = (
            attacked(n, share=chosen.share, honest=honest, networks=networks, knowing=knowing)
            for n in range(chosen.trials)
        )
        ends = [decided_after(trial, chosen.share, chosen.doubted) for trial in trials]
        sys.stdout.write(f"{honest:6}  {networks:8}  {knowing!s:7}  {_shares(ends)}\n")


def _shares(ends: Sequence[tuple[TrialState | None, int]]) -> str:
    """Shares of the trials that promoted, and that rejected."""
    better, worse = (sum(end is state for end, _ in ends) for state in (TrialState.BETTER, TrialState.WORSE))
    return f"{better / len(ends):8.3f}  {worse / len(ends):8.3f}"


if __name__ == "__main__":
    main()

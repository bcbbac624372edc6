"""`python -m lab.bench.trials`: how often a trial errs, and how many readers it takes, against artificial readers.

Readers of very different readiness, some of whom read hundreds of poems; somebody looks after every one of them.
"""

import argparse
import math
import random
import sys
from collections.abc import Sequence
from statistics import median

from app.domain.trial import Reading, TrialRules, TrialState, Visit, decide, weigh

RULES = TrialRules()
LIFTS = (1.0, 1.2, 1.5, 2.0, 3.0)
BASE_RATE, SPREAD = 0.15, 0.7


def readers(
    seed: int, *, share: float, readers: int, lift: float = 1.0, odd: float = 0.0, most: int = RULES.poems
) -> list[Visit]:
    """What so many readers did.

    *lift*: of the tick-rate by the challenger; *odd*: each likes it better or worse by as much, half of them each way;
    *most*: poems of one reader that count.
    """
    rng = random.Random(seed)
    found = []
    for _ in range(readers):
        ready = min(0.6, BASE_RATE * math.exp(rng.gauss(0, SPREAD)))
        own = lift * (1 + rng.choice((-odd, odd)))
        poems = []
        for _ in range(min(most, 300, int(rng.paretovariate(1.1)))):
            challenger = rng.random() < share
            chance = min(0.95, ready * (own if challenger else 1))
            poems.append(Reading(challenger, 5, sum(rng.random() < chance for _ in range(5))))
        found.append(tuple(poems))
    return found


def decided_after(trial: Sequence[Visit], share: float) -> tuple[TrialState | None, int]:
    """How a trial ends, and after how many readers."""
    evidence = weigh(trial, share=share)
    path = evidence.path[RULES.fewest - 1 :]
    after = next((n for n, step in enumerate(path, RULES.fewest) if max(step) >= RULES.enough), len(trial))
    return decide(evidence, rules=RULES), after


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--readers", type=int, default=1500)
    chosen = parser.parse_args()
    sys.stdout.write("lift  promoted  rejected  readers (median of the decided)\n")
    for lift in LIFTS:
        crowds = (readers(n, share=chosen.share, readers=chosen.readers, lift=lift) for n in range(chosen.trials))
        ends = [decided_after(crowd, chosen.share) for crowd in crowds]
        better, worse = (sum(end is state for end, _ in ends) for state in (TrialState.BETTER, TrialState.WORSE))
        took = [after for end, after in ends if end is not None]
        shares = f"{better / len(ends):8.3f}  {worse / len(ends):8.3f}"
        sys.stdout.write(f"{lift:4.1f}  {shares}  {median(took) if took else '-'}\n")


if __name__ == "__main__":
    main()

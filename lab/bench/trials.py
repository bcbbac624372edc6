"""How often do the trial and the gate err between equals? The figures of docs/trial.md.

    python -m lab.bench.trials --trials 100
    python -m lab.bench.trials --gate sibot --samples 8

The trial: artificial readers, whose tick-rates differ widely and some of whom read hundreds of poems; somebody looks
at the evidence after every reader. Then a trial between equals with attackers who want the challenger to win, from 1,
10 and 100 networks: attackers who are not told which version wrote a poem, as on the site, and attackers who know.

The gate: a shipped voice is sampled several times with different seeds, and each sample is judged as a candidate
beside each other sample. Whatever is turned away is an error, since all samples are by the same voice.
"""

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from statistics import median

from app.domain import gate
from app.domain.gate import Scorecard
from app.domain.lesson import Lesson
from app.domain.trial import DOUBTED, ShownPoem, TrialRules, TrialState, Visit, decide, weigh
from app.settings import Settings
from app.store.shelf import SHIPPED
from models import checkpoint
from worker.examiner import Examination

RULES = TrialRules()
LIFTS = (1.0, 1.2, 1.5, 2.0, 3.0)
BASE_RATE, SPREAD = 0.15, 0.7
NETWORKS = (1, 10, 100)


def readers(
    seed: int, *, share: float, readers: int, lift: float = 1.0, odd: float = 0.0, most: int = RULES.poems
) -> list[Visit]:
    """What so many readers did, each from a network of his own.

    *lift*: the challenger's tick-rate over the champion's; *odd*: half of the readers like the challenger better by so
    much, half like it less; *most*: poems of one reader that count.
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

    *knowing*: they tick all lines of the challenger and nothing else; otherwise they tick all lines of a random half of
    the poems, since nobody tells them who wrote one. They come at random moments among the honest readers.
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


def _shares(ends: Sequence[tuple[TrialState | None, int]]) -> str:
    """Shares of the trials that promoted, and that rejected."""
    better, worse = (sum(end is state for end, _ in ends) for state in (TrialState.BETTER, TrialState.WORSE))
    return f"{better / len(ends):8.3f}  {worse / len(ends):8.3f}"


def samples(folder: Path, count: int, settings: Settings) -> list[Scorecard]:
    """Scorecards of so many samples by the version in *folder*, each with seeds of its own and without a taste."""
    version = checkpoint.read(folder)
    nothing = Lesson(texts=(), ticks=0, submissions=0, visitors=0)
    examination = Examination.of(folder, nothing, settings)
    cards: list[Scorecard] = []
    for n in range(count):
        bits = cards[0].bits_per_char if cards else None
        cards.append(examination.examine(version, check=lambda _: None, bits=bits, first_seed=n * settings.samples))
    return cards


def turned_away(cards: Sequence[Scorecard]) -> tuple[int, Counter[str], int]:
    """Of all ordered pairs: how many candidates the gate turns away beside the other, by which rules; and the pairs."""
    verdicts = [gate.judge(other, candidate) for candidate, other in permutations(cards, 2)]
    reasons = Counter(reason for verdict in verdicts for reason in verdict.reasons)
    return sum(bool(verdict.reasons) for verdict in verdicts), reasons, len(verdicts)


def tell_of_gate(voice: str, count: int) -> None:
    """Print how many equals the gate turns away."""
    away, reasons, pairs = turned_away(samples(SHIPPED / voice, count, Settings()))
    sys.stdout.write(f"{voice}: {away} of {pairs} pairs turned away ({away / pairs:.1%}), {dict(reasons)}\n")


def tell_of_trials(*, share: float, count: int, crowd: int, honest: Sequence[int], doubted: int) -> None:
    """Print the two tables of the trial."""
    sys.stdout.write("lift  promoted  rejected  readers (median of the decided)\n")
    for lift in LIFTS:
        crowds = (readers(n, share=share, readers=crowd, lift=lift) for n in range(count))
        ends = [decided_after(each, share, doubted) for each in crowds]
        took = [after for end, after in ends if end is not None]
        sys.stdout.write(f"{lift:4.1f}  {_shares(ends)}  {median(took) if took else '-'}\n")
    sys.stdout.write("\nequals, attacked\nhonest  networks  knowing  promoted  rejected\n")
    for people, networks, knowing in product(honest, NETWORKS, (False, True)):
        trials = (attacked(n, share=share, honest=people, networks=networks, knowing=knowing) for n in range(count))
        ends = [decided_after(trial, share, doubted) for trial in trials]
        sys.stdout.write(f"{people:6}  {networks:8}  {knowing!s:7}  {_shares(ends)}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of the trial, or the figure of the gate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--readers", type=int, default=1500)
    parser.add_argument("--honest", type=int, nargs="*", default=[100, 500])
    parser.add_argument("--doubted", type=int, default=DOUBTED, help="networks that a decision must hold without")
    parser.add_argument("--gate", metavar="VOICE", help="sample this shipped voice instead, and ask the gate")
    parser.add_argument("--samples", type=int, default=8, help="samples of the voice, of 500 lines each")
    told = parser.parse_args(arguments)
    if told.gate:
        tell_of_gate(told.gate, told.samples)
    else:
        tell_of_trials(
            share=told.share, count=told.trials, crowd=told.readers, honest=told.honest, doubted=told.doubted
        )


if __name__ == "__main__":
    main()

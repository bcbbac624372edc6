"""The lesson: from what readers gave to texts with weights. A pure function, so that a run can be repeated.

A text counts once per visitor. No visitor, and no address, weighs more than a cap:
cookies are free, and so is a second one.
"""

from collections import defaultdict
from collections.abc import Iterable

from app.domain.lesson import Feedback, Lesson, TaughtPoem, Text, TickedLine

MOST_PER_VISITOR = 40.0
MOST_PER_ADDRESS = 80.0
POEM_WEIGHT = 2.0
"""A poem taught on purpose says more than a tick in passing."""

Given = TickedLine | TaughtPoem


def build(feedback: Feedback) -> Lesson:
    """The lesson of all *feedback* so far."""
    once: dict[tuple[str, str, str], Given] = {}
    everything: tuple[Given, ...] = (*feedback.ticks, *feedback.submissions)
    for given in everything:
        once.setdefault((type(given).__name__, given.visitor, given.text), given)
    shares = _shares(once.values())
    weights: dict[tuple[str, str], float] = defaultdict(float)
    sources: dict[tuple[str, str], set[int]] = defaultdict(set)
    before: dict[tuple[str, str], str] = {}
    for given in everything:
        key = ("line" if isinstance(given, TickedLine) else "poem", given.text)
        sources[key].add(given.line if isinstance(given, TickedLine) else given.submission)
    for given in once.values():
        key = ("line" if isinstance(given, TickedLine) else "poem", given.text)
        weights[key] += _worth(given) * shares[given.visitor, given.address]
        before.setdefault(key, given.before if isinstance(given, TickedLine) else "")
    texts = [
        Text(
            text,
            round(weight, 6),
            "line" if kind == "line" else "poem",
            before[kind, text],
            tuple(sorted(sources[kind, text])),
        )
        for (kind, text), weight in sorted(weights.items())
    ]
    visitors = {given.visitor for given in once.values()}
    return Lesson(tuple(texts), len(feedback.ticks), len(feedback.submissions), len(visitors))


def _worth(given: Given) -> float:
    return 1.0 if isinstance(given, TickedLine) else POEM_WEIGHT


def _shares(given: Iterable[Given]) -> dict[tuple[str, str], float]:
    """By visitor and address: the share of each gift's worth that stays under both caps."""
    by_visitor: dict[str, float] = defaultdict(float)
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for gift in given:
        by_visitor[gift.visitor] += _worth(gift)
        pairs[gift.visitor, gift.address] += _worth(gift)
    shares = {pair: min(1.0, MOST_PER_VISITOR / by_visitor[pair[0]]) for pair in pairs}
    by_address: dict[str, float] = defaultdict(float)
    for pair, worth in pairs.items():
        by_address[pair[1]] += worth * shares[pair]
    return {
        pair: share if not pair[1] else share * min(1.0, MOST_PER_ADDRESS / by_address[pair[1]])
        for pair, share in shares.items()
    }

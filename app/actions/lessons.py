"""The lesson: from what readers gave to texts with weights. A pure function, so that a run can be repeated.

A text counts once per visitor, a tick the more the less it was to be expected (`loop/worth.py`). No visitor, and no
address, weighs more than a cap: cookies are free, and so is a second one. What was shown and judged comes along: from
it the run learns what readers like.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from app.domain import worth
from app.domain.lesson import Feedback, Lesson, TaughtPoem, Text, TickedLine

MOST_PER_VISITOR = 20.0
MOST_PER_ADDRESS = 30.0
POEM_WEIGHT = 2.0
"""A poem taught on purpose says more than a tick in passing."""

Given = TickedLine | TaughtPoem


Worth = Callable[[Given], float]


def build(feedback: Feedback) -> Lesson:
    """The lesson of all *feedback* so far."""
    once: dict[tuple[str, str, str], Given] = {}
    everything: tuple[Given, ...] = (*feedback.ticks, *feedback.submissions)
    for given in everything:
        once.setdefault((type(given).__name__, given.visitor, given.text), given)
    worth_of = _worth_in(feedback)
    shares = _shares(once.values(), worth_of)
    weights: dict[tuple[str, str], float] = defaultdict(float)
    sources: dict[tuple[str, str], set[int]] = defaultdict(set)
    before: dict[tuple[str, str], str] = {}
    for given in everything:
        sources[_key(given)].add(given.line if isinstance(given, TickedLine) else given.submission)
    for given in once.values():
        weights[_key(given)] += worth_of(given) * shares[given.visitor, given.address]
        before.setdefault(_key(given), given.before if isinstance(given, TickedLine) else "")
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
    return Lesson(
        tuple(texts), len(feedback.ticks), len(feedback.submissions), len(visitors), tuple(sorted(feedback.judged))
    )


def _key(given: Given) -> tuple[str, str]:
    return ("line" if isinstance(given, TickedLine) else "poem", given.text)


def _worth_in(feedback: Feedback) -> Worth:
    """What each gift is worth before the caps."""
    surprise, candour = worth.surprise(feedback.judged), worth.candour(feedback.submissions)

    def worth_of(given: Given) -> float:
        return surprise(given) if isinstance(given, TickedLine) else POEM_WEIGHT * candour[given.text]

    return worth_of


def _shares(given: Iterable[Given], worth_of: Worth) -> dict[tuple[str, str], float]:
    """By visitor and address: the share of each gift's worth that stays under both caps."""
    by_visitor: dict[str, float] = defaultdict(float)
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for gift in given:
        by_visitor[gift.visitor] += worth_of(gift)
        pairs[gift.visitor, gift.address] += worth_of(gift)
    shares = {pair: min(1.0, MOST_PER_VISITOR / by_visitor[pair[0]]) for pair in pairs}
    by_address: dict[str, float] = defaultdict(float)
    for pair, mine in pairs.items():
        by_address[pair[1]] += mine * shares[pair]
    return {
        pair: share if not pair[1] else share * min(1.0, MOST_PER_ADDRESS / by_address[pair[1]])
        for pair, share in shares.items()
    }

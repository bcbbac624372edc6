"""What a gift is worth: a tick the more the less it was to be expected, a poem the less the more it is a campaign's.

Pure functions over what is stored; the lesson multiplies them with the caps.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from app.domain.lesson import TaughtPoem, TickedLine
from app.domain.taste import Judged

RUN = 18
"""Bytes of letters in a row, six syllables, that no two people come upon by themselves."""
HARSH = 3
"""Power by which a poem loses what is said over and over: the louder, the less."""


def surprise(judged: Sequence[Judged]) -> Callable[[TickedLine], float]:
    """A tick's worth: near 1 in the mean, less where readers tick anyway, more where nobody was expected to.

    What was to be expected is told by the slot's own tick-rate, and by what a taste foretold of the line. Without
    anything judged every tick is worth 1.
    """
    shown = Counter(one.slot for one in judged)
    ticked = Counter(one.slot for one in judged if one.ticked)
    rate = (sum(ticked.values()) + 1) / (len(judged) + 2)
    known = {(one.line, one.visitor): one for one in judged}

    def worth(tick: TickedLine) -> float:
        one = known.get((tick.line, tick.visitor))
        if one is None:
            return 1.0
        odds = _log_odds((ticked[one.slot] + rate) / (shown[one.slot] + 1))
        if one.liking is not None:
            odds += one.liking - _log_odds(rate)
        return (1 - 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))) / (1 - rate)

    return worth


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))


def candour(poems: Iterable[TaughtPoem]) -> dict[str, float]:
    """By text: 1 for what somebody says once; near 0 for what a few addresses say in poem after poem.

    A run of letters that many people use comes from as many addresses; a campaign's comes again and again from its own.
    """
    texts: dict[bytes, set[str]] = defaultdict(set)
    addresses: dict[bytes, set[str]] = defaultdict(set)
    runs: dict[str, set[bytes]] = {}
    for poem in poems:
        mine = runs.setdefault(poem.text, _runs(poem.text))
        for run in mine:
            texts[run].add(poem.text)
            addresses[run].add(poem.address or poem.visitor)
    crowd = {run: len(texts[run]) / len(addresses[run]) for run in texts}
    return {text: max([1.0, *(crowd[run] for run in mine)]) ** -HARSH for text, mine in runs.items()}


def _runs(text: str) -> set[bytes]:
    letters = "".join(c for c in text.casefold() if c.isalnum()).encode()
    return {letters[start : start + RUN] for start in range(len(letters) - RUN + 1)}

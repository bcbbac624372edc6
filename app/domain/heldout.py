"""Held-out readers: those whose ticks a version is not taught, so that it can be asked what it makes of them.

The newest readers are held out, and only those whom the champion was not taught either: each is taught in a later
version, when others have come. Of one address only one is asked. Where there are too few, nobody is held out.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from app.domain.lesson import Feedback

FEWEST = 8
"""Readers without whom nothing is measured."""
SHARE = 0.2
"""Of the readers who ticked."""
MOST = 1 / 3
"""Of the readers, when a fifth is too few."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line that a held-out reader was shown."""

    visitor: str
    text: str
    before: str
    """The lines above it in its poem."""
    ticked: bool


def split(feedback: Feedback, known: Collection[int]) -> tuple[Feedback, frozenset[str]]:
    """What is taught, and the readers who are held out. *known*: ids of the lines the champion was taught."""
    addresses: dict[str, str] = {}
    taught: set[str] = set()
    for tick in feedback.ticks:  # in the order of the ticks
        addresses.setdefault(tick.visitor, tick.address or tick.visitor)
        if tick.line in known:
            taught.add(tick.visitor)
    newest = {addresses[visitor]: visitor for visitor in addresses if visitor not in taught}
    wanted = max(FEWEST, round(SHARE * len(addresses)))
    if len(newest) < FEWEST or wanted > MOST * len(addresses):
        return feedback, frozenset()
    held = frozenset(sorted(newest.values(), key=list(addresses).index)[-wanted:])
    ticks = tuple(tick for tick in feedback.ticks if tick.visitor not in held)
    judged = tuple(one for one in feedback.judged if one.visitor not in held)
    return replace(feedback, ticks=ticks, judged=judged), held


def choosers(read: Sequence[ReadLine]) -> list[ReadLine]:
    """What those read who both ticked and passed over lines: who ticks everything has chosen nothing."""
    did: dict[str, set[bool]] = defaultdict(set)
    for line in read:
        did[line.visitor].add(line.ticked)
    return [line for line in read if len(did[line.visitor]) == 2]

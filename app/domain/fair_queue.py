"""The fair queue: whoever waits takes turns with the others, before the engine and at the door of the site."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Round robin over visitors, first in first out within each: a visitor with many wishes does not delay the others.
    Not thread-safe.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        """Number of waiting items."""
        return sum(map(len, self._lines.values()))

    def put(self, visitor: str, one: T) -> None:
        """Append an item behind the same visitor's others; all who have no name share ""."""
        self._lines.setdefault(visitor, deque()).append(one)

    def take(self) -> T:
        """Remove and return the next item; its visitor then goes to the end. KeyError when empty."""
        visitor, line = self._lines.popitem(last=False)
        one = line.popleft()
        if line:
            self._lines[visitor] = line
        return one

    def first(self) -> T:
        """The next item, which stays. StopIteration when empty."""
        return next(iter(self._lines.values()))[0]

    def leave(self, one: T) -> bool:
        """Remove an item; False if it does not wait."""
        for visitor, line in self._lines.items():
            if one in line:
                line.remove(one)
                if not line:
                    del self._lines[visitor]
                return True
        return False

"""Who waits for a place: first come, first served within a visitor, and visitors in turn."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """A queue that one visitor with many wishes does not fill for the others. Not thread-safe."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def put(self, visitor: str, one: T) -> None:
        """Wait behind this visitor's others; "" is everybody who has no name."""
        self._lines.setdefault(visitor, deque()).append(one)
        self._count += 1

    def take(self) -> T:
        """Whose turn it is; his next one comes after everybody else's first. IndexError when nobody waits."""
        if not self._lines:
            raise IndexError("nobody waits")
        visitor, line = self._lines.popitem(last=False)
        one = line.popleft()
        if line:
            self._lines[visitor] = line
        self._count -= 1
        return one

    def leave(self, one: T) -> bool:
        """Stop waiting; False for one that does not wait."""
        for visitor, line in self._lines.items():
            if one in line:
                line.remove(one)
                if not line:
                    del self._lines[visitor]
                self._count -= 1
                return True
        return False

    def clear(self) -> list[T]:
        """Everybody who waited."""
        everybody = [one for line in self._lines.values() for one in line]
        self._lines.clear()
        self._count = 0
        return everybody

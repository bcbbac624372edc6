"""Visitors: anonymous readers with a random id in a signed cookie, and the rule which of them count.

The same rule holds for tick rates, the anthology, the guessing game and trials:

- A reader **counts** if his cookie has come back and he was among the first few readers of his address that day,
  because cookies are free but addresses are not. This is decided before he ticks anything, and stored with each
  impression (`impressions.counted`).
- In a **trial** he counts only if that was decided *before* the poem's version was drawn, so that nothing he does after
  the draw influences whether he is in the sample.
- The bot **learns** (taste, lesson) from all readers whose cookie has come back, but an address has a limited weight: a
  school class behind one address is heard, but does not count as thirty readers.
"""

import hashlib
from dataclasses import dataclass

READERS_PER_ADDRESS = 2
"""Only this many readers of an address count on a day, the first ones."""
MARK = 4
"""Hexadecimal digits of a network's hash in a trial: only 65,536 values, so that none identifies a network."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The visitor of a request."""

    id: str
    returned: bool
    """Did the request bring the cookie?"""
    address: str
    """Keyed hash of the address; the key changes daily."""
    network: str = ""
    """Keyed hash of the address's network; not stored (only `mark` is)."""

    @property
    def turn(self) -> str:
        """Key of the engine's fair queue: the visitor, or the address for a request without a cookie."""
        return self.id if self.returned else self.address

    def mark(self, trial: int) -> str:
        """Hash of his network for one trial: constant during the trial, and useless outside it."""
        network = self.network or self.address or self.id
        return hashlib.sha256(f"{trial}|{network}".encode()).hexdigest()[:MARK]

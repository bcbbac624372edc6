"""Visitors, anonymous readers known by a random id in a signed cookie; and which of them count.

One rule for all that counts readers: tick-rates, what is best loved, the game, the trial.

- A reader **counts** whose cookie has come back, and who was among the first few of his address that day: cookies are
  free, addresses are not. His place is taken before he does anything, and what he was shown keeps it
  (`impressions.counted`), whether he ticks or not.
- In a **trial** he counts if that was so *before* the poem was drawn: what he does after the draw can't choose whether
  he is in it.
- From all whose cookie has come back the bot **learns** (taste, lesson). There one address weighs no more than a cap,
  however many readers it has: a class behind one address is heard, though it isn't thirty voters.
"""

import hashlib
from dataclasses import dataclass

READERS_PER_ADDRESS = 2
"""Readers of one address who count on one day; those who came first."""
MARK = 4
"""Hexadecimal digits by which a trial tells networks apart: 65,536 marks, so that none of them names an address."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who reads, ticks and teaches."""

    id: str
    returned: bool
    """Did the cookie come back with this request?"""
    address: str
    """Keyed hash of the address, of this day."""
    network: str = ""
    """Keyed hash of the network that the address belongs to; never stored, only a mark of it."""

    @property
    def turn(self) -> str:
        """Who takes turns with others when many wait for a poem: visitors, and addresses that bring no cookie."""
        return self.id if self.returned else self.address

    def mark(self, trial: int) -> str:
        """What a trial knows his network by: the same all through the trial, and of no use outside it."""
        network = self.network or self.address or self.id
        return hashlib.sha256(f"{trial}|{network}".encode()).hexdigest()[:MARK]

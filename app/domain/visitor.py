"""Visitors: anonymous readers, known by a random id in a signed cookie."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who reads, ticks and teaches."""

    id: str
    returned: bool
    """Did the cookie come back with this request?"""
    address: str
    """Keyed hash of the address, of this day."""

    @property
    def turn(self) -> str:
        """Who takes turns with others when many wait for a poem: visitors, and addresses that bring no cookie."""
        return self.id if self.returned else self.address

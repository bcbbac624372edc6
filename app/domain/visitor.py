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

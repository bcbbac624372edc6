"""The verdict: may readers be shown this candidate, and if not, why?"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What the examiner measured on one version. Every figure may be NaN when the network is broken."""

    bits_per_char: float
    """Surprise at the base's frozen holdout; lower is better."""
    distinct: float
    """Share of sampled lines that are unique; 0 to 1."""
    distinct2: float
    """Share of adjacent character pairs in the samples that are unique; 0 to 1."""
    copied: float
    """Share of sampled lines that stand in the lesson or in the base's texts; 0 to 1."""
    finite: bool
    """Were all weights and logits numbers?"""

    def as_dict(self) -> dict[str, float]:
        """For `meta.json`, the database and the API."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer: admitted when no rule is broken. Rules are named by code; pages put them into words."""

    reasons: tuple[str, ...]
    """Rules that did not hold: `not_finite`, `forgot_the_language`, `repeats_itself`, `copies`."""
    unmeasured: tuple[str, ...] = ()
    """Rules that could not be measured yet: `too_few_readers`."""

    @property
    def admitted(self) -> bool:
        """No rule was broken."""
        return not self.reasons

    def as_dict(self) -> dict[str, object]:
        """The contract's shape."""
        return {"admitted": self.admitted, "reasons": list(self.reasons), "unmeasured": list(self.unmeasured)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> "Verdict":
        """The inverse of `as_dict`."""
        reasons, unmeasured = stored.get("reasons", ()), stored.get("unmeasured", ())
        return cls(tuple(map(str, reasons)), tuple(map(str, unmeasured)))  # type: ignore[call-overload]

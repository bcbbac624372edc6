"""The verdict: may readers be shown this candidate, and if not, why?"""

import math
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
    short: float = math.nan
    """Letters of a line that one in ten lines does not exceed."""
    usual: float = math.nan
    """Letters of a line that half of them do not exceed."""
    long: float = math.nan
    """Letters of a line that nine in ten do not exceed."""
    blocked: float = math.nan
    """Share of sampled lines with a word of the block list (`app/domain/blocked_words.toml`); 0 to 1."""
    strange: float = math.nan
    """Share of the words in sampled lines that are built like none in the base's own verse; 0 to 1."""
    plausible: float = math.nan
    """Log-probability of sampled lines in their poems, as the base finds them: nats a symbol; higher is better."""
    repeated: float = math.nan
    """Share of sampled lines that another of the sampled poems has said word for word; 0 to 1."""
    liking: float = math.nan
    """Bits a character by which lines that held-out readers ticked surprise it less than those they passed over."""

    def as_dict(self) -> dict[str, float]:
        """For `meta.json`, the database and the API."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. Rules are named by code; pages put them into words."""

    reasons: tuple[str, ...]
    """Rules that did not hold: `not_finite`, `forgot_the_language`, `worse_than_champion`, `repeats_itself`, `copies`,
    `says_blocked_words`, `strange_lengths`, `strange_words`, `makes_less_sense`, `says_it_again`,
    `readers_disagree`."""
    unmeasured: tuple[str, ...] = ()
    """Rules that could not be measured yet: `too_few_readers`."""

    @property
    def admitted(self) -> bool:
        """No rule was broken, and every rule was measured."""
        return not self.reasons and not self.unmeasured

    @property
    def undecided(self) -> bool:
        """No rule was broken that could be measured: the admin decides, or a trial."""
        return not self.reasons and bool(self.unmeasured)

    def as_dict(self) -> dict[str, object]:
        """The contract's shape."""
        return {"admitted": self.admitted, "reasons": list(self.reasons), "unmeasured": list(self.unmeasured)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> "Verdict":
        """The inverse of `as_dict`."""
        reasons, unmeasured = stored.get("reasons", ()), stored.get("unmeasured", ())
        return cls(tuple(map(str, reasons)), tuple(map(str, unmeasured)))  # type: ignore[call-overload]

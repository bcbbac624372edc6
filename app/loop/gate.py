"""The gate: may readers be shown the candidate?

A pure rule over scorecards. It says what must hold, so that a NaN is turned away.
Nothing here measures; `worker/examiner.py` does.
"""

from dataclasses import dataclass

from app.domain.verdict import Scorecard, Verdict


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How far a candidate may stray from its base."""

    slack: float = 0.05
    """Bits a character more surprise at the frozen holdout."""
    variety: float = 0.9
    """Share of the base's distinct lines and pairs that must remain."""
    copied: float = 0.02
    """Share of copied lines allowed beyond the base's own."""


def judge(base: Scorecard, candidate: Scorecard, *, limits: GateLimits = GateLimits()) -> Verdict:
    """Admit *candidate* only if every rule holds; the reasons name those that do not."""
    held = {
        "not_finite": candidate.finite,
        "forgot_the_language": candidate.bits_per_char <= base.bits_per_char + limits.slack,
        "repeats_itself": candidate.distinct >= limits.variety * base.distinct
        and candidate.distinct2 >= limits.variety * base.distinct2,
        "copies": candidate.copied <= base.copied + limits.copied,
    }
    return Verdict(reasons=tuple(rule for rule, holds in held.items() if not holds))

"""The gate: may readers be shown the candidate?

A pure rule over scorecards. It says what must hold, so that a NaN is turned away.
Nothing here measures; `worker/examiner.py` does.
"""

from dataclasses import dataclass

from app.domain.verdict import Scorecard, Verdict


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How far a candidate may stray from its base, and from the champion."""

    slack: float = 0.05
    """Bits a character more surprise at the frozen holdout."""
    variety: float = 0.9
    """Share of the base's distinct lines and pairs that must remain."""
    copied: float = 0.02
    """Share of copied lines allowed beyond the base's own."""
    stretch: float = 1.5
    """How many times longer, or shorter, its lines may be, and a letter besides."""
    strange: float = 0.01
    """Share of words that are built like none in the base's verse, allowed beyond the base's own."""
    plausible: float = 0.15
    """Nats a symbol by which its lines may be less likely, to the base, than the base's own."""
    repeated: float = 0.02
    """Share of lines that may be said twice, however many the base says twice."""
    readers: int = 8
    """Held-out readers without whom their liking is not measured."""


LIMITS = GateLimits()


def judge(
    base: Scorecard,
    candidate: Scorecard,
    *,
    champion: Scorecard | None = None,
    readers: int = 0,
    limits: GateLimits = LIMITS,
) -> Verdict:
    """Admit *candidate* only if every rule holds; the reasons name those that do not.

    *champion*: the version that serves, the base itself without one. *readers*: held-out readers who ticked lines
    and passed over others.
    """
    serving = champion or base
    held = {
        "not_finite": candidate.finite,
        "forgot_the_language": candidate.bits_per_char <= base.bits_per_char + limits.slack,
        "worse_than_champion": candidate.bits_per_char <= serving.bits_per_char + limits.slack,
        "repeats_itself": candidate.distinct >= limits.variety * base.distinct
        and candidate.distinct2 >= limits.variety * base.distinct2,
        "copies": candidate.copied <= base.copied + limits.copied,
        "says_blocked_words": candidate.blocked <= base.blocked,
        "strange_lengths": _alike(base, candidate, limits.stretch),
        "strange_words": candidate.strange <= base.strange + limits.strange,
        "makes_less_sense": candidate.plausible >= base.plausible - limits.plausible,
        "says_it_again": candidate.repeated <= max(base.repeated, limits.repeated),
    }
    measured = readers >= limits.readers
    if measured:
        held["readers_disagree"] = candidate.liking > serving.liking
    broken = tuple(rule for rule, holds in held.items() if not holds)
    if "forgot_the_language" in broken:  # the graver of two that say nearly the same
        broken = tuple(rule for rule in broken if rule != "worse_than_champion")
    return Verdict(broken, () if measured else ("too_few_readers",))


def _alike(base: Scorecard, candidate: Scorecard, stretch: float) -> bool:
    """Are the candidate's short, usual and long lines about as long as the base's?"""
    pairs = ((base.short, candidate.short), (base.usual, candidate.usual), (base.long, candidate.long))
    return all(before / stretch - 1 <= after <= before * stretch + 1 for before, after in pairs)

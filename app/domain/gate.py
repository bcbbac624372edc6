"""The gate: may readers be shown the candidate, and if not, why?

A pure rule over scorecards. It says what must hold, so that a NaN is turned away.
Nothing here measures; `worker/examiner.py` does.
"""

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
    lines: float = math.nan
    """How many lines were sampled."""
    strange: float = math.nan
    """Share of the words in sampled lines that are built like none in the base's own verse; 0 to 1."""
    words: float = math.nan
    """How many words they hold."""
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


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How far a candidate may stray from its base, and from the champion."""

    slack: float = 0.05
    """Bits a character more surprise at the frozen holdout."""
    variety: float = 0.9
    """Share of the others' distinct lines and pairs that must remain."""
    copied: float = 0.02
    """Share of copied lines allowed beyond the others' own, however sure it is that they are more."""
    stretch: float = 1.5
    """How many times longer, or shorter, its lines may be, and a letter besides."""
    level: float = 0.005
    """Level of the tests of copied lines, of words that are built like none in the base's verse, and of lines said
    twice: share of equally good candidates that each may turn away. By all rules together none to 5 in 100 were
    (docs/trial.md)."""
    plausible: float = 0.05
    """Nats a symbol by which its lines may be less likely, to the base, than the others' own: about what chance does,
    for two samples of 500 lines by one voice are 0.018 to 0.024 apart (standard deviation). What sibot-2026.11.3 served
    after a lesson was 0.08 less likely: 0.15 let all of it pass, this one sample in six (docs/trial.md)."""
    repeated: float = 0.05
    """Share of lines that may be said twice, however few the others say twice. They come by whole poems: samples of 500
    lines by sibot-2026.12.9 have 0.01 to 0.04 of them, which is more than the test expects of chance."""
    blocked_level: float = 0.1
    """Level of the test of lines with a word of the block list. Such lines are few, and the test never turns away more
    equally good candidates than this: of 500 lines it turns away 1 in 1,000 where both say such a word in one line of a
    thousand, and 3 in 100 where they do in five."""
    blocked: float = 0.02
    """Share of lines with a word of the block list beyond which it does not matter what the others say."""
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

    *champion*: the version that serves, as it serves, the base itself without one. *readers*: held-out readers who
    ticked lines and passed over others.
    """
    serving = champion or base
    held = {
        "not_finite": candidate.finite,
        "forgot_the_language": candidate.bits_per_char <= base.bits_per_char + limits.slack,
        "worse_than_champion": candidate.bits_per_char <= serving.bits_per_char + limits.slack,
    }
    beside_base, beside_champion = (_writes_as_well(candidate, rival, limits) for rival in (base, serving))
    held |= {rule: holds and beside_champion[rule] for rule, holds in beside_base.items()}
    measured = readers >= limits.readers
    if measured:
        held["readers_disagree"] = candidate.liking > serving.liking
    broken = tuple(rule for rule, holds in held.items() if not holds)
    if "forgot_the_language" in broken:  # the graver of two that say nearly the same
        broken = tuple(rule for rule in broken if rule != "worse_than_champion")
    return Verdict(broken, () if measured else ("too_few_readers",))


def _writes_as_well(candidate: Scorecard, rival: Scorecard, limits: GateLimits) -> dict[str, bool]:
    """By rule: are the candidate's sampled lines as good as the *rival*'s?

    Nothing else keeps a blocked word of the voice's own from its readers: what visitors send in is screened, what the
    voice writes is not.
    """
    lengths = ((rival.short, candidate.short), (rival.usual, candidate.usual), (rival.long, candidate.long))
    blocked = chance_of(candidate.blocked, candidate.lines, rival.blocked, rival.lines)
    strange = chance_of(candidate.strange, candidate.words, rival.strange, rival.words)
    repeated = chance_of(candidate.repeated, candidate.lines, rival.repeated, rival.lines)
    copied = chance_of(candidate.copied, candidate.lines, rival.copied, rival.lines)
    return {
        "repeats_itself": candidate.distinct >= limits.variety * rival.distinct
        and candidate.distinct2 >= limits.variety * rival.distinct2,
        "copies": candidate.copied <= rival.copied + limits.copied or copied >= limits.level,
        "says_blocked_words": candidate.blocked <= limits.blocked and blocked >= limits.blocked_level,
        "strange_lengths": all(
            before / limits.stretch - 1 <= after <= before * limits.stretch + 1 for before, after in lengths
        ),
        "strange_words": strange >= limits.level,
        "makes_less_sense": candidate.plausible >= rival.plausible - limits.plausible,
        "says_it_again": candidate.repeated <= max(rival.repeated, limits.repeated) or repeated >= limits.level,
    }


def chance_of(share: float, of: float, before: float, of_before: float) -> float:
    """The chance that of two equally good versions the one has a *share* this large, or larger: Fisher's exact test.

    One-sided. *of*: how many lines or words it is a share of; *before*, *of_before*: the same of the other version.
    NaN for what is no share, or a share of nothing.
    """
    if not (0 <= share <= 1 and 0 <= before <= 1 and 0 < of < math.inf and 0 < of_before < math.inf):
        return math.nan
    one, other = round(of), round(of_before)
    found = round(share * one)
    both = found + round(before * other)
    ways = sum(math.comb(one, k) * math.comb(other, both - k) for k in range(found, min(one, both) + 1))
    return ways / math.comb(one + other, both)

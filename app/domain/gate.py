"""The gate: the evaluation that a candidate must pass before readers see it.

A pure rule over scorecards, which `worker/examiner.py` measures. It states what must hold, so that a NaN is rejected.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The metrics of one version. Any of them may be NaN when the network is broken."""

    bits_per_char: float
    """Cross-entropy on the base's frozen holdout, in bits a character; lower is better."""
    distinct: float
    """Share of sampled lines that are unique; 0 to 1."""
    distinct2: float
    """Share of adjacent character pairs in the samples that are unique; 0 to 1."""
    copied: float
    """Share of sampled lines that occur in the lesson or in the base's training texts; 0 to 1."""
    finite: bool
    """Were all weights and logits finite?"""
    short: float = math.nan
    """Length of the sampled lines in letters, 10th percentile."""
    usual: float = math.nan
    """The same, median."""
    long: float = math.nan
    """The same, 90th percentile."""
    blocked: float = math.nan
    """Share of sampled lines with a word of the block list (`app/domain/blocked_words.toml`); 0 to 1."""
    lines: float = math.nan
    """Number of sampled lines."""
    strange: float = math.nan
    """Share of the words in sampled lines that are formed like no word in the base's training verse; 0 to 1."""
    words: float = math.nan
    """Number of words in the sampled lines."""
    plausible: float = math.nan
    """Mean log-probability of the sampled lines by the base, in nats a symbol; higher is better."""
    repeated: float = math.nan
    """Share of sampled lines that occur word for word in another sampled poem; 0 to 1."""
    liking: float = math.nan
    """Cross-entropy of lines that held-out readers did not tick minus that of ticked lines, in bits a character."""

    def as_dict(self) -> dict[str, float]:
        """For `meta.json`, the database and the API."""
        return {name: float(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's result. Rules have codes, which pages translate."""

    reasons: tuple[str, ...]
    """Rules that were broken: `not_finite`, `forgot_the_language`, `worse_than_champion`, `repeats_itself`, `copies`,
    `says_blocked_words`, `strange_lengths`, `strange_words`, `makes_less_sense`, `says_it_again`,
    `readers_disagree`."""
    unmeasured: tuple[str, ...] = ()
    """Rules that could not be measured: `too_few_readers`."""

    @property
    def admitted(self) -> bool:
        """Every rule was measured, and none was broken."""
        return not self.reasons and not self.unmeasured

    @property
    def undecided(self) -> bool:
        """No rule was broken, but some could not be measured: a trial or the admin decides."""
        return not self.reasons and bool(self.unmeasured)

    def as_dict(self) -> dict[str, object]:
        """The JSON form of the API contract."""
        return {"admitted": self.admitted, "reasons": list(self.reasons), "unmeasured": list(self.unmeasured)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> "Verdict":
        """The inverse of `as_dict`."""
        reasons, unmeasured = stored.get("reasons", ()), stored.get("unmeasured", ())
        return cls(tuple(map(str, reasons)), tuple(map(str, unmeasured)))  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How much worse a candidate may be than its rivals: the base, and the champion."""

    slack: float = 0.05
    """Allowed increase of the cross-entropy on the holdout, in bits a character."""
    variety: float = 0.9
    """Share of the rival's distinct lines and character pairs that the candidate must reach."""
    copied: float = 0.02
    """Allowed increase of the share of copied lines, even if the increase is significant."""
    stretch: float = 1.5
    """Lines may be longer or shorter by this factor, plus one letter."""
    level: float = 0.005
    """Significance level of the tests of copied, strange and repeated lines: the share of equally good candidates that
    each test may reject. All rules together rejected 0 to 5 in 100 of them (docs/trial.md)."""
    plausible: float = 0.05
    """Allowed decrease of `plausible`, in nats a symbol. Two samples of 500 lines by one voice differ by 0.018 to 0.024
    (standard deviation). What sibot-2026.11.3 served after a lesson was lower by 0.08: a limit of 0.15 passed all such
    samples, this limit one in six (docs/trial.md)."""
    taste_cost: float = 0.1
    """Largest decrease of `plausible`, in nats a symbol, that a taste may cause without being charged to the candidate.
    The taste of readers with a liking of their own costs 0.04 to 0.06, and they find as much sense (docs/trial.md)."""
    stranger_level: float = 0.05
    """Significance level of the test if a taste makes the base's words stranger. At 0.2 one of seven equally good
    candidates was turned away, since words are few; what sibot-2026.11.3 served has a p-value of 0.001."""
    repeated: float = 0.05
    """A share of repeated lines up to this is always allowed. Whole poems are repeated, so the share varies more than
    the test assumes: samples of 500 lines by sibot-2026.12.9 have shares of 0.01 to 0.04."""
    blocked_level: float = 0.1
    """Significance level of the test of lines with a blocked word. Such lines are rare, which makes the test reject far
    fewer equally good candidates: of 500 lines, 1 candidate in 1,000 if both use such a word in one line of a thousand,
    and 3 in 100 if both do in five lines of a thousand."""
    blocked: float = 0.02
    """A share of lines with a blocked word above this is never allowed."""
    readers: int = 8
    """With fewer held-out readers, their liking is not measured."""


LIMITS = GateLimits()


def rival_of(base: Scorecard, with_taste: Scorecard) -> Scorecard:
    """The scorecard of the base as candidates are compared with it: *base* is measured without the taste, *with_taste*
    with the one that chooses among the candidate's lines.

    A taste reduces variety, prefers lines like those that were ticked, which stand in the lesson, and prefers rarer
    subjects, whose lines are less probable. None of it is the candidate's fault. But if the taste makes words stranger,
    or lines far less probable, then it costs sense, and the candidate must write as probable lines as the base without.
    """
    p = p_value(with_taste.strange, with_taste.words, base.strange, base.words)
    harmless = p >= LIMITS.stranger_level and with_taste.plausible >= base.plausible - LIMITS.taste_cost
    return replace(
        base,
        distinct=with_taste.distinct,
        distinct2=with_taste.distinct2,
        copied=with_taste.copied,
        plausible=min(base.plausible, with_taste.plausible) if harmless else base.plausible,
    )


def judge(
    base: Scorecard,
    candidate: Scorecard,
    *,
    champion: Scorecard | None = None,
    readers: int = 0,
) -> Verdict:
    """Admit *candidate* only if every rule holds; the reasons name the broken rules.

    *champion*: the scorecard of the serving version, None if that is the base. *readers*: the number of held-out
    readers who ticked some lines and not others.
    """
    serving = champion or base
    held = {
        "not_finite": candidate.finite,
        "forgot_the_language": candidate.bits_per_char <= base.bits_per_char + LIMITS.slack,
        "worse_than_champion": candidate.bits_per_char <= serving.bits_per_char + LIMITS.slack,
    }
    beside_base, beside_champion = (_writes_as_well(candidate, rival) for rival in (base, serving))
    held |= {rule: holds and beside_champion[rule] for rule, holds in beside_base.items()}
    measured = readers >= LIMITS.readers
    if measured:
        held["readers_disagree"] = candidate.liking > serving.liking
    broken = tuple(rule for rule, holds in held.items() if not holds)
    if "forgot_the_language" in broken:  # then "worse_than_champion" adds nothing
        broken = tuple(rule for rule in broken if rule != "worse_than_champion")
    return Verdict(broken, () if measured else ("too_few_readers",))


def _writes_as_well(candidate: Scorecard, rival: Scorecard) -> dict[str, bool]:
    """By rule: are the candidate's sampled lines as good as the *rival*'s?

    `says_blocked_words` is the only check of the words that a voice generates; the screen checks only submissions.
    """
    lengths = ((rival.short, candidate.short), (rival.usual, candidate.usual), (rival.long, candidate.long))
    blocked = p_value(candidate.blocked, candidate.lines, rival.blocked, rival.lines)
    strange = p_value(candidate.strange, candidate.words, rival.strange, rival.words)
    repeated = p_value(candidate.repeated, candidate.lines, rival.repeated, rival.lines)
    copied = p_value(candidate.copied, candidate.lines, rival.copied, rival.lines)
    return {
        "repeats_itself": candidate.distinct >= LIMITS.variety * rival.distinct
        and candidate.distinct2 >= LIMITS.variety * rival.distinct2,
        "copies": candidate.copied <= rival.copied + LIMITS.copied or copied >= LIMITS.level,
        "says_blocked_words": candidate.blocked <= LIMITS.blocked and blocked >= LIMITS.blocked_level,
        "strange_lengths": all(
            before / LIMITS.stretch - 1 <= after <= before * LIMITS.stretch + 1 for before, after in lengths
        ),
        "strange_words": strange >= LIMITS.level,
        "makes_less_sense": candidate.plausible >= rival.plausible - LIMITS.plausible,
        "says_it_again": candidate.repeated <= max(rival.repeated, LIMITS.repeated) or repeated >= LIMITS.level,
    }


def p_value(share: float, of: float, before: float, of_before: float) -> float:
    """The p-value of Fisher's exact test, one-sided: that an equally good version has a *share* this large or larger.

    *of*: the number of lines or words behind *share*; *before*, *of_before*: the same of the other version. NaN for
    invalid input.
    """
    if not (0 <= share <= 1 and 0 <= before <= 1 and 0 < of < math.inf and 0 < of_before < math.inf):
        return math.nan
    one, other = round(of), round(of_before)
    found = round(share * one)
    both = found + round(before * other)
    ways = sum(math.comb(one, k) * math.comb(other, both - k) for k in range(found, min(one, both) + 1))
    return ways / math.comb(one + other, both)

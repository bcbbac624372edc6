"""Growth: does training improve a voice? Compares the tick rates of a taught version and of version 0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.version import Rate, VersionReport, Z

FEWEST_READERS = 20
"""Fewest readers of each version for a comparison; the same as in a trial."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Sums over the readers of a version, of the lines shown to each and the ticks of each."""

    readers: int = 0
    lines: int = 0
    ticks: int = 0
    lines_squared: int = 0
    lines_ticks: int = 0
    ticks_squared: int = 0

    @property
    def rate(self) -> float:
        """Ticks per line."""
        return self.ticks / self.lines

    @property
    def relative_variance(self) -> float:
        """Variance of the rate divided by its square. The unit is the reader: ticks of one reader are correlated."""
        spread = self.ticks_squared - 2 * self.rate * self.lines_ticks + self.rate**2 * self.lines_squared
        return spread * self.readers / (self.readers - 1) / self.ticks**2


def times_as_often(one: Reception, other: Reception) -> Rate | None:
    """The ratio of the tick rates of *one* and *other*, with its 95 % interval (delta method).

    None if either has fewer than `FEWEST_READERS` readers, or no ticks.
    """
    if min(one.readers, other.readers) < FEWEST_READERS or not (one.ticks and other.ticks):
        return None
    times = one.rate / other.rate
    factor = math.exp(Z * math.sqrt(max(0.0, one.relative_variance + other.relative_variance)))
    return Rate(times, times / factor, times * factor)


class Growth(StrEnum):
    """Does training improve the voice? The possible answers."""

    UNTAUGHT = "untaught"
    """There is no taught version yet."""
    UNREAD = "unread"
    """No reader has seen a taught version yet."""
    FEW = "few"
    """One of the two versions has too few readers."""
    EVEN = "even"
    """The difference is not significant."""
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """Comparison of a taught version with version 0."""

    answer: Growth
    version: int = 0
    """The taught version: the champion, else the newest version that has readers."""
    few: int = 0
    """With `Growth.FEW`: the version that has too few readers."""
    readers: int = 0
    """Readers of `few`, else of `version`."""
    times: Rate | None = None
    """Ratio of its tick rate to that of version 0."""


def growth(versions: Sequence[VersionReport], receptions: Mapping[int, Reception]) -> GrowthReport:
    """Compare a taught version with version 0 by tick rate. *receptions*: by version number."""
    taught = sorted((one for one in versions if one.number), key=lambda one: (one.champion, one.number), reverse=True)
    met = [one.number for one in taught if one.number in receptions]
    if not met:
        return GrowthReport(Growth.UNREAD if taught else Growth.UNTAUGHT)
    version, nothing = met[0], Reception()
    fewest = min(version, 0, key=lambda number: receptions.get(number, nothing).readers)
    readers = receptions.get(fewest, nothing).readers
    if readers < FEWEST_READERS:
        return GrowthReport(Growth.FEW, version, few=fewest, readers=readers)
    times = times_as_often(receptions[version], receptions[0])
    answer = Growth.EVEN
    if times is not None and (times.low > 1 or times.high < 1):
        answer = Growth.BETTER if times.low > 1 else Growth.WORSE
    return GrowthReport(answer, version, readers=receptions[version].readers, times=times)

"""Is it getting better? What may be said of it, and what not yet."""

from datetime import UTC, datetime

import pytest

from app.domain.gate import Verdict
from app.domain.growth import FEWEST_READERS, Growth, Reception, growth, times_as_often
from app.domain.version import VersionReport, VersionStatus


def reception(*readers: tuple[int, int]) -> Reception:
    """Of readers who were shown so many lines and ticked so many."""
    n, t = [lines for lines, _ in readers], [ticks for _, ticks in readers]
    return Reception(
        readers=len(readers),
        lines=sum(n),
        ticks=sum(t),
        lines_squared=sum(one * one for one in n),
        lines_ticks=sum(one * other for one, other in readers),
        ticks_squared=sum(one * one for one in t),
    )


def version(number: int, *, champion: bool = False, verdict: Verdict | None = None) -> VersionReport:
    """A version of that number."""
    return VersionReport(
        id=number,
        number=number,
        status=VersionStatus.ADMITTED,
        created=datetime(2026, 11, 24, tzinfo=UTC),
        base="tiny-1",
        folder="",
        lesson={},
        metrics={},
        verdict=verdict,
        champion=champion,
        impressions=0,
        ticks=0,
        tick_rate=None,
        let_in=None,
    )


SELDOM = reception(*[(10, 1), (10, 2)] * 30)
OFTEN = reception(*[(10, 3), (10, 4)] * 30)
FEW = reception(*[(10, 9)] * (FEWEST_READERS - 1))


@pytest.mark.parametrize(
    ("receptions", "answer"),
    [
        ({0: SELDOM}, Growth.UNREAD),
        ({0: SELDOM, 1: FEW}, Growth.FEW),
        ({0: FEW, 1: OFTEN}, Growth.FEW),
        ({1: OFTEN}, Growth.FEW),
        ({0: SELDOM, 1: SELDOM}, Growth.EVEN),
        ({0: SELDOM, 1: OFTEN}, Growth.BETTER),
        ({0: OFTEN, 1: SELDOM}, Growth.WORSE),
        ({0: SELDOM, 1: reception(*[(10, 0)] * 30)}, Growth.EVEN),
    ],
)
def test_it_is_said_when_readers_have_said_it(receptions: dict[int, Reception], answer: Growth) -> None:
    """Enough readers of both, and an interval that lies on one side of 1; else nobody knows yet."""
    assert growth([version(1, champion=True), version(0)], receptions).answer is answer


def test_the_version_that_serves_is_spoken_of() -> None:
    """While version 0 serves it is the newest that readers met; one nobody met has nothing to be said of it."""
    receptions = {0: SELDOM, 1: OFTEN, 2: FEW}
    versions = [version(3), version(2), version(1, champion=True), version(0)]

    assert growth(versions, receptions).version == 1
    few = growth([version(3), version(2), version(1), version(0, champion=True)], receptions)
    assert (few.version, few.few, few.readers) == (2, 2, FEWEST_READERS - 1)
    assert growth([version(0, champion=True)], {0: SELDOM}).answer is Growth.UNTAUGHT


def test_one_reader_is_one_opinion() -> None:
    """The same lines and ticks by readers who differ much tell less: the interval is wider. Worked out by hand."""
    alike = times_as_often(OFTEN, SELDOM)
    split = times_as_often(reception(*[(10, 7), (10, 0)] * 30), SELDOM)

    assert alike
    assert split
    assert alike.mean == split.mean == pytest.approx(7 / 3)
    # Spread of ticks about the rate, a reader: 0.5 of 3.5 and 0.5 of 1.5 on average; over 60 readers.
    assert alike.high / alike.mean == pytest.approx(2.71828 ** (1.96 * ((1 / 49 + 1 / 9) / 59) ** 0.5), rel=1e-4)
    assert split.low < alike.low < 7 / 3 < alike.high < split.high


def test_the_gate_s_word_stays() -> None:
    """What an admin, a trial or the broom makes of a version does not change what the gate said of it."""
    said = [version(1, verdict=verdict).judged for verdict in (Verdict(("copies",)), Verdict((), ("x",)), Verdict(()))]

    assert said == [VersionStatus.REJECTED, VersionStatus.UNDECIDED, VersionStatus.ADMITTED]

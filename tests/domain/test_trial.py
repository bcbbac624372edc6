"""The trial's evidence: no way of looking at it often makes equals differ, and real differences are found."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.trial import (
    BETS,
    BOLDEST,
    Evidence,
    Impression,
    Reading,
    TrialEnd,
    TrialRules,
    TrialState,
    Visit,
    decide,
    thinned,
    verdict,
    visits,
    weigh,
)
from lab.bench.trials import readers

RULES = TrialRules()
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SHARE = 0.3
READERS = 500
TRIALS = 200
VISITS = st.lists(
    st.lists(st.builds(lambda c, t: Reading(c, 5, t), st.booleans(), st.integers(0, 5)), min_size=1, max_size=10).map(
        tuple
    ),
    max_size=60,
)


def decided(seeds: int, *, lift: float = 1.0, odd: float = 0.0) -> list[TrialState | None]:
    """How trials end when somebody looks after every reader."""
    crowds = (readers(seed, share=SHARE, readers=READERS, lift=lift, odd=odd) for seed in range(seeds))
    return [decide(weigh(crowd, share=SHARE), rules=RULES) for crowd in crowds]


@pytest.mark.parametrize("odd", [0.0, 0.5], ids=["equal", "equal-on-the-whole"])
def test_equals_are_seldom_told_apart(odd: float) -> None:
    """Of 200 trials between equals that may be stopped after any reader, at most one in twenty promotes.

    Also when each reader has a preference of his own and only on the whole it makes no difference.
    """
    ends = decided(TRIALS, odd=odd)

    assert ends.count(TrialState.BETTER) <= 0.05 * TRIALS
    assert ends.count(TrialState.WORSE) <= 0.08 * TRIALS


def test_counting_ticks_and_peeking_would_promote_equals() -> None:
    """Else the test above would prove nothing: on the same readers, a z-test looked at after each of them fails."""
    wrong = sum(_peeks(readers(seed, share=SHARE, readers=READERS, most=300)) for seed in range(60))

    assert wrong / 60 > 0.2


def _peeks(trial: list[Visit]) -> bool:
    """Does the usual test of two rates, all ticks independent, ever say "better" (one-sided, 5 %)?"""
    (n1, k1), (n0, k0) = (0, 0), (0, 0)
    for visit in trial:
        for one in visit:
            if one.challenger:
                n1, k1 = n1 + one.lines, k1 + one.ticks
            else:
                n0, k0 = n0 + one.lines, k0 + one.ticks
        rate = (k1 + k0) / max(1, n1 + n0)
        spread = math.sqrt(max(1e-9, rate * (1 - rate) * (1 / max(1, n1) + 1 / max(1, n0))))
        if min(n1, n0) > 100 and (k1 / n1 - k0 / n0) / spread > 1.645:
            return True
    return False


@pytest.mark.parametrize(("lift", "least"), [(1.5, 0.8), (2.0, 0.95)])
def test_a_better_challenger_is_found(lift: float, least: float) -> None:
    """Five hundred readers are enough to see that it is ticked half as often again."""
    assert decided(40, lift=lift).count(TrialState.BETTER) >= least * 40


def test_a_worse_challenger_is_found() -> None:
    """And is never taken for a better one."""
    ends = decided(40, lift=0.4)

    assert ends.count(TrialState.WORSE) >= 0.8 * 40
    assert TrialState.BETTER not in ends


@given(trial=VISITS, share=st.floats(0.05, 0.9))
def test_wealth_is_never_lost_altogether(trial: list[Visit], share: float) -> None:
    """Whatever readers do, both bets keep a positive stake, as a number."""
    evidence = weigh(trial, share=share)

    assert all(0 < wealth < math.inf for step in evidence.path for wealth in step)
    assert evidence.visitors == len(trial) == len(evidence.path)
    assert evidence.champion.poems + evidence.challenger.poems == sum(map(len, trial))


@given(trial=VISITS, share=st.floats(0.05, 0.9))
def test_the_draw_is_a_fair_game(trial: list[Visit], share: float) -> None:
    """Given what a reader does, the next poem's draw wins nothing on the whole: the mean over both outcomes is 1."""
    before = weigh(trial, share=share)
    for ticks in range(6):
        drawn = [weigh([*trial, (Reading(c, 5, ticks),)], share=share).path[-1] for c in (True, False)]
        for side, was in enumerate((before.better, before.worse)):
            fair = share * drawn[0][side] + (1 - share) * drawn[1][side]
            assert fair == pytest.approx(min(was, 1e12), rel=1e-6)


@given(trial=VISITS, more=st.integers(1, 300))
def test_one_reader_moves_little(trial: list[Visit], more: int) -> None:
    """A thousand ticks of one visitor are one bet, of bounded size: he alone decides nothing."""
    fan = Impressions()
    for i in range(more):
        fan.poem("fan", challenger=i % 2 == 0, ticks=5 * (i % 2 == 0), minutes=i / 10)
    (visit,) = visits(fan.all, rules=RULES, now=START + timedelta(days=1))

    assert len(visit) <= RULES.poems
    before, after = weigh(trial, share=0.5), weigh([*trial, visit], share=0.5)
    assert after.better <= before.better * 20


class Impressions:
    """What readers were shown, as the store tells it."""

    def __init__(self) -> None:
        self.all: list[Impression] = []

    def poem(
        self,
        visitor: str,
        *,
        challenger: bool = True,
        ticks: int = 0,
        minutes: float = 0,
        late: float = 1,
        **more: object,
    ) -> None:
        """A poem of five lines, ticked *late* minutes after it was written."""
        at = START + timedelta(minutes=minutes)
        returned = more.get("returned", at)
        assert isinstance(returned, datetime)
        self.all += [
            Impression(
                visitor,
                returned,
                f"{visitor}-{minutes}",
                at,
                challenger,
                at + timedelta(minutes=late) if line < ticks else None,
                str(more.get("address", "")) if line < ticks else "",
            )
            for line in range(5)
        ]


def counted(made: Callable[[Impressions], None], *, hours: float = 24) -> list[Visit]:
    """The visits that are over so many hours later."""
    impressions = Impressions()
    made(impressions)
    return visits(impressions.all, rules=RULES, now=START + timedelta(hours=hours))


def test_a_visit_counts_when_it_is_over() -> None:
    """Ticks may still come for an hour; nothing is counted twice, or too soon."""
    assert counted(lambda i: i.poem("a", ticks=2), hours=0.9) == []
    assert counted(lambda i: i.poem("a", ticks=2), hours=1.1) == [(Reading(challenger=True, lines=5, ticks=2),)]


def test_what_comes_after_the_visit_does_not_count() -> None:
    """Neither late ticks nor later poems change a bet that is settled."""

    def late(i: Impressions) -> None:
        i.poem("a", ticks=1)
        i.poem("a", ticks=5, minutes=300)
        i.poem("b", ticks=3, late=90)

    assert counted(late) == [
        (Reading(challenger=True, lines=5, ticks=1),),
        (Reading(challenger=True, lines=5, ticks=0),),
    ]


def test_visits_come_in_the_order_of_their_ends() -> None:
    """The same for whoever looks, and whenever."""

    def three(i: Impressions) -> None:
        i.poem("z", minutes=0, ticks=1)
        i.poem("a", minutes=5, ticks=2)
        i.poem("m", minutes=10, ticks=3)

    early, late = counted(three, hours=1.1), counted(three)
    assert [visit[0].ticks for visit in late] == [1, 2, 3]
    assert late[: len(early)] == early


def test_cookies_of_one_address_count_for_two_readers() -> None:
    """Thirty cookies that tick everything of one version are no crowd."""

    def crowd(i: Impressions) -> None:
        for n in range(30):
            i.poem(f"x{n}", ticks=5, minutes=n / 10, address="hash")
        i.poem("quiet", minutes=9)

    assert len(counted(crowd)) == RULES.readers_per_address + 1


def test_who_never_came_back_does_not_count() -> None:
    """A crawler's poems say nothing; nor does a cookie that came back when his visit was over."""
    back = START + timedelta(hours=3)

    assert counted(lambda i: i.poem("a", returned=back)) == []


def test_a_trial_ends_in_time() -> None:
    """With nothing decided it is left to the admin, after days or after lines, and says which."""
    nothing = Evidence()

    def ends(impressions: int, days: float) -> tuple[TrialState, TrialEnd] | None:
        return verdict(nothing, impressions=impressions, started=START, rules=RULES, now=START + timedelta(days=days))

    assert ends(0, 13.9) is None
    assert ends(0, 14) == (TrialState.UNDECIDED, TrialEnd.TIME)
    assert ends(20_000, 1) == (TrialState.UNDECIDED, TrialEnd.IMPRESSIONS)


def test_a_stake_grows_with_the_poems_of_a_visit() -> None:
    """Who read four poems and liked all says more than who read one: he has bet four times as much, up to the cap."""
    one, four = ((Reading(challenger=True, lines=5, ticks=5),) * poems for poems in (1, 4))
    score = (1 - 1 / 6) / 0.5  # what a poem of nothing but ticks says, where a sixth was to be expected
    worst = max((1 / 6) / 0.5, (5 / 6) / 0.5)

    for visit in (one, four):
        stakes = [min(bet * len(visit), BOLDEST / worst) for bet in BETS]
        expected = sum(1 + stake * score for stake in stakes) / len(BETS)
        assert weigh([visit], share=0.5).better == pytest.approx(expected)
    assert weigh([four], share=0.5).better > weigh([one], share=0.5).better


@pytest.mark.parametrize("winner", [TrialState.BETTER, TrialState.WORSE])
def test_as_many_readers_as_the_rules_ask_for_decide(winner: TrialState) -> None:
    """One fewer does not, whatever he and those before him have bet; nor does what they had won before and lost."""
    enough = (RULES.enough, 1.0) if winner is TrialState.BETTER else (1.0, RULES.enough)

    assert decide(Evidence(path=[enough] * (RULES.fewest - 1)), rules=RULES) is None
    assert decide(Evidence(path=[enough] * RULES.fewest), rules=RULES) is winner
    assert decide(Evidence(path=[*[enough] * (RULES.fewest - 1), (1.0, 1.0)]), rules=RULES) is None


def test_nothing_is_decided_by_a_handful() -> None:
    """However much nineteen readers differ."""
    eager = [(Reading(n % 2 == 0, 5, 5 * (n % 2 == 0)),) for n in range(40)]

    assert decide(weigh(eager[:19], share=0.5), rules=RULES) is None
    assert decide(weigh(eager, share=0.5), rules=RULES) is TrialState.BETTER


@given(path=st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=700))
def test_a_long_path_is_thinned_and_keeps_its_end(path: list[tuple[float, float]]) -> None:
    """What is stored is small, and its last point is how things stand."""
    few = thinned(path)

    assert len(few) <= 120
    assert few[-1:] == path[-1:]

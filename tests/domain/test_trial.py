"""The trial's evidence: no way of looking at it often makes equals differ, and real differences are found."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.trial import (
    BETS,
    BOLDEST,
    Arm,
    Evidence,
    Impression,
    ShownPoem,
    TrialEnd,
    TrialReport,
    TrialRules,
    TrialState,
    Visit,
    decide,
    interrupted,
    overtaken,
    thinned,
    verdict,
    visits,
    weigh,
)
from lab.bench.trials import attacked, readers

RULES = TrialRules()
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SHARE = 0.3
READERS = 500
TRIALS = 200
POEMS = st.lists(st.builds(lambda c, t: ShownPoem(c, 5, t), st.booleans(), st.integers(0, 5)), min_size=1, max_size=10)
VISITS = st.lists(
    st.builds(lambda n, poems: Visit(f"n{n}", tuple(poems)), st.integers(0, 40), POEMS),
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
        for one in visit.poems:
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
    assert evidence.champion.poems + evidence.challenger.poems == sum(len(visit.poems) for visit in trial)


@given(trial=VISITS, share=st.floats(0.05, 0.9))
def test_the_draw_is_a_fair_game(trial: list[Visit], share: float) -> None:
    """Given what a reader does, the next poem's draw wins nothing on the whole: the mean over both outcomes is 1.

    That is the whole wealth's; what is left of it without the best networks is less.
    """
    before = weigh(trial, share=share, doubted=0)
    for ticks in range(6):
        one_more = [[*trial, Visit("new", (ShownPoem(c, 5, ticks),))] for c in (True, False)]
        drawn = [weigh(visits, share=share, doubted=0).path[-1] for visits in one_more]
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

    assert len(visit.poems) <= RULES.poems
    before, after = (weigh(visits, share=0.5, doubted=0) for visits in (trial, [*trial, visit]))
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
        network: str = "",
    ) -> None:
        """A poem of five lines, ticked *late* minutes after it was written."""
        at = START + timedelta(minutes=minutes)
        self.all += [
            Impression(
                visitor,
                network or f"of {visitor}",
                f"{visitor}-{minutes}",
                at,
                challenger,
                at + timedelta(minutes=late) if line < ticks else None,
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
    (visit,) = counted(lambda i: i.poem("a", ticks=2), hours=1.1)
    assert visit.poems == (ShownPoem(challenger=True, lines=5, ticks=2),)


def test_what_comes_after_the_visit_does_not_count() -> None:
    """Neither late ticks nor later poems change a bet that is settled."""

    def late(i: Impressions) -> None:
        i.poem("a", ticks=1)
        i.poem("a", ticks=5, minutes=300)
        i.poem("b", ticks=3, late=90)

    assert [visit.poems for visit in counted(late)] == [
        (ShownPoem(challenger=True, lines=5, ticks=1),),
        (ShownPoem(challenger=True, lines=5, ticks=0),),
    ]


def test_visits_come_in_the_order_of_their_ends() -> None:
    """The same for whoever looks, and whenever."""

    def three(i: Impressions) -> None:
        i.poem("z", minutes=0, ticks=1)
        i.poem("a", minutes=5, ticks=2)
        i.poem("m", minutes=10, ticks=3)

    early, late = counted(three, hours=1.1), counted(three)
    assert [visit.poems[0].ticks for visit in late] == [1, 2, 3]
    assert late[: len(early)] == early


def test_readers_of_one_network_count_for_two() -> None:
    """Thirty cookies that tick everything of one version are no crowd; nor are thirty that tick nothing."""

    def crowd(i: Impressions) -> None:
        for n in range(30):
            i.poem(f"x{n}", ticks=5 * (n % 2), minutes=n / 10, network="theirs")
        i.poem("another", minutes=9)

    assert len(counted(crowd)) == RULES.readers_per_network + 1


def test_the_first_of_a_network_count_whatever_they_do() -> None:
    """Who counts is settled before any of them has ticked: by who came first, not by who ticked first."""

    def three(i: Impressions) -> None:
        i.poem("a", minutes=0, ticks=0, network="n")
        i.poem("b", minutes=1, ticks=1, network="n")
        i.poem("c", minutes=2, ticks=5, network="n")

    assert [visit.poems[0].ticks for visit in counted(three)] == [0, 1]


def test_a_trial_ends_in_time() -> None:
    """With nothing decided it is left to the admin, after days or after lines, and says which."""
    nothing = Evidence()

    def ends(impressions: int, days: float) -> tuple[TrialState, TrialEnd] | None:
        return verdict(nothing, impressions=impressions, started=START, rules=RULES, now=START + timedelta(days=days))

    assert ends(0, 13.9) is None
    assert ends(0, 14) == (TrialState.UNDECIDED, TrialEnd.TIME)
    assert ends(20_000, 1) == (TrialState.UNDECIDED, TrialEnd.IMPRESSIONS)


def under_way(*, challenger: int, champion: int) -> TrialReport:
    """A trial between versions of these row ids, which nobody has read yet."""
    return TrialReport(
        id=1,
        voice="sibot",
        challenger=1,
        challenger_id=challenger,
        champion=0,
        champion_id=champion,
        share=SHARE,
        state=TrialState.RUNNING,
        reason=None,
        started=START,
        ended=None,
        visitors=0,
        networks=0,
        better=1.0,
        worse=1.0,
        champion_arm=Arm(),
        challenger_arm=Arm(),
        path=(),
    )


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=2, unique=True),
    st.integers(1, 4),
    st.booleans(),
)
def test_a_trial_goes_on_only_between_its_two(two: list[int], serves: int, gone: bool) -> None:
    """As long as its champion serves and its challenger can write; else the reason says which of them was the cause."""
    trial = under_way(challenger=two[0], champion=two[1])

    end = interrupted(trial, champion=serves, gone=gone)

    assert (end is None) == (serves == trial.champion_id and not gone)
    assert (end is TrialEnd.GONE) == (serves == trial.champion_id and gone)
    assert (end is TrialEnd.PROMOTED) == (serves == trial.challenger_id)


@pytest.mark.parametrize(
    ("came", "end"), [(7, TrialEnd.PROMOTED), (8, TrialEnd.CHAMPION_CHANGED), (3, TrialEnd.CHAMPION_CHANGED)]
)
def test_every_move_of_the_champion_ends_a_trial(came: int, end: TrialEnd) -> None:
    """Also one back to the champion that it began with: another served in between."""
    assert overtaken(under_way(challenger=7, champion=3), came) is end


def test_a_stake_grows_with_the_poems_of_a_visit() -> None:
    """Who read four poems and liked all says more than who read one: he has bet four times as much, up to the cap."""
    one, four = (Visit("n", (ShownPoem(challenger=True, lines=5, ticks=5),) * poems) for poems in (1, 4))
    score = (1 - 1 / 6) / 0.5  # what a poem of nothing but ticks says, where a sixth was to be expected
    worst = max((1 / 6) / 0.5, (5 / 6) / 0.5)

    for visit in (one, four):
        stakes = [min(bet * len(visit.poems), BOLDEST / worst) for bet in BETS]
        expected = sum(1 + stake * score for stake in stakes) / len(BETS)
        assert weigh([visit], share=0.5, doubted=0).better == pytest.approx(expected)
    assert weigh([four], share=0.5, doubted=0).better > weigh([one], share=0.5, doubted=0).better


@pytest.mark.parametrize("winner", [TrialState.BETTER, TrialState.WORSE])
def test_as_many_readers_as_the_rules_ask_for_decide(winner: TrialState) -> None:
    """One fewer does not, whatever he and those before him have bet; nor does what they had won before and lost."""
    enough = (RULES.enough, 1.0) if winner is TrialState.BETTER else (1.0, RULES.enough)

    def after(path: list[tuple[float, float]]) -> TrialState | None:
        return decide(Evidence(path=path, networks=[RULES.fewest_networks] * len(path)), rules=RULES)

    assert after([enough] * (RULES.fewest - 1)) is None
    assert after([enough] * RULES.fewest) is winner
    assert after([*[enough] * (RULES.fewest - 1), (1.0, 1.0)]) is None


def test_readers_must_come_from_many_networks() -> None:
    """However much they differ, and however many they are."""
    path = [(RULES.enough, 1.0)] * 200

    assert decide(Evidence(path=path, networks=[RULES.fewest_networks - 1] * 200), rules=RULES) is None
    assert decide(Evidence(path=path, networks=[RULES.fewest_networks] * 200), rules=RULES) is TrialState.BETTER


def eager(networks: int, *, of: str = "n") -> list[Visit]:
    """Two readers of each network, who tick all that one of the two writes and nothing of the other's."""
    return [
        Visit(f"{of}{n // 2}", (ShownPoem(n % 2 == 0, 5, 5 * (n % 2 == 0)),) * RULES.poems) for n in range(2 * networks)
    ]


def test_ten_networks_decide_nothing() -> None:
    """Whatever they do, both bettors have won nothing of it; one network more, and there is evidence again."""
    ten = weigh(eager(RULES.doubted), share=0.5)

    assert all(max(step) <= 1 + 1e-9 for step in ten.path)
    assert weigh(eager(RULES.doubted + 1), share=0.5).better > 1
    assert decide(weigh(eager(40), share=0.5), rules=RULES) is TrialState.BETTER


@given(honest=VISITS, liars=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), POEMS), max_size=30))
def test_what_decides_is_what_the_honest_said(
    honest: list[Visit], liars: list[tuple[int, int, list[ShownPoem]]]
) -> None:
    """With ten networks of liars anywhere, no bettor has more than the bets of the others alone have won.

    Those are a fair game, so that the bound of one in twenty holds whatever the ten do and know.
    """
    trial, lying = list(honest), Visit("liar", ())
    for place, network, poems in liars:
        trial.insert(place, replace(lying, network=f"liar {network}", poems=tuple(poems)))
    evidence = weigh(trial, share=0.3)
    alone = _without(trial, "liar", share=0.3)

    for step, fair in zip(evidence.path, alone, strict=True):
        assert all(left <= whole * (1 + 1e-9) for left, whole in zip(step, fair, strict=True))


def _without(trial: list[Visit], liars: str, *, share: float) -> list[tuple[float, float]]:
    """The wealth after each reader of those who are no *liars*, whose bets still know what the liars ticked before."""
    wealth = [[1 / len(BETS)] * len(BETS) for _ in range(2)]
    path, ticks, lines = [], 1.0, 6.0
    for visit in trial:
        guess = ticks / lines
        scores = [
            (one.ticks / one.lines - guess) * (1 / share if one.challenger else -1 / (1 - share)) for one in visit.poems
        ]
        worst = max(guess / share, (1 - guess) / (1 - share)), max((1 - guess) / share, guess / (1 - share))
        for side, sign in enumerate((1, -1)):
            if not visit.network.startswith(liars):
                mean = sign * sum(scores) / len(scores)
                stakes = [min(bet * len(visit.poems), BOLDEST / worst[side]) for bet in BETS]
                wealth[side] = [w * (1 + stake * mean) for w, stake in zip(wealth[side], stakes, strict=True)]
        ticks, lines = ticks + sum(one.ticks for one in visit.poems), lines + sum(one.lines for one in visit.poems)
        path.append((sum(wealth[0]), sum(wealth[1])))
    return path


@pytest.mark.parametrize(("networks", "knowing"), [(1, True), (10, True), (10, False)])
def test_liars_do_not_decide_between_equals(networks: int, knowing: bool) -> None:
    """Of 100 attacked trials at most one in twenty promotes, though the attackers know who wrote each poem."""
    trials = (attacked(n, share=SHARE, honest=100, networks=networks, knowing=knowing) for n in range(100))
    ends = [decide(weigh(trial, share=SHARE), rules=RULES) for trial in trials]

    assert ends.count(TrialState.BETTER) <= 5


def test_without_doubt_ten_networks_would_decide() -> None:
    """Else the test above would prove nothing."""
    trials = [attacked(n, share=SHARE, honest=100, networks=10, knowing=True) for n in range(20)]

    assert sum(weigh(trial, share=SHARE, doubted=0).better >= RULES.enough for trial in trials) > 10


@given(path=st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=700))
def test_a_long_path_is_thinned_and_keeps_its_end(path: list[tuple[float, float]]) -> None:
    """What is stored is small, and its last point is how things stand."""
    few = thinned(path)

    assert len(few) <= 120
    assert few[-1:] == path[-1:]

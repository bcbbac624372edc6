"""Choosing among candidates."""

import math
from collections.abc import Sequence

import pytest

from app.engine.choose import (
    LIKELY,
    ONE,
    PLAUSIBILITY_TEMPERATURE,
    SAID_LINE,
    SAID_PAIR,
    TASTED,
    Candidate,
    Choice,
    Context,
    Recent,
    Scorer,
    Way,
    alike,
    by_score,
    noting,
    plausibility,
    tasted,
    with_taste,
)
from models.seen import said

HERE = Context(("첫 줄",), ends=False)


def of_mean(mean: float, symbols: int = 10) -> Candidate:
    """A candidate of that mean log-probability."""
    return Candidate("줄", mean * symbols, symbols)


@pytest.mark.parametrize(("number", "chosen"), [(0.0, 0), (0.19, 0), (0.21, 1), (0.999, 1)])
def test_the_better_liked_is_the_likelier(number: float, chosen: int) -> None:
    """At temperature 0.5, a line liked by log 2 more is four times as likely; its liking is told."""
    liked = {"작은": 0.0, "좋은": math.log(2)}

    def likings(lines: Sequence[str], _logprobs: Sequence[float]) -> list[float]:
        return [liked[line] for line in lines]

    way = with_taste(likings, 2, temperature=0.5, without=ONE, recent=Recent())
    choice = way.choose(HERE, [Candidate(line, -1.0, 1) for line in liked], number)

    assert choice.index == chosen
    assert choice.propensity == pytest.approx((0.2, 0.8)[chosen])
    assert choice.liking == list(liked.values())[chosen]


def test_taste_is_told_how_likely_each_line_is() -> None:
    """Nats a symbol, in the order of the lines: sense is a part of taste. Nothing else counts beside it."""
    asked: list[tuple[list[str], list[float]]] = []

    def likings(lines: Sequence[str], logprobs: Sequence[float]) -> list[float]:
        asked.append((list(lines), list(logprobs)))
        return [0.0] * len(lines)

    choice = by_score(tasted(likings, 0.5))(HERE, [of_mean(-2.0), of_mean(-4.0, symbols=3)], 0.0)

    assert asked == [(["줄", "줄"], [-2.0, -4.0])]
    assert choice.propensity == 0.5


def test_what_was_just_said_is_not_said_again() -> None:
    """Word for word hardly ever, whatever its marks; a pair of its words the less, the oftener it was said."""
    recent = Recent()

    def chances(*lines: str) -> list[float]:
        return [
            by_score(recent.avoided(alike))(HERE, [Candidate(line, -1.0, 1) for line in order], 0.0).propensity
            for order in (lines, lines[::-1])
        ]

    assert chances("밤이 온다", "눈이 온다") == [0.5, 0.5]
    recent.note("밤이 온다")
    assert chances("밤이 온다.", "눈이 온다")[0] < 1e-9
    assert chances("다시 밤이 온다", "다시 눈이 온다")[0] == pytest.approx(1 / (1 + math.exp(SAID_PAIR / 2)))
    recent.note("밤이 온다")
    assert chances("다시 밤이 온다", "다시 눈이 온다")[0] == pytest.approx(1 / (1 + math.exp(SAID_PAIR)))


def test_endings_do_not_make_a_korean_word_another() -> None:
    """What was said with one ending costs as much with another; of an English word every letter counts."""
    recent = Recent()
    recent.note("조금 따뜻했다")
    recent.note("the old house")

    assert recent.cost("조금 따뜻해진다") == SAID_PAIR
    assert recent.cost("조용히 따뜻해진다") == 0.0
    assert recent.cost("the older houses") == 0.0


@pytest.mark.parametrize(("asked", "drawn"), [(1, TASTED), (16, 16), (64, 32)])
def test_a_taste_has_as_many_candidates_and_takes_as_the_version_has_without(asked: int, drawn: int) -> None:
    """At least as many as a taste needs to choose, at most as the site draws."""
    without = Way(asked, by_score(alike), score=alike, takes=4)
    way = with_taste(lambda lines, _: [0.0] * len(lines), 32, temperature=0.4, without=without, recent=Recent())

    assert (way.candidates, way.takes) == (drawn, 4)


def test_it_remembers_so_much_and_no_more() -> None:
    """The oldest is forgotten, with all that was counted for it; where everything was said one is chosen still."""
    recent = Recent(most=2)
    for line in ("밤이 온다", "눈이 온다", "비가 온다"):
        recent.note(line)

    assert [recent.cost(line) for line in ("밤이 온다", "눈이 온다")] == [0.0, SAID_LINE + SAID_PAIR]
    again = [Candidate("눈이 온다", -1.0, 1), Candidate("비가 온다", -1.0, 1)]
    assert by_score(recent.avoided(alike))(HERE, again, 0.7) == Choice(1, 0.5, score=-SAID_LINE - SAID_PAIR)


def test_great_likings_do_not_overflow() -> None:
    """However far apart they are, the chances are numbers."""
    choose = by_score(tasted(lambda _lines, _logprobs: [-900.0, 900.0], 0.01))

    assert choose(HERE, [of_mean(-1.0)] * 2, 0.5) == Choice(1, 1.0, score=90_000.0)


def test_the_line_that_is_likely_and_preferred_is_chosen() -> None:
    """Its odds are those of likelihood and reward together, a symbol, sharpened."""
    candidates = [Candidate("좋은", -2.0, 2, reward=2.0), Candidate("낯선", -2.5, 2, reward=0.0)]

    choice = by_score(plausibility())(HERE, candidates, 0.0)

    odds = math.exp((1.0 + LIKELY * 0.25) / PLAUSIBILITY_TEMPERATURE)
    assert choice.index == 0
    assert choice.propensity == pytest.approx(odds / (1 + odds))


def test_what_stands_in_the_verse_it_has_read_comes_last() -> None:
    """However likely it is; where there is nothing else, it comes."""
    known = said(["저녁에 우리는 창가에 오래 앉아 있었다"])
    copied = Candidate("우리는 창가에 오래 앉아 있었다", -1.0, 10, reward=9.0)
    own = Candidate("나는 문 앞에서 너를 기다린다", -5.0, 10)

    assert by_score(plausibility(known))(HERE, [copied, own], 0.5).index == 1
    assert by_score(plausibility(known))(HERE, [copied], 0.5).index == 0
    assert by_score(plausibility())(HERE, [copied, own], 0.5).index == 0


def test_a_poem_does_not_say_the_same_again() -> None:
    """A line whose pairs of words stand in the poem already loses to another, though it is likelier."""
    again, other = Candidate("내 손이 조금 따뜻했어요", -0.9, 1), Candidate("장갑 한 짝이 없어졌어요", -1.0, 1)
    choose = by_score(plausibility())

    assert choose(Context(("네 손이 조금 따뜻했어요",)), [again, other], 0.5).index == 1
    assert choose(Context(("눈이 온다",)), [again, other], 0.5).index == 0


def test_taste_adds_to_plausibility() -> None:
    """Of lines as plausible, the liked one; of lines liked alike, the one that readers prefer anyway."""
    reward = {"가": 3.0, "나": 0.0, "다": 0.0}
    liked = {"가": 0.0, "나": 0.0, "다": 4.0}
    choose = by_score(tasted(lambda lines, _: [liked[line] for line in lines], 0.5, beside=plausibility()))

    def wins(*lines: str) -> str:
        field = [Candidate(line, -1.0, 1, reward=reward[line]) for line in lines]
        choices = [choose(HERE, field, number) for number in (0.05, 0.5, 0.95)]
        assert len({choice.index for choice in choices}) == 1
        return lines[choices[0].index]

    assert wins("나", "다") == "다"
    assert wins("가", "나") == "가"


def test_who_ignores_taste_still_notes_it() -> None:
    """Chosen as without a taste, with what taste would have said beside it."""
    choose = noting(lambda lines, logprobs: [len(lines[0]) + logprobs[0]], by_score(alike))

    assert choose(HERE, [Candidate("석 자", -1.0, 4)], 0.3) == Choice(0, 1.0, liking=2.75)


def test_a_voice_that_opens_warm_chooses_its_first_line_more_freely() -> None:
    """And no other line; a voice that does not chooses all of them alike."""
    field = [of_mean(-1.0), of_mean(-1.2)]

    def best(scorer: Scorer, context: Context) -> float:
        return by_score(scorer)(context, field, 0.0).propensity

    assert best(plausibility(warm=True), Context()) < best(plausibility(), Context()) == best(plausibility(), HERE)
    assert best(plausibility(warm=True), HERE) == best(plausibility(), HERE)

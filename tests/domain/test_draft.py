"""The drawer's rules: which drafts are kept, and which of them a reader is handed."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.domain.draft import (
    ANYWAY,
    MISSHAPEN,
    READY,
    SEARCHED,
    WORN,
    Draft,
    DrawerNeed,
    DrawerReport,
    Marks,
    Memory,
    choose,
    drafted,
    keep,
    left_for,
    misshapen,
    rarity,
    words_of,
)
from app.domain.poem import Quotation, Wish
from app.domain.version import Serving
from tests.support.drafts import draft, drafts

SWEEP = 4000
POEM = ("바다가 밝다", "산은 어둡다", "창을 닫는데", "아무도 없네", "별만 남았지")
SOME_LINES = some.lists(
    some.sampled_from(["바다", "산길", "창문", "눈물", "별빛", "새벽", "강물"]), min_size=1, max_size=2
)
SOME_DRAFTS = some.lists(
    some.builds(
        lambda texts, worth: draft(*map(" ".join, texts), worth=worth),
        some.lists(SOME_LINES, min_size=2, max_size=4),
        some.floats(1, 5),
    ),
    max_size=12,
)


@given(held=SOME_DRAFTS, fresh=SOME_DRAFTS, most=some.integers(0, 8))
def test_the_drawer_says_nothing_twice_and_does_not_overflow(held: list[Draft], fresh: list[Draft], most: int) -> None:
    """Whatever is held and whatever comes: no two drafts share a line, and there are not more than fit."""
    kept = keep(held, fresh, most=most, passed=1.0)

    lines = Counter(line for one in kept for line in one.letters)
    assert len(kept) <= most
    assert not [line for line, times in lines.items() if times > 1]


def test_spaces_and_marks_hide_no_line_said_twice() -> None:
    """Letters are compared."""
    one, other = draft("바다가 밝다.", "산은 어둡다"), draft("바다가밝다", "창을 닫는데", worth=2.0)

    assert keep([one], [other], most=9, passed=1.0) == [one]


def test_of_two_near_ones_the_better_is_kept() -> None:
    """Wherever it comes from; one that is far from both stays, though it is worse."""
    good, near = draft(*POEM, worth=4.0), draft(*(f"{line} 또" for line in POEM), worth=3.9)
    far = draft("기차", "소금밭", "강물", worth=2.0)

    assert keep([near, far], [good], most=9, passed=1.0) == [good, far]
    assert keep([good, far], [near], most=9, passed=1.0) == [good, far]


def test_the_best_come_first() -> None:
    """When there is no room for all."""
    fresh = [replace(one, marks=Marks(*[1 + i / 10] * 4)) for i, one in enumerate(drafts(20))]

    assert keep([], fresh, most=5, passed=1.0) == fresh[:-6:-1]


def test_only_what_the_judge_lets_pass_is_compared() -> None:
    """The furthest from all others are the broken ones: a full drawer is no aim. What is held was let pass once."""
    fresh = [replace(one, marks=Marks(*[1 + i / 50] * 4)) for i, one in enumerate(drafts(50))]
    held = [draft("기차", "소금밭", worth=1.0, id=1)]

    assert keep(held, fresh, most=300, passed=0.08) == [*fresh[:-5:-1], *held]


def test_a_misshapen_poem_is_worth_less() -> None:
    """Lines that all end alike, a word in every line, a line said twice; a shapely poem loses nothing."""
    assert misshapen(POEM) == 0
    assert misshapen(["바다가 밝다", "산은 밝다", "창이 밝다"]) == pytest.approx(3 * MISSHAPEN)  # and the word 밝다
    assert misshapen(["바다가 밝다", "바다는 운다", "바다를 보네"]) == pytest.approx(MISSHAPEN)
    assert misshapen([*POEM[:4], POEM[0]]) == pytest.approx(2)
    assert misshapen([]) == 0
    assert draft("밝다", "밝다").worth < draft("밝다", "어둡네").worth == draft().worth == pytest.approx(3.0)


def shares(choice: list[Draft], memory: Memory = Memory()) -> dict[int, float]:  # noqa: B008 - it is frozen
    """How often each of *choice* is drawn over a sweep of numbers; the propensity told is that share."""
    drawn = [choose(choice, memory, i / SWEEP, weights=rarity(choice)) for i in range(SWEEP)]
    found = Counter(one.id for one, _ in drawn)
    told = {one.id: propensity for one, propensity in drawn}
    assert sum(told.values()) == pytest.approx(1, abs=1e-3)
    for number, times in found.items():
        assert times / SWEEP == pytest.approx(told[number], abs=1 / SWEEP + 1e-9)
    return told


def test_the_propensity_is_the_share_of_the_draws() -> None:
    """Alike are drawn alike, the better one oftener; all of them may be drawn."""
    alike, better = drafts(4, ids=1), [*drafts(3, ids=1), draft("기차", "소금밭", "강물", worth=3.5, id=9)]

    assert shares(alike) == pytest.approx(dict.fromkeys(range(1, 5), 0.25))
    assert shares(better)[9] > 0.5 > shares(better)[1] > 0.05


def test_rounding_draws_the_last() -> None:
    """A number so near to 1 that the running sum does not reach it."""
    one, other = drafts(2, ids=1)

    last, propensity = choose([one, other], Memory(), 1.0, weights={})
    assert last == other
    assert propensity == pytest.approx(0.5)


def test_what_is_near_the_readers_last_poem_is_drawn_seldom() -> None:
    """Though none of its lines is the same."""
    one, other, third = drafts(3, ids=1)
    turned = [" ".join(reversed(text.split())) for text in one.texts]

    told = shares([one, other, third], Memory.of([], [turned]))

    assert told[1] < 0.01
    assert told[2] == pytest.approx(told[3])


def test_what_many_readers_were_handed_is_drawn_less() -> None:
    """So the whole drawer is seen."""
    one, other = drafts(2, ids=1)
    often, once = shares([replace(one, handed_out=5), other])[1], shares([replace(one, handed_out=1), other])[1]

    assert often < once < 0.5


def test_a_reader_is_left_what_he_has_not_seen() -> None:
    """Neither the draft nor any line of it."""
    seen, quoted, new = drafts(3, ids=1)
    memory = Memory.of([1], [[quoted.texts[2] + "!"]])

    assert left_for([seen, quoted, new], memory) == [new]
    assert left_for([seen, quoted, new], Memory()) == [seen, quoted, new]


def test_a_word_leaves_the_drafts_that_have_it() -> None:
    """Whatever ending follows it; a word that none has leaves none."""
    sea, other = draft("바다는 깊다", id=1), draft("산이 높다", id=2)

    assert left_for([sea, other], Memory(), word="바다") == left_for([sea, other], Memory(), word="바다에서") == [sea]
    assert left_for([sea, other], Memory(), word="기차") == []
    assert left_for([draft("봄비가 온다", id=1)], Memory(), word="봄") != []
    season, shore = draft("A season of rain", id=1), draft("Down by the sea, at noon", id=2)
    assert left_for([season, shore], Memory(), word="Sea") == [shore]
    assert words_of(["Sea, sea!", "바다에서 바다를"]) == {"sea", "바다"}


@pytest.mark.parametrize(
    "wish",
    [
        Wish(seed=1),
        Wish(prime="봄"),
        Wish(own="봄이 온다"),
        Wish(temperature=0.8),
        Wish(lines=4),
        Wish(keep=(Quotation(7, "봄"),)),
        Wish(word="봄", lines=4),
    ],
)
def test_who_says_how_his_poem_is_written_is_written_one(wish: Wish) -> None:
    """A poem that lies ready can't heed him; it can heed a word."""
    assert not drafted(wish)
    assert drafted(Wish())
    assert drafted(Wish(word="봄"))


def test_a_drawer_is_searched_for_longer_than_it_is_filled() -> None:
    """Until it is full, and was chosen from many times more."""
    serving = Serving("sibot", 7, 3, "key", "base")

    assert DrawerNeed(serving, drafts=99, written=10**6, handed_out=0).wants(100)
    assert DrawerNeed(serving, drafts=100, written=100, handed_out=0).wants(100)
    assert not DrawerNeed(serving, drafts=100, written=100 * SEARCHED, handed_out=0).wants(100)
    assert DrawerNeed(serving, drafts=100, written=100 * SEARCHED, handed_out=100 * WORN).wants(100)


def test_a_worn_draft_gives_way_to_a_fresh_one() -> None:
    """Of two that are worth the same, the one that fewer readers were handed is kept."""
    worn = replace(draft("비가 온다", "개가 짖는다", id=1), handed_out=9)
    fresh = draft("눈이 그친다", "문이 닫힌다")

    assert keep([worn], [fresh], most=1, passed=1) == [fresh]
    assert keep([replace(worn, handed_out=0)], [], most=1) == [replace(worn, handed_out=0)]


def test_no_phrase_stands_much_oftener_than_in_our_verse() -> None:
    """Two drafts may have any phrase; more, where our verse has it often."""
    rest = ("가을 강이 얕다", "나비 둘을 쫓다", "다리 밑에서 운다", "라면 물을 붓는다")
    fresh = [draft(f"조금 따뜻하다 {one}", one, one[::-1]) for one in rest]

    assert len(keep([], fresh, most=10, passed=1, usual=lambda _phrase: 0.0)) == ANYWAY
    assert len(keep([], fresh, most=10, passed=1)) > ANYWAY


def test_a_drawer_nobody_has_written_for_has_no_share() -> None:
    """Nothing is divided by nothing."""
    empty = DrawerReport("sibot", 0, 0, 0, 0, None)

    assert empty.as_dict()["kept_share"] is None
    assert replace(empty, drafts=READY, written=10 * READY).kept_share == pytest.approx(0.1)

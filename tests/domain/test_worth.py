"""What gifts are worth: an unexpected tick more than one that everybody gives, a campaign less the louder it is."""

import pytest

from app.domain.lesson import POEM_WEIGHT, Feedback, Given, build, campaign_discount, tick_weight
from app.domain.taste import Judged


def tick(line: int, visitor: str = "v") -> Given:
    """A tick."""
    return Given("line", line, f"줄 {line}", visitor, "")


def judged(line: int, slot: int, *, ticked: bool, visitor: str = "v", liking: float | None = None) -> Judged:
    """A line that was shown."""
    return Judged(line, f"줄 {line}", slot, ticked, visitor, liking=liking)


def shown(first: int = 8, others: int = 2) -> tuple[Judged, ...]:
    """Twenty poems of two lines: the first slot is ticked *first* times, the second *others* times."""
    return tuple(
        judged(2 * poem + slot, slot, ticked=poem < (first, others)[slot]) for poem in range(20) for slot in (0, 1)
    )


def test_a_tick_where_everybody_ticks_says_less() -> None:
    """The first line is ticked four times as often as the second: a tick there is expected, and the mean is about 1."""
    worth = tick_weight(shown())

    first, second = worth(tick(0)), worth(tick(1))
    assert first < 1 < second
    assert 0.7 < (8 * first + 2 * second) / 10 < 1.1


def test_a_tick_that_taste_foretold_says_less() -> None:
    """What the taste of the day found likely is no news."""
    seen = (*shown(5, 5), judged(98, 0, ticked=True, liking=2.0), judged(99, 0, ticked=True, liking=-4.0))
    worth = tick_weight(seen)

    assert worth(tick(98)) < 0.6
    assert worth(tick(99)) > 1


def test_without_anything_judged_every_tick_is_worth_one() -> None:
    """As it was before impressions were kept."""
    assert tick_weight(())(tick(1)) == 1.0


def campaign(poems: int, addresses: int) -> tuple[Given, ...]:
    """So many poems for one shop, each a little different, from so many addresses."""
    texts = (f"은빛 주전자 상사 {number}호 앞에 선다\n은빛 주전자 상사" for number in range(poems))
    return tuple(Given("poem", n, text, f"visitor {n}", f"a{n % addresses}") for n, text in enumerate(texts))


def total(poems: tuple[Given, ...]) -> float:
    """What all of them weigh in a lesson."""
    return sum(text.weight for text in build(Feedback((), poems)).texts)


@pytest.mark.parametrize("poems", [50, 250, 1000])
def test_a_campaign_is_not_heard(poems: int) -> None:
    """Hundreds of poems that say one thing, from ten addresses, weigh less than one honest poem."""
    assert total(campaign(poems, 10)) < POEM_WEIGHT


def test_the_louder_a_campaign_the_less_it_says() -> None:
    """To send more of it helps nobody."""
    weights = [total(campaign(poems, 10)) for poems in (20, 50, 100, 250)]

    assert weights == sorted(weights, reverse=True)


def test_what_many_people_say_is_not_a_campaign() -> None:
    """A phrase that everybody uses comes from as many addresses as poems."""
    poems = tuple(
        Given("poem", n, f"옛날이야기를 들려주던 저녁 {n}", f"visitor {n}", f"address {n}" if n % 2 else "")
        for n in range(40)
    )

    assert set(campaign_discount(poems).values()) == {1.0}


def test_one_poet_may_have_a_refrain() -> None:
    """Within a poem, and in a second one, little is lost."""
    poems = campaign(1, 1)
    assert campaign_discount(poems)[poems[0].text] == 1.0
    assert min(campaign_discount(campaign(2, 1)).values()) == pytest.approx(1 / 8)


def test_what_was_judged_is_part_of_the_lesson() -> None:
    """It is in the hash; nobody's id is in the file."""
    feedback = Feedback((tick(1),), (), shown())

    lesson = build(feedback)

    assert len(lesson.judged) == 40
    assert lesson.hash != build(Feedback((tick(1),), ())).hash
    assert lesson.hash == build(Feedback((tick(1),), (), tuple(reversed(shown())))).hash
    assert "'v'" not in str(lesson.as_dict())

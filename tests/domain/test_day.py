"""오늘의 시: which poem readers chose for a day, and where its day begins."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.poem import FEWEST_READERS, Day, Poem, begin_of, chosen

TODAY = date(2026, 11, 24)
HOUR = timedelta(hours=1)
LANGUAGES = st.sampled_from(["ko", "ko-KR", "en", "de"])


def day(id: str, created: datetime, readers: int = FEWEST_READERS) -> Day:
    """What the day would be with that poem, which so many readers ticked."""
    return Day(TODAY, Poem(id, "sibot", 0, 7, 0.8, "", created, mine=False, fixed_seed=False, lines=()), readers)


@given(
    LANGUAGES,
    st.lists(st.tuples(st.integers(-60, 12), st.integers(0, 4)), max_size=8),
    st.sets(st.sampled_from("01234567")),
)
def test_the_most_loved_of_yesterday_that_had_no_day_is_chosen(
    language: str, poems: list[tuple[int, int]], had: set[str]
) -> None:
    """The first that several readers ticked; what comes before it in the order of love was not eligible."""
    begin = begin_of(language, TODAY)
    loved = [day(str(n), begin + hours * HOUR, readers) for n, (hours, readers) in enumerate(poems)]
    eligible = [
        one
        for one, (hours, readers) in zip(loved, poems, strict=True)
        if -24 <= hours < 0 and readers >= FEWEST_READERS and one.poem.id not in had
    ]

    assert chosen(loved, language, had=had) == next(iter(eligible), None)


@pytest.mark.parametrize(
    ("language", "created", "counts"),
    [
        ("ko", datetime(2026, 11, 22, 14, 59, tzinfo=UTC), False),
        ("ko", datetime(2026, 11, 22, 15, 0, tzinfo=UTC), True),
        ("ko", datetime(2026, 11, 23, 14, 59, tzinfo=UTC), True),
        ("ko", datetime(2026, 11, 23, 15, 0, tzinfo=UTC), False),
        ("en", datetime(2026, 11, 23, 15, 0, tzinfo=UTC), True),
        ("en", datetime(2026, 11, 24, 0, 0, tzinfo=UTC), False),
    ],
)
def test_yesterday_is_what_it_was_where_the_voice_is_read(language: str, created: datetime, counts: bool) -> None:
    """Midnight in Korea is three in the afternoon by UTC."""
    assert (chosen([day("a", created)], language, had=()) is not None) == counts


def test_one_reader_chooses_for_nobody() -> None:
    """He would only meet his own choice again."""
    yesterday = begin_of("ko", TODAY) - HOUR

    assert chosen([day("a", yesterday, readers=1)], "ko", had=()) is None

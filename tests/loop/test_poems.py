"""Poems: what a visitor may wish for, and where the lines he keeps go."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.poems import check, keeping, write
from app.domain.errors import EngineFull, Unfit, UnknownLine
from app.domain.poem import MOST_LINES, MOST_PRIME, Poem, Quotation, Wish, Writing, WrittenLine

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class Shown:
    """A visitor's memory: where each line he was shown stood; and what was stored for him."""

    stood: dict[int, int]
    kept: list[Writing] = field(default_factory=list)
    open: int = 0

    def quotations(self, lines: Sequence[int], visitor: str) -> list[Quotation]:
        """The lines as he knows them."""
        for line in lines:
            if line not in self.stood:
                raise UnknownLine(line)
        return [Quotation(line, f"line {line}") for line in lines]

    def slots(self, lines: Sequence[int], visitor: str) -> dict[int, int]:
        """Where they stood."""
        return {line: self.stood[line] for line in lines}

    def keep(self, writing: Writing, visitor: str, *, prime: str, fixed_seed: bool, now: datetime) -> str:
        """Store a poem."""
        self.kept.append(writing)
        return f"{visitor}'s poem, {prime!r}, {'fixed' if fixed_seed else 'free'}"

    def one(self, poem: str, visitor: str | None) -> Poem:
        """What was stored, by the name that `keep` gave it."""
        return Poem(poem, "sibot", 0, 7, 0.8, "", NOW, mine=True, lines=())

    @contextmanager
    def opened(self) -> Iterator["Shown"]:
        """A unit of work."""
        self.open += 1
        yield self
        self.open -= 1


@dataclass
class Poet:
    """Writes without a network; can be asked to be full."""

    store: Shown
    full: bool = False
    wished: list[Wish] = field(default_factory=list)

    def write(self, voice: str, wish: Wish) -> Writing:
        """A poem of as many lines as were wished for."""
        assert self.store.open == 0, "the database waits while a poem is written"
        if self.full:
            raise EngineFull(3)
        self.wished.append(wish)
        lines = tuple(WrittenLine(slot, "행", -1.0, 1.0) for slot in range(wish.lines))
        return Writing(voice, 1, 7, 0.8, lines)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(lines=0), "bad_lines"),
        (Wish(lines=MOST_LINES + 1), "bad_lines"),
        (Wish(temperature=0.0), "bad_temperature"),
        (Wish(temperature=99.0), "bad_temperature"),
        (Wish(temperature=float("nan")), "bad_temperature"),
        (Wish(prime="가" * (MOST_PRIME + 1)), "prime_too_long"),
        (Wish(prime="봄\x00"), "not_text"),
        (Wish(prime="봄\u202e비"), "not_text"),
        (Wish(own="가" * (MOST_PRIME + 1)), "prime_too_long"),
        (Wish(own="봄\x00"), "not_text"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_refused(wish: Wish, code: str) -> None:
    """With the reason, before the network is asked."""
    with pytest.raises(Unfit) as refused:
        check(wish)

    assert refused.value.code == code


def test_a_beginning_is_one_line() -> None:
    """White space in it is evened, so that it cannot end the line it begins."""
    assert check(Wish(prime="  봄비가\n 온다 ")).prime == "봄비가 온다"


def test_kept_lines_stay_where_they_stood() -> None:
    """The rest is written anew around them."""
    store = Shown({11: 0, 13: 2})

    wish = keeping(Wish(lines=4), [13, 11], "ann", store=store)

    assert wish.keep == (Quotation(11, "line 11"), None, Quotation(13, "line 13"), None)


def test_lines_from_two_poems_find_a_place() -> None:
    """Two lines that stood in the same place end up beside each other, and one from a longer poem still fits."""
    store = Shown({1: 0, 2: 0, 3: 9})

    wish = keeping(Wish(lines=3), [1, 2, 3], "ann", store=store)

    assert wish.keep == (Quotation(1, "line 1"), Quotation(2, "line 2"), Quotation(3, "line 3"))


def test_a_line_of_ones_own_follows_what_is_kept() -> None:
    """In the order given, wherever the kept lines stood; and at least one line follows it."""
    store = Shown({11: 4, 13: 2})

    wish = keeping(Wish(lines=2, own="내 행"), [11, 13], "ann", store=store)

    assert wish.keep == (Quotation(11, "line 11"), Quotation(13, "line 13"), Quotation(None, "내 행"))
    assert wish.lines == 4


def test_a_line_of_ones_own_may_be_the_first() -> None:
    """Nothing is kept, and the rest of the poem follows it."""
    wish = keeping(check(Wish(own="  내\n행 ")), [], "ann", store=Shown({}))

    assert (wish.keep, wish.lines) == ((Quotation(None, "내 행"),), 5)


def test_after_a_line_of_ones_own_there_must_be_room() -> None:
    """A poem has sixteen lines at most."""
    with pytest.raises(Unfit) as refused:
        keeping(Wish(own="내 행"), range(1, MOST_LINES), "ann", store=Shown(dict.fromkeys(range(1, MOST_LINES), 0)))

    assert refused.value.code == "too_many_kept"


@given(st.dictionaries(st.integers(1, 99), st.integers(0, MOST_LINES), max_size=8), st.integers(1, MOST_LINES))
def test_every_kept_line_is_in_the_poem_once(stood: dict[int, int], lines: int) -> None:
    """Whatever stood where: none is lost, none is doubled, and the poem gets no longer."""
    store, asked = Shown(stood), list(stood) * 2  # named twice, as a doubled form field would
    if len(stood) > lines:
        with pytest.raises(Unfit):
            keeping(Wish(lines=lines), asked, "ann", store=store)
        return

    kept = [q.line or 0 for q in keeping(Wish(lines=lines), asked, "ann", store=store).keep if q is not None]

    assert sorted(kept) == sorted(stood)


def test_a_poem_is_written_between_two_units_of_work() -> None:
    """No transaction is open while the network writes."""
    store = Shown({11: 1})
    poet = Poet(store)

    poem = write(
        Wish(prime="봄"), "sibot", "ann", keep=[11], reading=store.opened, storing=store.opened, writer=poet, now=NOW
    )

    assert poem.id == "ann's poem, '봄', free"
    assert poet.wished[0].keep[1] == Quotation(11, "line 11")
    assert len(store.kept) == 1


def test_a_seed_of_the_visitors_is_noted() -> None:
    """The store must know, so that the poem makes no impressions."""
    store = Shown({})

    poem = write(Wish(seed=5), "sibot", "ann", reading=store.opened, storing=store.opened, writer=Poet(store), now=NOW)

    assert poem.id.endswith("fixed")


def test_a_full_engine_stores_nothing() -> None:
    """Who was turned away left no half poem behind."""
    store = Shown({})

    with pytest.raises(EngineFull):
        write(
            Wish(), "sibot", "ann", reading=store.opened, storing=store.opened, writer=Poet(store, full=True), now=NOW
        )

    assert store.kept == []

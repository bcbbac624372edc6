"""Poems: written outside of every transaction, stored whole or not at all; and the next line."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.actions import poems as actions
from app.actions.poems import CANDIDATES
from app.bootstrap import Bot
from app.domain.draft import Memory
from app.domain.errors import EngineFull, Unfit, UnknownLine
from app.domain.poem import MOST_LINES, Quotation, Wish, Writing, WrittenLine
from app.domain.visitor import Visitor
from app.store.poems import Poems
from tests.support.world import World

ANN = Visitor("ann", returned=True, address="home")


@dataclass
class Poet:
    """Writes without a network, the same few lines again and again; can be asked to be full."""

    bot: Bot
    version: int
    says: Sequence[str] = ("행",)
    full: bool = False
    wished: list[Wish] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> None:
        """There is no drawer."""

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """A poem of as many lines as were wished for."""
        assert self.bot.database.pool.checkedout() == 0, "the database waits while a poem is written"  # type: ignore[attr-defined]
        if self.full:
            raise EngineFull(3)
        said = self.says[len(self.wished) % len(self.says)]
        self.wished.append(wish)
        self.turns.append(visitor)
        keep = [*wish.keep, *[None] * (wish.lines - len(wish.keep))]
        lines = [
            WrittenLine(slot, q.text, 0.0, 1.0, quoted=q.line) if q else WrittenLine(slot, said, -1.0, 1.0)
            for slot, q in enumerate(keep)
        ]
        return Writing(voice, self.version, 7, 0.8, tuple(lines))


@pytest.fixture
def poet(world: World) -> Poet:
    """A voice's poet."""
    return Poet(world.bot(), world.voice())


def test_a_poem_is_written_between_two_units_of_work(poet: Poet) -> None:
    """No transaction is open while the network writes; what she keeps stands where it stood; it is her turn."""
    first = actions.write(poet.bot, poet, "sibot", Wish(), by=ANN)
    kept = first.lines[1].id

    second = actions.write(poet.bot, poet, "sibot", Wish(prime="봄"), by=ANN, keep=[kept, kept])

    assert poet.wished[1].keep[1] == Quotation(kept, "행")
    assert (second.prime, second.lines[1].id, second.mine) == ("봄", kept, True)
    assert poet.turns == ["ann", "ann"]


def test_who_brings_no_cookie_waits_with_his_address(poet: Poet) -> None:
    """Else a new cookie for each request would be a place in every turn."""
    newcomer = Visitor("somebody", returned=False, address="home")

    actions.write(poet.bot, poet, "sibot", Wish(), by=newcomer)

    assert poet.turns == ["home"]


def test_a_poem_with_a_seed_of_the_visitors_makes_no_impressions(poet: Poet) -> None:
    """It can be had again and again: no tick on it tells anything."""
    fixed, free = (actions.write(poet.bot, poet, "sibot", Wish(seed=seed), by=ANN) for seed in (5, None))

    assert [line.tickable for line in fixed.lines] == [False] * 5
    assert [line.tickable for line in free.lines] == [True] * 5


def test_a_full_engine_stores_nothing(poet: Poet) -> None:
    """Who was turned away left no half poem behind."""
    poet.full = True

    with pytest.raises(EngineFull):
        actions.write(poet.bot, poet, "sibot", Wish(), by=ANN)

    with poet.bot.reads(Poems) as poems:
        assert poems.newest("sibot") is None


def test_nobody_keeps_a_line_he_was_never_shown(poet: Poet) -> None:
    """Before the network is asked."""
    with pytest.raises(UnknownLine):
        actions.write(poet.bot, poet, "sibot", Wish(), by=ANN, keep=[1])

    assert poet.wished == []


def test_three_ways_to_go_on(poet: Poet) -> None:
    """Each follows the whole poem, and no two are the same, though the poet repeats himself."""
    lines = [line.id for line in actions.write(poet.bot, poet, "sibot", Wish(lines=2), by=ANN).lines]
    poet.says, poet.wished, poet.turns = ["가", "가", "나", "다", "라"], [], []

    ways = actions.propose(poet.bot, poet, "sibot", lines, by=ANN, temperature=0.6)

    assert [way.lines[-1].text for way in ways] == ["가", "나", "다"]
    assert all([q and q.line for q in wish.keep] == lines for wish in poet.wished)
    assert all((wish.lines, wish.temperature) == (3, 0.6) for wish in poet.wished)
    assert set(poet.turns) == {ANN.turn}


def test_a_poet_of_few_words_offers_fewer(poet: Poet) -> None:
    """Whoever always says the same is not asked for ever."""
    assert 1 == len(actions.propose(poet.bot, poet, "sibot", [], by=ANN)) < CANDIDATES


def test_the_line_that_is_picked_makes_a_poem_once(poet: Poet, world: World) -> None:
    """With the lines before it; a second click finds that poem."""
    lines = [line.id for line in actions.write(poet.bot, poet, "sibot", Wish(lines=2), by=ANN).lines]
    world.clock.forward(seconds=3)
    picked = Writing("sibot", poet.version, 7, 0.8, (WrittenLine(0, "다음 행", -3.0, 1.0),))

    first, again = (actions.pick(poet.bot, lines, picked, by=ANN) for _ in range(2))

    assert first == again
    with poet.bot.reads(Poems) as poems:
        lines_of_it = poems.one(first, ANN.id).lines
    assert [line.text for line in lines_of_it] == ["행", "행", "다음 행"]


def test_a_full_poem_has_no_next_line(poet: Poet) -> None:
    """Sixteen lines are the most."""
    with pytest.raises(Unfit) as refused:
        actions.propose(poet.bot, poet, "sibot", range(1, MOST_LINES + 1), by=ANN)

    assert refused.value.code == "too_many_kept"

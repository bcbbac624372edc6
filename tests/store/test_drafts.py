"""Drawers in the database: what is put in and leaves, and that no reader is handed a draft twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import reads
from app.actions import drafts as actions
from app.actions import poems
from app.bootstrap import Bot
from app.domain.draft import LAST, OLDEST, Draft, Marks, Memory
from app.domain.errors import UnknownVoice
from app.domain.poem import Wish, Writing, WrittenLine
from app.domain.version import VersionStatus
from app.domain.visitor import Visitor
from app.store.admins import Audit
from app.store.drafts import REMEMBERED, Drafts
from app.store.tables import ImpressionRow, PoemRow
from app.store.trials import Trials
from app.store.visitors import Privacy
from tests.support.drafts import draft, drafts
from tests.support.world import LINES, World

ANN = Visitor("ann", returned=True, address="home")


@dataclass
class Poet:
    """Hands out the first draft that a reader has not seen; without one, writes live."""

    version: int
    drawer: list[Draft]
    remembered: list[Memory] = field(default_factory=list)
    together: Barrier | None = None
    """Where requests wait for one another after they were handed a draft."""

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> Writing | None:
        """The first that is new to him, of three."""
        self.remembered.append(memory)
        new = next((one for one in self.drawer if one.id not in memory.drafts), None)
        if self.together is not None:
            self.together.wait()
        if new is None:
            return None
        lines = tuple(replace(line, chance=0.25, liking=0.5) for line in new.lines)
        return Writing(voice, self.version, new.seed, new.temperature, lines, taste=3, draft=new.id)

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """A poem of one line, which opens as wished."""
        return Writing(voice, self.version, 7, 0.8, (WrittenLine(0, f"{wish.prime} 살아 있다".strip(), -1.0, 1.0),))


@pytest.fixture
def version(world: World) -> int:
    """The base that serves: its row id."""
    return world.voice()


@pytest.fixture
def bot(world: World, version: int) -> Bot:
    """Its drawer holds four drafts."""
    return world.bot(drafts=4)


def held(bot: Bot, version: int) -> list[Draft]:
    """What lies in the drawer."""
    return bot.drafts(version)


def put(bot: Bot, version: int, fresh: list[Draft]) -> list[Draft]:
    """Put all of them in, as far as there is room; what it holds now."""
    actions.put(bot, version, fresh, passed=1.0)
    return held(bot, version)


def drawn(bot: Bot, poem: str) -> tuple[int | None, int | None]:
    """Of a poem: which draft it was, and which taste chose it."""
    with bot.reading() as session:
        return session.execute(select(PoemRow.draft_id, PoemRow.taste_id).where(PoemRow.id == poem)).one()


def test_what_is_put_in_lies_there_as_it_was_written(bot: Bot, version: int) -> None:
    """Lines, seed, temperature and marks; each drawer has its own."""
    (fresh,) = drafts(1)

    assert actions.put(bot, version, [fresh], passed=1.0) == 1

    assert [replace(one, id=0) for one in held(bot, version)] == [fresh]
    assert held(bot, version + 1) == []
    assert bot.drawers() == {version: 1}
    assert replace(bot, settings=bot.settings.model_copy(update={"drafts": 0})).drawers() == {}


def test_better_ones_drive_out_worse_ones(bot: Bot, version: int) -> None:
    """The drawer holds no more than the setting says; only the best of a batch come so far."""
    fresh = drafts(31)
    worse = put(bot, version, fresh[:6])
    assert len(worse) == 4

    better = [replace(one, marks=Marks(4, 4, 4, 4)) for one in fresh[6:]]
    assert actions.put(bot, version, better, passed=0.08) == 4  # 8 % of 25 are two

    now = held(bot, version)
    assert [one.worth > 3.5 for one in now] == [False, False, True, True]
    assert now[:2] == [one for one in worse if one in now]
    with bot.reads(Drafts) as store:
        assert [need.written for need in store.needs(bot.champions())] == [31]


def test_old_drafts_leave(bot: Bot, version: int, world: World) -> None:
    """Whatever they are worth, at the next batch; and each reader of a draft is counted meanwhile."""
    worn, other = put(bot, version, drafts(2))
    for _ in range(3):
        with bot.transaction() as session:
            Drafts(session).hand_out(worn.id)
    assert [one.handed_out for one in held(bot, version)] == [3, 0]
    with bot.reads(Drafts) as store:
        assert [need.handed_out for need in store.needs(bot.champions())] == [3]

    assert {one.id for one in put(bot, version, [])} == {worn.id, other.id}
    world.clock.forward(seconds=(OLDEST + timedelta(seconds=1)).total_seconds())
    assert put(bot, version, []) == []


def test_an_id_is_never_used_again(bot: Bot, version: int) -> None:
    """Poems name the draft that they were: another's id would hide it from their readers."""
    before = put(bot, version, drafts(3))
    actions.empty(bot, "sibot", by="root")

    after = put(bot, version, drafts(3))

    assert min(one.id for one in after) > max(one.id for one in before)


def test_a_poem_from_the_drawer_is_stored_with_its_propensity(bot: Bot, version: int) -> None:
    """Its impressions say how likely the draft was, and how liked; the draft has one reader more."""
    first, second = put(bot, version, drafts(2))
    poet = Poet(version, [first, second])

    poem = poems.write(bot, poet, "sibot", Wish(), by=ANN)

    assert [line.text for line in poem.lines] == list(first.texts)
    assert all(line.tickable and not line.primed for line in poem.lines)
    assert (poem.drafted, drawn(bot, poem.id)) == (True, (first.id, 3))
    assert [one.handed_out for one in held(bot, version)] == [1, 0]
    with bot.reading() as session:
        shown = session.scalars(select(ImpressionRow).order_by(ImpressionRow.slot)).all()
        assert {(one.chance, one.liking, one.counted) for one in shown} == {(0.25, 0.5, True)}
        assert [one.logprob for one in shown] == [line.logprob for line in first.lines]


def test_nobody_is_handed_a_draft_twice(bot: Bot, version: int) -> None:
    """Another reader may be; when he has had all, his poem is written live."""
    poet = Poet(version, put(bot, version, drafts(2)))

    written = [poems.write(bot, poet, "sibot", Wish(), by=ANN) for _ in range(3)]
    others = poems.write(bot, poet, "sibot", Wish(), by=Visitor("bob", returned=True, address="there"))

    assert [one.drafted for one in written] == [True, True, False]
    assert others.drafted
    assert [one.handed_out for one in held(bot, version)] == [2, 1]
    assert [len(memory.drafts) for memory in poet.remembered] == [0, 1, 2, 0]


def test_the_database_refuses_a_draft_twice(bot: Bot, version: int) -> None:
    """Whatever the engine says: nothing of the second poem is stored, and it counts no reader."""
    (only,) = put(bot, version, drafts(1))
    writing = Poet(version, [only]).hand_out("sibot", Wish(), Memory())
    assert writing is not None
    poems.store(bot, Wish(), writing, by=ANN)

    with pytest.raises(IntegrityError):
        poems.store(bot, Wish(), writing, by=ANN)

    assert [one.handed_out for one in held(bot, version)] == [1]


def test_who_asks_twice_at_once_is_written_one_live(bot: Bot, version: int) -> None:
    """Both requests are handed the same draft; one of them has it."""
    poet = Poet(version, put(bot, version, drafts(1)), together=Barrier(2))

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(poems.write, bot, poet, "sibot", Wish(), by=ANN) for _ in range(2)]

    assert sorted(one.result().drafted for one in asked) == [False, True]


def test_who_says_how_is_not_handed_a_draft(bot: Bot, version: int) -> None:
    """The drawer is not even asked; a word is asked for, and without a draft about it the live poem opens with it."""
    poet = Poet(version, put(bot, version, drafts(1)))

    assert not poems.write(bot, poet, "sibot", Wish(temperature=0.6), by=ANN).drafted
    assert poet.remembered == []
    poet.drawer = []
    about = poems.write(bot, poet, "sibot", Wish(word=" 바다 "), by=ANN)
    assert (about.drafted, about.prime, about.text) == (False, "바다", "바다 살아 있다")


def test_a_draft_that_has_left_the_drawer_can_still_be_handed_out(bot: Bot, version: int) -> None:
    """A web process that has not looked since has it in memory."""
    poet = Poet(version, put(bot, version, drafts(1)))
    actions.empty(bot, "sibot", by="root")

    assert poems.write(bot, poet, "sibot", Wish(), by=ANN).drafted


def test_a_drawer_is_emptied_and_the_log_says_by_whom(bot: Bot, version: int) -> None:
    """Of one voice; web processes notice, and the worker begins to count anew."""
    other = bot_voice(bot, "bard")
    put(bot, version, drafts(3))
    put(bot, other, drafts(2))

    assert actions.empty(bot, "sibot", by="root") == 3

    assert (held(bot, version), len(held(bot, other))) == ([], 2)
    assert bot.drawers() == {version: 2, other: 1}
    assert [(need.drafts, need.written) for need in reads.drafts.needs(bot)] == [(0, 0), (2, 2)]
    with bot.reads(Audit) as audit:
        entry = audit.newest()[0]
    assert (entry.who, entry.deed, entry.subject, entry.detail) == ("root", "drawer.empty", "sibot", "3 drafts")
    with pytest.raises(UnknownVoice):
        actions.empty(bot, "nobody", by="root")


def bot_voice(bot: Bot, slug: str) -> int:
    """Another voice of the same database; the row id of its base."""
    return World(bot.sessions).voice(slug, base=f"{slug}-1")


def test_drafts_of_versions_that_serve_no_more_are_deleted(bot: Bot, version: int, world: World) -> None:
    """Champions keep theirs, and challengers while they are on trial."""
    challenger, _ = world.version(folder="sibot/1", status=VersionStatus.UNDECIDED)
    gone, _ = world.version(folder="sibot/2")
    with bot.transaction() as session:
        Trials(session).start("sibot", challenger, share=0.5, now=world.clock.now)
    for number in (version, challenger, gone):
        put(bot, number, drafts(2))

    assert [need.serving.version_id for need in reads.drafts.needs(bot)] == [version, challenger]
    assert actions.prune(bot) == 2
    assert bot.drawers().keys() == {version, challenger}
    assert actions.prune(bot) == 0


def test_what_a_reader_saw_is_remembered(bot: Bot, version: int, world: World) -> None:
    """The lines of his latest poems of this voice, whoever wrote them, and every draft that he was ever handed."""
    (first,) = put(bot, version, drafts(1))
    poems.write(bot, Poet(version, [first]), "sibot", Wish(), by=ANN)
    for number in range(REMEMBERED):
        world.clock.forward(seconds=1)
        world.poem("ann", version, texts=(f"{number}번째 시", "끝"))
    world.poem(world.visitor("bob"), version, texts=LINES)

    memory = actions.memory(bot, "sibot", "ann")

    assert memory.drafts == {first.id}
    assert memory.lines == {"끝", *(f"{number}번째시" for number in range(REMEMBERED))}
    assert len(memory.last) == LAST
    assert f"{REMEMBERED - 1}번째" in memory.last[0]
    assert actions.memory(bot, "bard", "ann") == Memory()


def test_the_report_counts(bot: Bot, version: int, world: World) -> None:
    """Drafts held, handed out and written, and since when the oldest lies there."""
    began = world.clock.now
    two = put(bot, version, drafts(2))
    world.clock.forward(days=1)
    put(bot, version, [draft("기차", "소금밭", worth=1.0)] * 6)
    poems.write(bot, Poet(version, two), "sibot", Wish(), by=ANN)

    told = reads.drafts.report(bot, "sibot")

    assert (told.version, told.drafts, told.handed_out, told.written, told.oldest) == (0, 3, 1, 8, began)
    assert told.kept_share == pytest.approx(3 / 8)
    with pytest.raises(UnknownVoice):
        reads.drafts.report(bot, "nobody")


def test_who_is_erased_leaves_the_drawer_as_it_is(bot: Bot, version: int, world: World) -> None:
    """A draft tells nothing of him."""
    poet = Poet(version, put(bot, version, drafts(2)))
    poems.write(bot, poet, "sibot", Wish(), by=ANN)
    before = held(bot, version)

    with bot.transaction() as session:
        Privacy(session).erase("ann", world.clock.now)

    assert held(bot, version) == before
    assert reads.drafts.report(bot, "sibot").handed_out == 0

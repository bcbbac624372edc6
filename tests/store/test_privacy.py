"""Privacy: a visitor has all of his, and what he has erased is gone from the next lesson."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, func, inspect, select, text

from app.domain import lesson as lessons
from app.domain.guess import Riddle
from app.domain.submission import SubmissionStatus, examine
from app.store.guesses import Guesses
from app.store.lessons import FeedbackStore
from app.store.poems import Poems
from app.store.submissions import Pieces, Submissions
from app.store.tables import metadata
from app.store.ticks import Ticks
from app.store.visitors import REHASHED, Privacy, Visitors
from tests.support.world import World

MINE = "새벽 기차는 소금밭을 지나\n아무도 내리지 않는 역에 선다"


def tick(world: World, visitor: str, line: int, address: str = "h") -> None:
    """A visitor ticks a line he was shown."""
    with world.transaction() as session:
        Ticks(session).set(line, visitor, on=True, address=address, now=world.clock.now)


def taught(world: World, visitor: str, given: str = MINE) -> int:
    """An approved submission; its number."""
    with world.transaction() as session:
        offer = examine(given, "역", visitor, consent=True)
        return (
            Submissions(session)
            .add(offer, "sibot", visitor, address="h", status=SubmissionStatus.APPROVED, now=world.clock.now)[0]
            .id
        )


def erase(world: World, visitor: str) -> None:
    """Forget him."""
    with world.transaction() as session:
        Privacy(session).erase(visitor, world.clock.now)


def everything(world: World) -> str:
    """Every row of every table."""
    with world.reading() as session:
        connection = session.connection()
        tables = MetaData()
        tables.reflect(connection)
        return "\n".join(
            f"{name} {row}" for name, table in tables.tables.items() for row in connection.execute(select(table))
        )


def lesson(world: World) -> set[str]:
    """The texts of the next lesson."""
    with world.reading() as session:
        return {one.text for one in lessons.build(FeedbackStore(session).of("sibot")).texts}


def test_erasing_removes_everything_from_the_next_lesson(world: World) -> None:
    """His ticks, his poems and what he taught; another's stay."""
    version = world.voice()
    ann, bob = world.visitor("ann"), world.visitor("bob")
    his, others = world.poem(ann, version, prime="봄비가"), world.poem(bob, version)
    tick(world, ann, world.lines(his)[1])
    tick(world, bob, world.lines(others)[2])
    number = taught(world, ann)
    world.version(folder="v1", items=[("poem", number, 1.0), ("line", world.lines(his)[1], 1.0)])
    assert {"창을 닫는다", MINE} < lesson(world)

    erase(world, ann)
    erase(world, ann)

    assert lesson(world) == {"밤새 눈이 내린다"}
    kept = everything(world)
    assert "ann" not in kept
    assert MINE.split("\n", maxsplit=1)[0] not in kept
    with world.reading() as session:
        assert session.execute(text("SELECT count(*) FROM poems")).scalar_one() == 1
        assert session.execute(text("SELECT count(*) FROM lesson_items")).scalar_one() == 0
        assert session.execute(text("SELECT count(*) FROM sketches")).scalar_one() == 0


def test_no_column_refers_to_whom_was_erased(world: World) -> None:
    """Every column of every table that names a visitor is asked: a table that comes later must go with him too."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    lines = world.lines(world.poem(ann, version))[:2]
    world.poem(bob, version, texts=("창을 닫는다",), quoted={0: lines[1]})  # so that a poem of his stays, without him
    for line in lines:
        tick(world, ann, line)
    number = taught(world, ann)
    with world.transaction() as session:
        approved, now = SubmissionStatus.APPROVED, world.clock.now
        Pieces(session).add("sibot", ann, title="봄", author=None, lines=lines, status=approved, now=now)
        assert Visitors(session).counts(ann, address="home", now=now)
        Guesses(session).allow(number)
        Guesses(session).add(ann, "sibot", Riddle("line", lines[0], 0, "가", human=False), said_human=True, now=now)
    name = metadata.tables["visitors"].columns["id"]
    columns = [
        column
        for table in metadata.tables.values()
        for column in table.columns
        if column is name or column.name == "visitor_id" or any(key.column is name for key in column.foreign_keys)
    ]

    def told() -> list[str]:
        with world.reading() as session:
            asked = {str(c): select(func.count()).select_from(c.table).where(c == ann) for c in columns}
            return sorted(name for name, query in asked.items() if session.scalar(query))

    assert told() == sorted(map(str, columns)), "the test gives him a row of each kind"

    erase(world, ann)

    assert told() == []


@pytest.mark.slow
def test_who_has_read_very_much_is_erased_too(world: World) -> None:
    """More lines than a statement of Postgres can name."""
    version, ann = world.voice(), world.visitor("ann")
    first = world.poem(ann, version)
    most = 66_000
    with world.transaction() as session:
        for table, key in (("poems", "id"), ("lines", "poem_id")):
            columns = [column["name"] for column in inspect(session.connection()).get_columns(table)]
            kept = ", ".join(name for name in columns if name not in ("id", "poem_id", "seed"))
            row = session.execute(text(f"SELECT {kept} FROM {table} WHERE {key} = :first LIMIT 1"), {"first": first})
            values = dict(row.mappings().one())
            own = {"poems": ("id", "seed"), "lines": ("id", "poem_id")}[table]
            into = (
                f"INSERT INTO {table} ({kept}, {', '.join(own)}) VALUES ({', '.join(f':{n}' for n in (*values, *own))})"
            )
            count = most // 5 if table == "poems" else most
            many = [{**values, "id": f"p{n}" if table == "poems" else 1000 + n, "seed": n, "poem_id": f"p{n // 5}"}
                    for n in range(count)]  # fmt: skip
            session.execute(text(into), many)

    erase(world, ann)

    with world.reading() as session:
        for table in ("poems", "lines"):
            assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


def test_what_others_guessed_about_him_goes_too(world: World) -> None:
    """A guess keeps the line it was made about: that of a poem he taught leaves with him, others' stay."""
    world.voice()
    ann, bob = world.visitor("ann"), world.visitor("bob")
    numbers = [taught(world, ann), taught(world, bob, "다른 사람이 가르친 시\n이 행은 남는다")]
    with world.transaction() as session:
        for number, line in zip(numbers, (MINE.split("\n")[1], "이 행은 남는다"), strict=True):
            riddle = Riddle("poem", number, 1, line, human=True)
            Guesses(session).add(bob, "sibot", riddle, said_human=True, now=world.clock.now)

    erase(world, ann)

    assert MINE.split("\n")[1] not in everything(world)
    with world.reading() as session:
        assert [guess.text for guess in Guesses(session).of_visitor(bob)] == ["이 행은 남는다"]


def test_what_others_read_stays_without_him(world: World) -> None:
    """A poem that another opened, ticked and quoted keeps its lines, but not its reader's words, nor its reader."""
    version = world.voice()
    ann, bob = world.visitor("ann"), world.visitor("bob")
    his = world.poem(ann, version, prime="봄비가")
    with world.transaction() as session:
        Poems(session).show(his, bob, counted=True, now=world.clock.now)
    lines = world.lines(his)
    tick(world, bob, lines[1])
    quoting = world.poem(bob, version, texts=("창을 닫는다", "가", "나", "다", "라"), quoted={0: lines[1]})

    erase(world, ann)

    assert world.lines(his) == lines[1:]
    assert world.lines(quoting)[0] == lines[1]
    assert lesson(world) == {"창을 닫는다"}
    assert "봄비가" not in everything(world)
    with world.reading() as session:
        assert not Poems(session).one(his, ann).mine
        assert his in [poem.id for poem in Poems(session).page("sibot")[0]]


def test_a_chain_of_his_own_quotations_goes(world: World) -> None:
    """A poem that only his own poems quote is not kept by them; one that a poem that stays quotes is."""
    version = world.voice()
    ann, bob = world.visitor("ann"), world.visitor("bob")
    first = world.poem(ann, version)
    second = world.poem(ann, version, quoted={0: world.lines(first)[0]})
    seen = world.poem(ann, version)
    last = world.poem(ann, version, quoted={1: world.lines(seen)[1]})
    with world.transaction() as session:
        Poems(session).show(last, bob, counted=True, now=world.clock.now)

    erase(world, ann)

    with world.reading() as session:
        assert set(session.scalars(text("SELECT id FROM poems"))) == {seen, last}
    assert second != first


def test_a_visitor_has_all_of_his(world: World) -> None:
    """Poems with his own words marked, ticks, impressions, what he taught; and nothing of anybody else's."""
    version = world.voice()
    ann, bob = world.visitor("ann"), world.visitor("bob")
    his, others = world.poem(ann, version, prime="봄비가"), world.poem(bob, version)
    tick(world, ann, world.lines(his)[1])
    taught(world, ann)
    with world.reading() as session:
        told = Privacy(session).export(ann, world.clock.now)
        nobody = Privacy(session).export("nobody", world.clock.now)

    assert [poem["id"] for poem in told["poems"]] == [his]
    assert told["poems"][0]["lines"][0] == {"text": "봄비가 온다", "your_words": True}
    assert [one["text"] for one in told["ticks"]] == ["창을 닫는다"]
    assert len(told["shown"]) == 4
    assert told["submissions"][0]["text"] == MINE
    assert others not in json.dumps(told)
    assert nobody["poems"] == nobody["submissions"] == []


def test_who_does_anything_at_all_is_not_gone(world: World) -> None:
    """Whatever it is he does: else he would be erased while he is here."""
    version = world.voice()
    for name in ("reader", "opener", "ticker", "teacher", "weaver", "guesser", "idler"):
        world.visitor(name)
    opened, woven = world.poem("ticker", version), world.lines(world.poem("weaver", version))[:2]
    for line in woven:
        tick(world, "weaver", line)
    now = world.clock.forward(days=30)

    world.poem("reader", version)
    tick(world, "ticker", world.lines(opened)[0])
    taught(world, "teacher")
    with world.transaction() as session:
        Poems(session).show(opened, "opener", counted=True, now=now)
        approved = SubmissionStatus.APPROVED
        Pieces(session).add("sibot", "weaver", title="봄", author=None, lines=woven, status=approved, now=now)
        riddle = Riddle("verse", 1, 0, "새벽 기차", human=True)
        Guesses(session).add("guesser", "sibot", riddle, said_human=True, now=now)

    with world.reading() as session:
        assert Privacy(session).gone(before=now - timedelta(days=1)) == ["idler"]


def test_who_stays_away_is_gone(world: World) -> None:
    """Nothing of his is newer than that: neither poem nor tick nor gift."""
    version = world.voice()
    ann, bob = world.visitor("ann"), world.visitor("bob")
    world.poem(ann, version)
    others = world.poem(bob, version)
    world.clock.forward(days=30)
    tick(world, bob, world.lines(others)[0])
    with world.reading() as session:
        store = Privacy(session)
        assert store.gone(before=world.clock.now - timedelta(days=1)) == [ann]
        assert store.gone(before=world.clock.now - timedelta(days=31)) == []


@pytest.mark.parametrize("salt", [b"one", b"two"])
def test_address_hashes_are_blurred(world: World, salt: bytes) -> None:
    """Those of past days; equal ones stay equal, and once is enough."""
    version = world.voice()
    ann = world.visitor("ann", address="first")
    lines = world.lines(world.poem(ann, version))
    tick(world, ann, lines[0], address="first")
    tick(world, ann, lines[1], address="first")
    world.clock.forward(days=2)
    tick(world, ann, lines[2], address="third")

    def blur() -> int:
        with world.transaction() as session:
            return Privacy(session).rehash_addresses(before=world.clock.now - timedelta(days=1), salt=salt)

    assert (blur(), blur()) == (3, 0)
    with world.reading() as session:
        told = [tick.address for tick in FeedbackStore(session).of("sibot").ticks]
    assert told[0] == told[1] != "first"
    assert told[0].startswith(REHASHED)
    assert told[2] == "third"

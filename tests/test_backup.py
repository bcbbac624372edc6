"""The backup: taken while the site runs, put back to the same bytes, from either scale into either."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select, text

from app import actions, backup, bootstrap
from app.bootstrap import Bot, now
from app.domain.errors import UnknownVersion
from app.domain.poem import Wish
from app.domain.submission import SubmissionStatus
from app.domain.visitor import Visitor
from app.store import dump, migrations
from app.store.admins import Admins
from app.store.health import Pulses
from app.store.poems import Poems
from app.store.submissions import Submissions
from app.store.ticks import Ticks
from app.store.versions import Retention, Versions
from app.store.visitors import Visitors
from models.folder import files
from tests.support import bots, versions
from tests.support.databases import Databases, Scale, drift
from tests.support.deployment import until
from tests.support.world import World


@contextmanager
def deployment(databases: Databases, scale: Scale, home: Path, shipped: Path, *, installed: bool) -> Iterator[Bot]:
    """A deployment of that scale with the tiny voice, or one that has not begun."""
    with databases.settings(scale, home, empty=not installed, secret_key="") as settings:
        bot = bootstrap.build(settings, queue=bots.NotedQueue(), shipped=shipped)
        if installed:
            actions.deployment.install_shipped(bot, shipped)
            bot.settings.secret()
        yield bot
        bot.close()


def place(bot: Bot, shipped: Path, run: int) -> tuple[str, int]:
    """A further version on shelf and in table, which is the tiny voice again, and serves; its key and number."""
    key = versions.shelve(bot, shipped, run)
    return key, versions.add(bot, key, metrics={"bits_per_char": 4.25}, serves=True)


def live(bot: Bot) -> None:
    """Some readers, their poems and ticks, something taught, an admin."""
    world = World(bot.sessions)
    with bot.reading() as session:
        version = Versions(session).champion("sibot").id
    for name in ("ann", "bob"):
        world.visitor(name)
        poem = world.poem(name, version, texts=("'봄'\\ \"비\"", "\u2028눈", "🌧️", "", "끝 %s :x"))
        with bot.transaction() as session:
            Ticks(session).set(world.lines(poem)[0], name, on=True, address="", now=now())
    ann = Visitor("ann", returned=True, address="")
    actions.submissions.teach(bot, "sibot", by=ann, text="가르치는 시입니다, 열 글자 넘게", title="제목", consent=True)
    with bot.reading() as session:
        (taught,) = Submissions(session).queue()
    actions.submissions.decide(bot, [taught.id], SubmissionStatus.APPROVED, by="root")
    with bot.transaction() as session:
        Admins(session).create("root", "hash", now())


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a backup but the manifest, which has its hour."""
    return {name: (folder / name).read_bytes() for name in files(folder) if name != backup.MANIFEST}


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of one table of a backup; text may hold what Python takes for the end of a line."""
    told = (folder / "tables" / f"{table}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in told.split("\n") if line]


@pytest.mark.parametrize("into", ["embedded", "scaled"])
def test_what_is_put_back_is_the_same_to_the_byte(
    databases: Databases, scale: Scale, into: Scale, shipped: Path, tmp_path: Path
) -> None:
    """Every row, every version, the key; ids count on, and the champion writes the same poem."""
    first, second = tmp_path / "first", tmp_path / "second"
    with deployment(databases, scale, tmp_path / "one", shipped, installed=True) as bot:
        _, number = place(bot, shipped, 1)
        live(bot)
        told = backup.take(bot, first)
        with bots.engine(bot) as engine:
            poem = engine.write("sibot", Wish(seed=7))
    with deployment(databases, into, tmp_path / "two", shipped, installed=False) as bot:
        backup.restore_from(bot, first, replace=False)
        backup.take(bot, second)
        with bots.engine(bot) as engine:
            again = engine.write("sibot", Wish(seed=7))
            status = engine.status()["sibot"]
        live_on(bot)
        assert drift(bot.database) == []

    assert content(first) == content(second)
    assert told["tables"]["ticks"] == 2
    assert told["missing"] == []
    assert "secret" in content(first)
    assert first.stat().st_mode & 0o077 == 0
    assert [line.text for line in again.lines] == [line.text for line in poem.lines]
    assert (status.number, status.error) == (number, None)


def live_on(bot: Bot) -> None:
    """What comes next has an id of its own."""
    live_again = World(bot.sessions)
    live_again.visitor("cid")
    with bot.reading() as session:
        version = Versions(session).champion("sibot").id
    poem = live_again.poem("cid", version)
    assert min(live_again.lines(poem)) > 10


def test_a_backup_is_one_moment(databases: Databases, scale: Scale, shipped: Path, tmp_path: Path) -> None:
    """Readers go on reading meanwhile: no poem is in it without its lines, no tick without its line."""
    with deployment(databases, scale, tmp_path / "one", shipped, installed=True) as bot:
        world, going = World(bot.sessions), threading.Event()
        with bot.reading() as session:
            version = Versions(session).champion("sibot").id
        world.visitor("ann")

        def read() -> None:
            while not going.is_set():
                poem = world.poem("ann", version)
                with bot.transaction() as session:
                    Ticks(session).set(world.lines(poem)[0], "ann", on=True, address="", now=now())

        thread = threading.Thread(target=read)
        thread.start()
        try:
            for n in range(3):
                backup.take(bot, tmp_path / f"backup-{n}")
        finally:
            going.set()
            thread.join()
    rows = {name: rows_of(tmp_path / "backup-2", name) for name in ("poems", "lines", "poem_lines", "ticks")}

    assert len(rows["poems"]) > 1
    assert len(rows["lines"]) == len(rows["poem_lines"]) == 5 * len(rows["poems"])
    assert {tick["line_id"] for tick in rows["ticks"]} <= {line["id"] for line in rows["lines"]}
    assert len(rows["poems"]) - len(rows["ticks"]) in (0, 1)


@contextmanager
def going_on(bot: Bot) -> Iterator[threading.Event]:
    """Meanwhile readers read, tick and take ticks back, teach and withdraw, and leave with all that is theirs."""
    world, over = World(bot.sessions), threading.Event()
    with bot.reading() as session:
        version = Versions(session).champion("sibot").id

    def one(name: str) -> None:
        who = Visitor(world.visitor(name), returned=True, address="a")
        for n in count():
            lines = world.lines(world.poem(who.id, version))
            for on in (True, False, True):
                actions.ticks.tick(bot, lines[n % 5], by=who, on=on)
            text = f"{name} {n} 가르치는 시입니다, 열 글자 넘게"
            given, _ = actions.submissions.teach(bot, "sibot", by=who, text=text, consent=True)
            if n % 2:
                actions.submissions.withdraw(bot, given.token)
            if n % 5 == 4:
                actions.visitors.erase(bot, who.id)
                world.visitor(name)
            if over.is_set():
                return

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(one, f"reader {n}") for n in range(3)]
        try:
            yield over
        finally:
            over.set()
    for reader in readers:
        reader.result()


def test_what_is_put_back_is_the_moment_row_by_row(
    databases: Databases, scale: Scale, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source goes on while it is backed up and while it is put back elsewhere: each row is that of the one look."""
    truth, told = tmp_path / "truth", tmp_path / "backup"
    truth.mkdir()
    other: Scale = "scaled" if scale == "embedded" else "embedded"
    real = dump.snapshot

    def rows(connection: Connection) -> dict[str, int]:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in dump.tables(connection)
        }

    @contextmanager
    def looked_at_twice(database: Engine) -> Iterator[Connection]:
        with real(database) as connection:
            for table in dump.tables(connection):
                dump.write(connection, table, truth / f"{table.name}.jsonl", lambda _: None)
            seen.update(rows(connection))
            until("the source has gone on", lambda: all(later(name) > seen[name] for name in ("poems", "lines")))
            yield connection

    def later(name: str) -> int:
        with bot.database.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())

    seen: dict[str, int] = {}
    with ExitStack() as stack:
        bot = stack.enter_context(deployment(databases, scale, tmp_path / "one", shipped, installed=True))
        live(bot)
        stack.enter_context(going_on(bot))
        until("there is something", lambda: later("submissions") > 5)
        monkeypatch.setattr(dump, "snapshot", looked_at_twice)
        before = now()
        manifest = backup.take(bot, told)
        monkeypatch.setattr(dump, "snapshot", real)
        new = stack.enter_context(deployment(databases, other, tmp_path / "two", shipped, installed=False))
        backup.restore_from(new, told, replace=False)
        backup.take(new, tmp_path / "again")

    for again in (told / "tables", tmp_path / "again" / "tables"):
        for table in seen:
            assert (again / f"{table}.jsonl").read_bytes() == (truth / f"{table}.jsonl").read_bytes(), table
    assert manifest["tables"] == seen
    assert seen["ticks"] > 2
    assert before.isoformat() <= manifest["made"] <= now().isoformat()


@pytest.fixture
def scales_alike() -> Scale:
    """What follows does not depend on the servers."""
    return "embedded"


@pytest.fixture
def bot(databases: Databases, scales_alike: Scale, shipped: Path, tmp_path: Path) -> Iterator[Bot]:
    """A deployment with something in it."""
    with deployment(databases, scales_alike, tmp_path / "home", shipped, installed=True) as bot:
        place(bot, shipped, 1)
        live(bot)
        yield bot


def test_a_backup_from_before_undoes_what_came_after(bot: Bot, shipped: Path, tmp_path: Path) -> None:
    """Versions made since are gone from the shelf too; the next run's folder finds its place free."""
    backup.take(bot, tmp_path / "backup")
    later, number = place(bot, shipped, 2)
    with pytest.raises(backup.InUse, match="--yes"):
        backup.restore_from(bot, tmp_path / "backup", replace=False)
    backup.restore_from(bot, tmp_path / "backup", replace=True)

    assert not bot.shelf.exists(later)
    with bot.reading() as session, pytest.raises(UnknownVersion):
        Versions(session).one("sibot", number)
    assert place(bot, shipped, 2) == (later, number)


def test_what_still_runs_is_not_replaced(bot: Bot, tmp_path: Path) -> None:
    """A web that goes on writing would write into another database's ids."""
    backup.take(bot, tmp_path / "backup")
    with bot.transaction() as session:
        Pulses(session).beat("web here 1", "web", now())

    with pytest.raises(backup.InUse, match="web here 1 is running"):
        backup.restore_from(bot, tmp_path / "backup", replace=True)


@pytest.mark.parametrize("harm", ["flipped", "gone", "no manifest", "later", "outside"])
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(bot: Bot, tmp_path: Path, harm: str) -> None:
    """A disk that lost a bit is found out while the present deployment is still there."""
    folder = tmp_path / "backup"
    backup.take(bot, folder)
    ticks, manifest = folder / "tables" / "ticks.jsonl", folder / backup.MANIFEST
    told = json.loads(manifest.read_text("utf-8"))
    if harm == "flipped":
        ticks.write_bytes(ticks.read_bytes().replace(b"ann", b"eve"))
    elif harm == "gone":
        ticks.unlink()
    elif harm == "no manifest":
        manifest.unlink()
    elif harm == "later":
        manifest.write_text(json.dumps(told | {"schema": "9999"}), "utf-8")
    else:
        manifest.write_text(json.dumps(told | {"files": {"../home/secret": "0" * 64}}), "utf-8")

    with pytest.raises(backup.BadBackup):
        backup.restore_from(bot, folder, replace=True)
    with bot.reading() as session:
        assert session.execute(text("SELECT count(*) FROM ticks")).scalar() == 2


def test_a_version_that_is_pruned_meanwhile_is_pruned_in_the_backup(
    bot: Bot, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep may take a folder while we copy; a folder that is missing for no reason is named."""
    lost, _ = place(bot, shipped, 2)
    pruned, number = place(bot, shipped, 3)
    place(bot, shipped, 4)
    bot.shelf.remove(lost)
    fetch = bot.shelf.fetch

    def sweep_beside_us(key: str) -> Path:
        if key == pruned:
            with bot.transaction() as session:
                ids = [v.id for v in Versions(session).of_voice("sibot") if v.number == number]
                Retention(session).prune("sibot", ids)
            bot.shelf.remove(pruned)
        return fetch(key)

    monkeypatch.setattr(bot.shelf, "fetch", sweep_beside_us)
    told = backup.take(bot, tmp_path / "backup")
    rows = rows_of(tmp_path / "backup", "versions")

    assert told["missing"] == [lost]
    assert [row["status"] for row in rows if row["folder"] == pruned] == ["pruned"]


def test_what_readers_see_is_what_they_saw(bot: Bot, databases: Databases, shipped: Path, tmp_path: Path) -> None:
    """A reader whose cookie is older than the disaster finds his poem, his tick and his submission."""
    backup.take(bot, tmp_path / "backup")
    with ExitStack() as stack:
        other = stack.enter_context(deployment(databases, "scaled", tmp_path / "new", shipped, installed=False))
        backup.restore_from(other, tmp_path / "backup", replace=False)
        with other.reading() as session:
            current = Poems(session).current("sibot", "ann")
            assert current is not None
            assert [line.ticked for line in Poems(session).one(current, "ann").lines] == [True, *[False] * 4]
            assert Visitors(session).has_returned("ann")
            (taught,) = Submissions(session).queue(SubmissionStatus.APPROVED)
            assert taught.title == "제목"
        assert other.settings.secret() == bot.settings.secret()


def test_a_backup_of_an_earlier_release_is_brought_up_to_date(databases: Databases, tmp_path: Path) -> None:
    """It is read into the schema it was taken of, and migrated as that release's own database would be."""
    with databases.settings("embedded", tmp_path / "old", empty=True) as settings:
        old = bootstrap.build(settings, queue=bots.NotedQueue())
        migrations.upgrade(old.database, "0001")
        with old.database.begin() as connection:
            columns = "slug, title, language, base, created"
            values = "'haiku', '하이쿠', 'ko', 'haiku-1', '2026-11-24 00:00:00.000000'"
            connection.exec_driver_sql(f"INSERT INTO voices ({columns}) VALUES ({values})")
        told = backup.take(old, tmp_path / "backup")
        old.close()
    with databases.settings("scaled", tmp_path / "new", empty=True) as settings:
        new = bootstrap.build(settings, queue=bots.NotedQueue())
        backup.restore_from(new, tmp_path / "backup", replace=False)
        with new.reading() as session:
            titles = list(session.execute(text("SELECT title FROM voices")).scalars())
        current, differences = migrations.is_current(new.database), drift(new.database)
        new.close()

    assert told["schema"] == "0001"
    assert titles == ["하이쿠"]
    assert current
    assert differences == []

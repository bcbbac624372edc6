"""A deployment rolls: the next release migrates the database while the present one still serves."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from app.store import migrations
from tests.support.databases import Databases
from tests.support.deployment import Deployment, answers, checkout, until
from tests.support.patience import PATIENCE
from tests.support.servers import free_port

NEXT = '''"""A step that a later release might take: a column and a table more."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {head!r}


def upgrade() -> None:
    op.add_column("poems", sa.Column("mood", sa.String(20)))
    op.create_table("moods", sa.Column("name", sa.String(20), primary_key=True))


def downgrade() -> None:
    op.drop_table("moods")
    op.drop_column("poems", "mood")
'''


@pytest.fixture
def settings(databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    """A scaled deployment."""
    with databases.settings("scaled", tmp_path / "home", limits="off") as chosen:
        yield chosen


def later_release(folder: Path, voices: Path) -> Path:
    """A checkout with one migration more."""
    later = checkout(folder, voices)
    steps = later / "migrations"
    original = steps.resolve()
    steps.unlink()
    (steps / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (steps / name).symlink_to(original / name)
    known = sorted((original / "versions").glob("0*.py"))
    for step in known:
        (steps / "versions" / step.name).symlink_to(step)
    head = known[-1].name.partition("_")[0]
    (steps / "versions" / "9999_moods.py").write_text(NEXT.format(head=head), "utf-8")
    return later


def read_and_tick(address: str) -> None:
    """What a reader does."""
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        poem = client.post("/api/v1/voices/sibot/poems", json={})
        assert poem.status_code == 201
        line = poem.json()["lines"][0]["id"]
        assert client.put(f"/api/v1/lines/{line}/tick").status_code == 200
        assert client.get("/sibot").status_code == 200


def test_two_releases_serve_side_by_side(settings: Settings, shipped: Path, tmp_path: Path) -> None:
    """A web of the previous schema serves on during and after the migration, beside one of the next release.

    It may even be started anew then, its migration before it, as when the next release is taken back: a database that
    is ahead of a release, by one step, is no reason to refuse, and what readers gave to the next one is kept.
    """
    before = Deployment(checkout(tmp_path / "before", shipped), settings, tmp_path)
    after = Deployment(later_release(tmp_path / "after", shipped), settings, tmp_path / "home")
    with closing(before), closing(after):
        before.poembot("db", "upgrade")
        ports = [free_port() for _ in range(3)]
        old, new, anew = (f"http://127.0.0.1:{port}" for port in ports)
        before.start("serve", "--no-worker", "--port", str(ports[0]))
        until("the old web serves", lambda: answers(old))

        refused = after.start("serve", "--no-worker", "--port", str(ports[1]))
        assert refused.process.wait(PATIENCE) == 1
        assert "old schema" in refused.told().splitlines()[-1]
        after.poembot("db", "upgrade")
        after.start("serve", "--no-worker", "--port", str(ports[1]))
        until("the new web serves", lambda: answers(new))
        before.poembot("db", "upgrade")
        before.start("serve", "--no-worker", "--port", str(ports[2]))
        until("the old release starts anew", lambda: answers(anew))

        for address in (old, new, anew):
            read_and_tick(address)
        assert migrations.is_current(before.bot.database)

"""Databases for the tests: migrated once through Alembic, copied for each test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from app.settings import Settings
from app.store import migrations
from app.store.session import open_database
from app.store.tables import metadata
from tests.support.servers import Servers

Scale = Literal["embedded", "scaled"]
QUIET: dict[str, Any] = {
    "secret_key": "only for tests " * 4,
    "retrain_every": 0,
    "retrain_after": 0,
    "trial_share": 0,
}
"""Settings with which no run or trial starts unless a test asks for it."""


def drift(engine: Engine) -> list[object]:
    """Differences between the tables in the code and those in the database."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


class Databases:
    """Makes databases of either kind; every one has the newest schema, unless asked for empty."""

    def __init__(self, running: Servers, folder: Path) -> None:
        self._running, self._folder = running, folder

    @cached_property
    def _sqlite(self) -> Path:
        file = self._folder / "template.db"
        engine = open_database(f"sqlite:///{file}")
        migrations.upgrade(engine)
        engine.dispose()
        return file

    @cached_property
    def _postgres(self) -> str:
        name = self._running.postgres.create()
        engine = open_database(self._running.postgres.url(name))
        migrations.upgrade(engine)
        engine.dispose()
        return name

    @contextmanager
    def settings(self, scale: Scale, home: Path, *, empty: bool = False, **values: Any) -> Iterator[Settings]:
        """Settings of a deployment of that scale with a database of its own, gone afterwards."""
        home.mkdir(parents=True, exist_ok=True)
        chosen: dict[str, Any] = QUIET | {"home": home} | values
        if scale == "embedded":
            if not empty:
                shutil.copy(self._sqlite, home / "poembot.db")
            yield Settings(_env_file=None, **chosen)
            return
        postgres = self._running.postgres
        name = postgres.create() if empty else postgres.create(like=self._postgres)
        try:
            servers = {"database_url": postgres.url(name), "broker_url": self._running.redis.url()}
            yield Settings(_env_file=None, **(servers | chosen))
        finally:
            postgres.drop(name)

"""The doctor: finds what is wrong, and says what to do."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app import doctor
from app.bootstrap import Bot, now
from app.domain.health import VoiceStatus, WebReport
from app.domain.run import Cause, RunState
from app.store.admins import Admins
from app.store.health import Pulses
from app.store.runs import Runs
from app.store.versions import Versions
from tests.support import versions
from tests.support.databases import Scale


@pytest.fixture
def scale() -> Scale:
    """What it asks is tested on both scales elsewhere."""
    return "embedded"


def place(bot: Bot, shipped: Path, run: int, *, known: bool = True) -> str:
    """A further version of the tiny voice, or a folder that no table knows; its key."""
    key = versions.shelve(bot, shipped, run)
    if known:
        versions.add(bot, key)
    return key


def all_alive(bot: Bot, shipped: Path) -> None:
    """A deployment with nothing wrong: a version more, an admin, and whoever ought to live."""
    place(bot, shipped, 1)
    mark = bot.settings.secret_mark()
    with bot.transaction() as session:
        Admins(session).create("root", "hash", now())
        for kind in ("web", "worker", "beat"):
            told = WebReport(voices=(VoiceStatus("sibot", 0, 0, None),), secret=mark)
            Pulses(session).beat(f"{kind} 1", kind, now(), told if kind == "web" else None)


def vanish(bot: Bot, shipped: Path) -> None:
    """The folder of a version that could be gone back to is lost."""
    bot.shelf.remove("sibot/sibot-tiny/run-1-1")


def old_backup(bot: Bot, shipped: Path) -> None:
    """The database is older than the shelf."""
    place(bot, shipped, 2, known=False)
    folder = Path(bot.settings.shelf) / "sibot/sibot-tiny/run-2-1"
    an_hour_ago = (now() - timedelta(hours=1)).timestamp()
    os.utime(folder, (an_hour_ago, an_hour_ago))


def ahead(bot: Bot, shipped: Path) -> None:
    """A version was made while the clock was wrong."""
    versions.add(bot, place(bot, shipped, 3, known=False), later=timedelta(days=400))


def two_secrets(bot: Bot, shipped: Path) -> None:
    """A second web has another key."""
    with bot.transaction() as session:
        Pulses(session).beat("web 2", "web", now(), WebReport(secret="another"))


def will_not_load(bot: Bot, shipped: Path) -> None:
    """A web serves another version than it ought to."""
    told = WebReport(voices=(VoiceStatus("sibot", 0, 1, "torn"),), secret=bot.settings.secret_mark())
    with bot.transaction() as session:
        Pulses(session).beat("web 1", "web", now(), told)


def torn_champion(bot: Bot, shipped: Path) -> None:
    """The champion's weights are not what they were."""
    with bot.transaction() as session:
        Versions(session).promote("sibot", 1, by="test", reason="", now=now())
    weights = next((Path(bot.settings.shelf) / "sibot/sibot-tiny/run-1-1").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")


def runs_fail(bot: Bot, shipped: Path) -> None:
    """One after the other."""
    for _ in range(2):
        with bot.transaction() as session:
            Runs(session).start("sibot", Cause.SHELL, now())
            claim = Runs(session).claim(now(), timedelta(seconds=60))
            assert claim is not None
            Runs(session).end(claim, RunState.FAILED, error="no room", now=now())


def open_secret(bot: Bot, shipped: Path) -> None:
    """Others of the machine may read the key."""
    (bot.settings.home / "secret").chmod(0o644)


HARMS: dict[Callable[[Bot, Path], None], tuple[str, str]] = {
    vanish: ("version sibot 1", "restore the shelf"),
    old_backup: ("strays", "run-2-1"),
    ahead: ("clock", "in the future"),
    two_secrets: ("web", "different secrets"),
    will_not_load: ("web 1, sibot", "poembot rollback sibot"),
    torn_champion: ("voice sibot", "poembot rollback sibot"),
    runs_fail: ("runs", "no room"),
    open_secret: ("secret", "chmod 600"),
}


@pytest.fixture
def well(bot: Bot, shipped: Path) -> Bot:
    """A deployment with nothing wrong, whose key HOME keeps."""
    kept = Bot(bot.settings.model_copy(update={"secret_key": ""}), bot.database, bot.sessions, bot.queue, bot.shelf)
    all_alive(kept, shipped)
    return kept


def test_where_nothing_is_wrong_nothing_is_found(well: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check is well, and there are many."""
    monkeypatch.setattr(doctor, "LEAST_ROOM", 0)
    findings = doctor.examine(well)

    assert [(finding.name, finding.detail) for finding in findings if not finding.ok] == []
    assert len(findings) >= 12


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_what_is_wrong_is_found(
    well: Bot, shipped: Path, harm: Callable[[Bot, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That and nothing else, with what to do about it."""
    monkeypatch.setattr(doctor, "LEAST_ROOM", 0)
    harm(well, shipped)
    wrong = {finding.name: finding.detail for finding in doctor.examine(well) if not finding.ok}
    name, told = HARMS[harm]

    assert set(wrong) == {name}
    assert told in wrong[name]


def test_a_disk_that_fills_is_found(well: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is full."""
    monkeypatch.setattr(doctor, "LEAST_ROOM", 10**18)
    wrong = {finding.name: finding.detail for finding in doctor.examine(well) if not finding.ok}

    assert set(wrong) == {"home", "shelf"}
    assert all("make room" in told for told in wrong.values())

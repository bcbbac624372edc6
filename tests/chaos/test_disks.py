"""Disks that fill, wherever something is written: what cannot be kept is refused, nothing half-made counts.

Under the shelf, while a worker writes a version: `test_outages.py`.
"""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from app.domain.run import Cause
from app.store.runs import Runs
from tests.chaos.house import House, full_disk
from tests.chaos.readers import Readers
from tests.chaos.storm import Storm
from tests.chaos.truth import MADE, Noted
from tests.support.deployment import until
from tests.support.patience import PATIENCE


@pytest.mark.chaos
def test_a_disk_that_fills_under_the_database(house: House, noted: Noted) -> None:
    """A tick that cannot be kept is refused with 503; pages can still be read; with room again all goes on."""
    home = house.deployment.settings.home
    with noted("disk", "full under SQLite") as found:
        web = house.child("web")
        with Readers(house.address) as readers:
            time.sleep(1)
            before = len(readers.acknowledged)
            with full_disk(web, at=1):
                until("ticks are refused", lambda: readers.refused > 3)
                page = httpx.get(f"{house.address}/sibot/versions", headers={"Accept": "text/html"}, timeout=PATIENCE)
                poem = httpx.post(f"{house.address}/api/v1/voices/sibot/poems", json={}, timeout=PATIENCE)
            after = readers.refused
            until("ticks are kept again", lambda: len(readers.acknowledged) > before + 6)
        found.acknowledged, found.refused = len(readers.acknowledged), readers.refused
        kept = house.ticked()
        found.ticks_lost = sum((line in kept) is not on for line, on in readers.acknowledged.items())

    assert page.status_code == 200
    assert poem.status_code == 503
    assert "retry-after" in poem.headers
    assert found.ticks_lost == 0
    assert after > 0
    assert (home / "poembot.db").is_file()


@pytest.mark.chaos
def test_a_disk_that_fills_under_the_queue(house: House, noted: Noted) -> None:
    """It can't be announced: whoever asked for a run is told that it waits, and the worker finds it by itself."""
    with noted("disk", "full under the queue") as found:
        with house.deployment.bot.transaction() as session:  # this bot announces nothing, as on a full disk
            run, _ = Runs(session).start("sibot", Cause.SHELL, Storm.now())
        (house.deployment.settings.home / "queue" / "messages" / "0_torn.poembot.msg").write_text('{"body": "bG')
        until("the run ends", lambda: house.run(run).state.ended)
        report = house.run(run)
        found.attempts = report.attempt
        until("the torn message is gone", lambda: not torn(house))

    assert report.state in MADE


def torn(house: House) -> bool:
    """Does half a message lie in the queue?"""
    return (house.deployment.settings.home / "queue" / "messages" / "0_torn.poembot.msg").exists()


@pytest.mark.chaos
def test_a_disk_that_fills_under_a_backup(house: House, noted: Noted, tmp_path: Path) -> None:
    """One clear line, and nothing half-made is left that could be taken for a backup."""
    with noted("disk", "full under a backup"):
        done = with_little_room(house, f"backup {tmp_path / 'backup'}", 40)

    assert done.returncode == 1
    assert "too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def with_little_room(house: House, command: str, kilobytes: int) -> "subprocess.CompletedProcess[str]":
    """A command whose files cannot grow beyond that, and what it said."""
    limited = f"ulimit -f {kilobytes}; exec {sys.executable} -m app.cli {command}"
    return subprocess.run(["bash", "-c", limited], cwd=house.deployment.checkout, env=house.deployment.environment,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)  # fmt: skip


@pytest.mark.chaos
@pytest.mark.parametrize(("kilobytes", "where"), [(40, "the shelf"), (200, "the database")])
def test_a_disk_that_fills_under_a_restore(
    house: House, noted: Noted, tmp_path: Path, kilobytes: int, where: str
) -> None:
    """One clear line; the backup is whole as before, and restored once more, with room, all of it is there."""
    with noted("disk", f"full under a restore, {where}"):
        house.taught()  # there is a version to put on the shelf
        house.deployment.poembot("backup", str(tmp_path / "backup"))
        before = house.ticked()
        house.down()
        full = with_little_room(house, f"restore {tmp_path / 'backup'} --yes", kilobytes)
        again = with_little_room(house, f"restore {tmp_path / 'backup'} --yes", 10_000_000)
        house.up()
        kept = house.ticked()

    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert len(full.stderr.splitlines()) == 1
    assert again.returncode == 0, again.stderr
    assert kept == before


@pytest.mark.chaos
def test_a_disk_that_fills_at_the_first_start(shipped: Path, noted: Noted, tmp_path: Path, house: House) -> None:
    """It says so in a line and goes; with room, the next start is a first start."""
    home = tmp_path / "home"
    told = house.deployment.environment | {"POEMBOT_HOME": str(home), "POEMBOT_SECRET_KEY": ""}
    with noted("disk", "full at the first start"):
        command = f"ulimit -f 8; exec {sys.executable} -m app.cli db upgrade"
        full = subprocess.run(["bash", "-c", command], cwd=house.deployment.checkout, env=told, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)  # fmt: skip
        room = subprocess.run([*house.poembot, "db", "upgrade"], cwd=house.deployment.checkout, env=told,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)  # fmt: skip

    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert room.returncode == 0, room.stderr

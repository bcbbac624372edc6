"""What befalls a site that is left alone for months: clocks that jump, disks that fill, folders that vanish, old
backups, another key. Nothing is lost but what was taken away, nobody meets an error that is ours, and it says so.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.domain.run import Cause
from app.store.runs import Runs
from tests.chaos.house import Clock, House, built, full_disk
from tests.chaos.readers import Readers
from tests.chaos.storm import Storm
from tests.chaos.truth import FOUND, MADE, Fault, Findings
from tests.support.deployment import answers, until

HOUR, DAY = 3600.0, 86400.0
Noted = Callable[[str, str], AbstractContextManager[Findings]]


@pytest.fixture(scope="module")
def house(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation on one machine."""
    with built(tmp_path_factory.mktemp("house"), shipped) as one:
        yield one


@pytest.fixture
def noted(request: pytest.FixtureRequest) -> Noted:
    """A block that leaves a line in the table."""

    @contextmanager
    def opened(name: str, moment: str) -> Iterator[Findings]:
        found = Findings(name, moment)
        request.config.stash.setdefault(FOUND, []).append(found)
        began = time.monotonic()
        yield found
        found.seconds = time.monotonic() - began

    return opened


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_workers_clock_that_jumps_in_mid_run(storm: Storm, fault: Fault, tmp_path: Path, seconds: float) -> None:
    """Leases are told by the database's clock: nobody takes the run from it, and it takes none from others."""
    clock = Clock(tmp_path / "clock")
    with fault("clock of a worker", f"{seconds:+.0f} s in mid-run") as found, storm.without_worker():
        told = storm.deployment.environment | clock.environment | {"POEMBOT_LESSON_STEPS": "90"}
        worker = storm.deployment.launch([sys.executable, "-m", "app.cli", "worker"], told, "wrong")
        until("it is ready", lambda: "worker.ready" in worker.told())
        run = storm.ask()
        until("it trains", lambda: storm.run(run).step > 0)
        clock.jump(seconds)
        report = storm.ended(run)
        found.attempts = report.attempt
        assert worker.stop() == 0

    assert report.state in MADE
    assert report.attempt == 1


@pytest.mark.chaos
def test_a_lease_of_the_future_binds_nobody(storm: Storm, fault: Fault) -> None:
    """The database's own clock went back by a day while a worker died with its run: another takes it up at once."""
    with fault("clock of the database", "a day back") as found:
        with storm.without_worker():
            run = storm.ask()
            with storm.deployment.bot.transaction() as session:
                claim = Runs(session).claim(storm.now() + timedelta(days=1), timedelta(0))
            assert claim is not None
            assert claim.run == run
        report = storm.ended(run)
        found.attempts = report.attempt

    assert report.state in MADE
    assert report.attempt == 2


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [2 * DAY, -2 * DAY])
def test_the_clock_of_a_whole_machine_that_jumps(house: House, noted: Noted, tmp_path: Path, seconds: float) -> None:
    """Readers keep their poems and ticks, a form that has grown old says so, a run goes well on either side."""
    clock = Clock(tmp_path / "clock")
    with noted("clock of a machine", f"{seconds / DAY:+.0f} days"):
        house.down()
        house.up(clock.environment)
        with httpx.Client(base_url=house.address, timeout=20, headers={"Accept": "text/html"}) as client:
            page = client.get("/sibot").text
            poem = client.post("/api/v1/voices/sibot/poems", json={}).json()
            clock.jump(seconds)
            seen = [client.get("/sibot").status_code, client.get(f"/poems/{poem['id']}").status_code]
            ticked = client.put(f"/api/v1/lines/{poem['lines'][0]['id']}/tick").status_code
            form = client.post("/sibot/poems", data={"csrf_token": token_in(page)}).status_code
        there = house.taught()
        clock.jump(0)
        back = house.taught()

    assert seen == [200, 200]
    assert ticked == 200
    assert form in (303, 403)
    assert there.state in MADE
    assert back.state in MADE


def token_in(page: str) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


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
                page = httpx.get(f"{house.address}/sibot/versions", headers={"Accept": "text/html"}, timeout=20)
                poem = httpx.post(f"{house.address}/api/v1/voices/sibot/poems", json={}, timeout=20)
            after = readers.refused
            until("ticks are kept again", lambda: len(readers.acknowledged) > before + 6)
        found.acknowledged, found.refused = len(readers.acknowledged), readers.refused
        kept = ticked(house)
        found.ticks_lost = sum((line in kept) is not on for line, on in readers.acknowledged.items())

    assert page.status_code == 200
    assert poem.status_code == 503
    assert "retry-after" in poem.headers
    assert found.ticks_lost == 0
    assert after > 0
    assert (home / "poembot.db").is_file()


def ticked(house: House) -> set[int]:
    """Lines that are ticked, by the table."""
    with house.deployment.bot.reading() as session:
        return {
            row[0] for row in session.connection().exec_driver_sql("SELECT line_id FROM ticks WHERE NOT taken_back")
        }


@pytest.mark.chaos
def test_a_disk_that_fills_under_the_queue(house: House, noted: Noted) -> None:
    """The bell can't be rung: whoever asked for a run is told that it waits, and the worker finds it by itself."""
    with noted("disk", "full under the queue") as found:
        with house.deployment.bot.transaction() as session:  # this bot's bell is heard by nobody, as a full disk's is
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
        limited = f"ulimit -f 40; exec {sys.executable} -m app.cli backup {tmp_path / 'backup'}"
        done = subprocess.run(
            ["bash", "-c", limited],
            cwd=house.deployment.checkout,
            env=house.deployment.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    assert done.returncode == 1
    assert "too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.chaos
def test_a_disk_that_fills_at_the_first_start(shipped: Path, noted: Noted, tmp_path: Path, house: House) -> None:
    """It says so in a line and goes; with room, the next start is a first start."""
    home = tmp_path / "home"
    told = house.deployment.environment | {"POEMBOT_HOME": str(home), "POEMBOT_SECRET_KEY": ""}
    with noted("disk", "full at the first start"):
        command = f"ulimit -f 8; exec {sys.executable} -m app.cli db upgrade"
        full = subprocess.run(["bash", "-c", command], cwd=house.deployment.checkout, env=told, capture_output=True,
                              text=True, timeout=90, check=False)  # fmt: skip
        room = subprocess.run([*house.poembot, "db", "upgrade"], cwd=house.deployment.checkout, env=told,
                              capture_output=True, text=True, timeout=90, check=False)  # fmt: skip

    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert room.returncode == 0, room.stderr


@pytest.mark.chaos
@pytest.mark.parametrize("how", ["the database alone", "with `poembot restore`"])
def test_an_old_backup_that_is_put_back(house: House, noted: Noted, tmp_path: Path, how: str) -> None:
    """Ticks of before are there; later versions are gone and do not stand in the way of new ones."""
    alone = how == "the database alone"
    with noted("backup", f"an old one, {how}") as found:
        house.deployment.poembot("backup", str(tmp_path / "backup"))
        before = ticked(house)
        with Readers(house.address, 1) as readers:
            until("something is ticked", lambda: len(readers.acknowledged) > 3)
        later = house.taught()
        lying = house.folder(later.version or 0)
        house.down()
        shelf, aside = Path(house.deployment.settings.shelf), tmp_path / "aside"
        shutil.copytree(shelf, aside)
        house.deployment.poembot("restore", str(tmp_path / "backup"), "--yes")
        gone = not lying.exists()
        if alone:  # somebody put the database back by other means: the shelf is as it was
            shutil.rmtree(shelf)
            shutil.copytree(aside, shelf)
        house.up()
        kept = ticked(house)
        again = house.taught()
        found.attempts = again.attempt

    assert kept == before
    assert gone
    assert again.run == later.run
    assert again.state in MADE
    assert house.folder(again.version or 0).is_dir()


def test_another_key(house: House, noted: Noted) -> None:
    """Readers are strangers again, and nothing worse: no error, their poems stay, the admin's token still opens."""
    with (
        noted("SECRET_KEY", "another one"),
        httpx.Client(base_url=house.address, timeout=20, headers={"Accept": "text/html"}) as client,
    ):
        page = client.get("/sibot").text
        poem = client.post("/api/v1/voices/sibot/poems", json={}).json()
        before = dict(client.cookies)
        line = poem["lines"][0]["id"]
        house.down()
        house.up({"POEMBOT_SECRET_KEY": "quite another one " * 3})
        form = client.post("/sibot/poems", data={"csrf_token": token_in(page)})
        stranger = client.get("/sibot")
        after = dict(client.cookies)
        tick = client.put(f"/api/v1/lines/{line}/tick")
        permalink = client.get(f"/poems/{poem['id']}")
        admin = client.get("/api/v1/admin/voices/sibot/runs", headers={"Authorization": f"Bearer {house.token}"})

    assert form.status_code in (303, 403)
    assert stranger.status_code == permalink.status_code == admin.status_code == 200
    assert before["visitor"] != after["visitor"]
    assert tick.status_code in (200, 404)


@pytest.mark.chaos
def test_a_champions_folder_that_vanishes(house: House, noted: Noted) -> None:
    """Who serves it goes on from memory; after a restart the base serves, it is said, and the next run mends it."""
    with noted("shelf", "the champion's folder vanishes"):
        report = house.taught()
        assert report.version is not None
        house.promote(report.version)
        house.serves(report.version)
        shutil.rmtree(house.folder(report.version))
        house.serves(report.version)
        house.child("web").kill()
        time.sleep(1)
        until("the site is ready", lambda: answers(house.address))
        house.serves(0)
        ready = httpx.get(f"{house.address}/readyz", timeout=20).json()
        doctor = subprocess.run([*house.poembot, "doctor", "--json"], cwd=house.deployment.checkout,
                                env=house.deployment.environment, capture_output=True, text=True, timeout=90,
                                check=False)  # fmt: skip
        again = house.taught()
        assert again.version is not None
        house.promote(again.version)
        house.serves(again.version)

    assert ready["ready"] is True
    assert "not on the shelf" in ready["voices"]["sibot"]["error"]
    checks = {check["name"]: check for check in json.loads(doctor.stdout.splitlines()[-1])["checks"]}
    assert checks["voice sibot"]["ok"] is False
    assert "rollback" in checks["voice sibot"]["detail"]

"""What befalls a site that is left alone for months: clocks that jump, folders that vanish, old backups, another key.

Nothing is lost but what was taken away, nobody meets an error that is ours, and it says so. Disks: `test_disks.py`.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.store.runs import Runs
from app.store.versions import Versions
from tests.chaos.house import Clock, House, built
from tests.chaos.readers import Readers
from tests.chaos.storm import Storm
from tests.chaos.truth import MADE, Fault, Noted
from tests.models.test_checkpoint import rewritten
from tests.scale.test_rolling import later_release
from tests.support.deployment import answers, until
from tests.support.patience import PATIENCE

HOUR, DAY = 3600.0, 86400.0


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_workers_clock_that_jumps_in_mid_run(storm: Storm, fault: Fault, tmp_path: Path, seconds: float) -> None:
    """Leases are told by the database's clock: nobody takes the run from it, and it takes none from others."""
    clock = Clock(tmp_path / "clock")
    with fault("clock of a worker", f"{seconds:+.0f} s in mid-run") as found, storm.without_worker():
        told = storm.deployment.environment | clock.environment | {"POEMBOT_LESSON_STEPS": "90"}
        worker = storm.deployment.launch([sys.executable, "-m", "app.cli", "worker"], told, "wrong")
        until("it is ready", lambda: "worker.ready" in worker.told())
        run = storm.desk.ask()
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
            run = storm.desk.ask()
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
        with httpx.Client(base_url=house.address, timeout=PATIENCE, headers={"Accept": "text/html"}) as client:
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
    assert form == 403
    assert there.state in MADE
    assert back.state in MADE


def token_in(page: str) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.chaos
@pytest.mark.parametrize("how", ["the database alone", "with `poembot restore`"])
def test_an_old_backup_that_is_put_back(house: House, noted: Noted, tmp_path: Path, how: str) -> None:
    """Ticks of before are there; later versions are gone and do not stand in the way of new ones."""
    alone = how == "the database alone"
    with noted("backup", f"an old one, {how}") as found:
        house.deployment.poembot("backup", str(tmp_path / "backup"))
        before = house.ticked()
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
        kept = house.ticked()
        again = house.taught()
        found.attempts = again.attempt

    assert kept == before
    assert gone
    assert again.run == later.run
    assert again.state in MADE
    assert house.folder(again.version or 0).is_dir()


@pytest.mark.nightly
def test_an_update_from_the_release_before(shipped: Path, tmp_path: Path) -> None:
    """As keeping.md tells it, with feedback, a taste and a taught version of the old base: the site goes on.

    The next release brings a schema and a base of its own. What readers gave stays, and teaches the new base.
    """
    voices = Path(shutil.copytree(shipped, tmp_path / "voices"))
    rewritten(voices / "sibot", base="sibot-tiny-2")
    with built(tmp_path, shipped, taste_after=5) as house, ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=house.address, timeout=PATIENCE))
        poem = client.post("/api/v1/voices/sibot/poems", json={}).json()
        client.put(f"/api/v1/lines/{poem['lines'][0]['id']}/tick").raise_for_status()
        taught = client.post(
            "/api/v1/voices/sibot/submissions",
            json={"text": "창밖에 눈이 내리고\n나는 오래 서 있었다", "consent": True},
        ).json()
        house.deployment.poembot("moderate", "approve", str(taught["id"]))
        with Readers(house.address, 1):
            until("there is a taste", lambda: rows(house, "tastes") > 0)
        old = house.taught()
        house.desk.promote(old.version or 0)
        house.serves(old.version or 0)
        given = {table: rows(house, table) for table in ("ticks", "submissions", "poems")}

        house.deployment.poembot("backup", str(tmp_path / "backup"))
        house.down()
        house.deployment.checkout = later_release(tmp_path / "later", voices)
        house.deployment.poembot("db", "upgrade")
        house.up()
        doctor = json.loads(house.deployment.poembot("doctor", "--json").splitlines()[-1])
        page, again = client.get("/sibot"), client.get(f"/api/v1/poems/{poem['id']}").json()
        told = client.get(f"/api/v1{taught['url']}").json()
        assert {table: rows(house, table) for table in given} == given
        house.serves(0)
        new = house.taught()
        with house.deployment.bot.reading() as session:
            version = Versions(session).one("sibot", new.version or 0)

    assert {check["name"]: check["ok"] for check in doctor["checks"]}["database"]
    assert page.status_code == 200
    assert [line["text"] for line in again["lines"]] == [line["text"] for line in poem["lines"]]
    assert again["lines"][0]["ticked"]
    assert told["status"] == "approved"
    assert new.state in MADE
    assert (version.base, version.number) == ("sibot-tiny-2", 1)
    assert version.lesson["ticks"] not in (None, 0)
    assert version.lesson["submissions"] == 1


def rows(house: House, table: str) -> int:
    """How many there are."""
    with house.deployment.bot.database.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_another_key(house: House, noted: Noted) -> None:
    """Readers are strangers again, and nothing worse: no error, their poems stay, the admin's token still opens."""
    with (
        noted("SECRET_KEY", "another one"),
        httpx.Client(base_url=house.address, timeout=PATIENCE, headers={"Accept": "text/html"}) as client,
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

    assert form.status_code == 403
    assert stranger.status_code == permalink.status_code == admin.status_code == 200
    assert before["visitor"] != after["visitor"]
    assert tick.status_code == 404


@pytest.mark.chaos
def test_a_champions_folder_that_vanishes(house: House, noted: Noted) -> None:
    """Who serves it goes on from memory; after a restart the base serves, it is said, and the next run mends it."""
    with noted("shelf", "the champion's folder vanishes"):
        report = house.taught()
        assert report.version is not None
        house.desk.promote(report.version)
        house.serves(report.version)
        shutil.rmtree(house.folder(report.version))
        house.serves(report.version)
        house.child("web").kill()
        time.sleep(1)
        until("the site is ready", lambda: answers(house.address))
        house.serves(0)
        ready = httpx.get(f"{house.address}/readyz", timeout=PATIENCE).json()
        doctor = subprocess.run([*house.poembot, "doctor", "--json"], cwd=house.deployment.checkout,
                                env=house.deployment.environment, capture_output=True, text=True, timeout=PATIENCE,
                                check=False)  # fmt: skip
        again = house.taught()
        assert again.version is not None
        house.desk.promote(again.version)
        house.serves(again.version)

    assert ready["ready"] is True
    assert "not on the shelf" in ready["voices"]["sibot"]["error"]
    checks = {check["name"]: check for check in json.loads(doctor.stdout.splitlines()[-1])["checks"]}
    assert checks["voice sibot"]["ok"] is False
    assert "rollback" in checks["voice sibot"]["detail"]

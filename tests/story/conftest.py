"""The round trip, walked once for each scale; the numbered files look at it leg by leg.

A leg walks what comes before it first, so each file may be run alone; together they run in their order
(`tests/conftest.py`), since a later leg changes what an earlier one has counted.
"""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.actions.trials import weigh_trial
from app.bootstrap import Bot, now
from app.domain import gate
from app.store.admins import Admins
from app.store.tables import PoemRow
from app.store.trials import Trials
from app.store.versions import Versions
from models import checkpoint
from models.checkpoint import Checkpoint
from tests.support import bots
from tests.support.bots import NotedQueue
from tests.support.databases import Databases, Scale
from tests.support.patience import PATIENCE
from tests.web.reader import Reader, form, lines
from worker.runner import Runner

READERS = 8
CROWD = 30
"""Newcomers who decide a trial."""
LIMITS = replace(gate.LIMITS, level=0.0, copied=0.1, plausible=0.5, repeated=0.1, variety=0.8)
"""Wider than the gate's: of a tiny base's few lines two equal versions have shares that differ by more than those by
chance (0.03 and more of words built like none). What each rule turns away: `tests/worker/test_examiner.py`."""
TAUGHT = (
    "창밖에 눈이 내리고\n나는 오래 서 있었다",
    "마루 끝에 앉아\n저녁이 오는 소리를 듣는다",
    "버스를 놓치고\n은행나무 아래에서 비를 피했다",
    "빈 의자 하나가\n오후 내내 햇볕을 쬐고 있다",
)
WAITING = "어머니의 빈 그릇에\n달빛이 고여 있었다"


@dataclass
class Trip:
    """One deployment, its readers and its admin. Each leg is walked when it is first looked at, and only once."""

    bot: Bot
    address: str
    closing: ExitStack
    trainings: list[int] = field(default_factory=list)
    """Runs that each call of the worker carried out."""
    readers: int = 0

    def reader(self) -> Reader:
        """Somebody new at an address of his own, with a browser and no JavaScript."""
        self.readers += 1
        home = f"198.51.100.{self.readers}"  # told by the proxy: cookies of one address count for two readers at most
        headers = {"accept-language": "ko", "user-agent": "Mozilla/5.0", "x-forwarded-for": home}
        return Reader(
            self.closing.enter_context(httpx.Client(base_url=self.address, headers=headers, timeout=PATIENCE))
        )

    @cached_property
    def admin(self) -> httpx.Client:
        """The admin's shell, with a bearer token."""
        with self.bot.transaction() as session:
            Admins(session).create("keeper", "no password opens this", now())
            token = Admins(session).new_token("keeper", now())
        headers = {"authorization": f"Bearer {token}"}
        return self.closing.enter_context(
            httpx.Client(base_url=f"{self.address}/api/v1", headers=headers, timeout=PATIENCE)
        )

    def ask(self, path: str) -> Any:
        """What the API answers to a question."""
        answer = self.admin.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @cached_property
    def first_pages(self) -> list[tuple[Reader, httpx.Response, httpx.Response]]:
        """Leg 1: readers open the page, and open it again."""
        readers = [self.reader() for _ in range(READERS)]
        return [(reader, reader.open("/sibot"), reader.open("/sibot")) for reader in readers]

    @cached_property
    def ticked(self) -> list[tuple[Reader, str, list[str]]]:
        """Leg 2: each ticks the second and the fourth line: reader, poem, and the texts of those lines."""
        given = []
        for reader, _, page in self.first_pages:
            boxes = form(page, "/ticks")
            ids = re.findall(r'<li data-line="(\d+)"', page.text)
            reader.send(boxes, lines=[ids[1], ids[3]])
            given.append((reader, boxes.action.split("/")[2], [lines(page)[1], lines(page)[3]]))
        return given

    @cached_property
    def taught(self) -> list[httpx.Response]:
        """Leg 2, too: some readers teach a poem each; the admin approves all but the last, which waits."""
        pages = [
            reader.send(form(page, "/submissions"), text=text, title="", author="", consent="yes")
            for (reader, _, page), text in zip(self.first_pages, (*TAUGHT, WAITING), strict=False)
        ]
        for one in self.ask("/admin/submissions?status=waiting"):
            if one["text"] in TAUGHT:
                assert self.admin.post(f"/admin/submissions/{one['id']}/approve").is_success
        return pages

    @cached_property
    def asked(self) -> httpx.Response:
        """Leg 3: the admin asks for a run."""
        assert self.ticked
        assert self.taught
        return self.admin.post("/admin/voices/sibot/runs")

    @cached_property
    def run(self) -> dict[str, Any]:
        """Leg 4: a worker looks, and carries it out; the run as the desk shows it afterwards."""
        number = self.asked.json()["run"]
        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as worker:  # its niceness must not last
            patch.setattr(gate, "LIMITS", LIMITS)
            self.trainings.append(worker.submit(Runner(self.bot).work).result())
        found: dict[str, Any] = self.ask(f"/admin/runs/{number}")
        return found

    def version(self, number: int) -> Checkpoint:
        """Leg 5: what lies on the shelf."""
        assert self.run
        with self.bot.reading() as session:
            folder = Versions(session).one("sibot", number).folder
        return checkpoint.read(self.bot.shelf.fetch(folder))

    def wait_for(self, version: int) -> float:
        """Leg 6: seconds until the site serves *version*."""
        began = time.monotonic()
        while self.serving() != version:
            assert time.monotonic() - began < PATIENCE, f"the site does not serve version {version}"
            time.sleep(0.05)
        return time.monotonic() - began

    def serving(self) -> int:
        """The version that the site has in memory."""
        ready = httpx.get(f"{self.address}/readyz", timeout=PATIENCE).json()
        return int(ready["voices"]["sibot"]["serving"])

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """Leg 6: eight readers are too few to tell what readers like, so the admin decides."""
        assert self.run["state"] == "undecided", self.run
        answer = self.admin.post("/admin/voices/sibot/promote", json={"version": 1, "reason": "it reads well"})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @cached_property
    def swapped(self) -> list[httpx.Response]:
        """Leg 6: everybody asks for another poem."""
        assert self.chosen == {"champion": 1}
        self.wait_for(1)
        return [reader.send(form(page, "/sibot/poems")) for reader, _, page in self.first_pages]

    @cached_property
    def rolled_back(self) -> tuple[dict[str, Any], httpx.Response]:
        """Leg 8: the admin takes it back; his answer, and the poem that a newcomer gets then."""
        assert self.swapped
        assert self.learned
        answer = self.admin.post("/admin/voices/sibot/rollback")
        self.wait_for(0)
        return answer.json(), self.reader().open("/sibot")

    @cached_property
    def learned(self) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        """Leg 7: the first reader looks at what he gave, at his poem's page, and at the versions."""
        assert self.swapped
        reader = self.first_pages[0][0]
        return reader.open("/me"), reader.open(self.taught[0].url.path), reader.open("/sibot/versions")

    @cached_property
    def on_trial(self) -> list[str]:
        """Leg 9: version 1 gets a share of the poems; newcomers tick all that it writes, and nothing of the base's.

        What the worker's look at it said: at once, and when their visits are over.
        """
        assert self.rolled_back
        with self.bot.transaction() as session:
            version = Versions(session).one("sibot", 1).id
            assert Trials(session).start("sibot", version, share=0.5, now=now()) is not None
        self._wait_for_the_draw()
        for _ in range(CROWD):
            self._favour(1)
        return [self.look(timedelta()), self.look(timedelta(hours=2))]

    def _wait_for_the_draw(self) -> None:
        """Until the site has the challenger in memory."""
        began = time.monotonic()
        while not self._writes(1):
            assert time.monotonic() - began < PATIENCE, "the challenger writes nothing"

    def _writes(self, version: int) -> bool:
        answer = httpx.post(f"{self.address}/api/v1/voices/sibot/poems", json={"lines": 1}, timeout=PATIENCE)
        return self._wrote(answer.json()["id"], version)

    def _wrote(self, poem: str, version: int) -> bool:
        """Is that poem by *version*? Nobody is told while its reader may tick; the database knows."""
        with self.bot.reading() as session:
            row = session.get_one(PoemRow, poem)
            return row.version_id == Versions(session).one("sibot", version).id

    def _favour(self, version: int) -> None:
        """A newcomer reads two poems, and ticks all lines of those by *version*, which he knows by its manner.

        He goes on from the page that shows his ticks: "another poem" sends the boxes as they stand. All is written
        anew, since a ticked line would stay.
        """
        reader = self.reader()
        page = reader.open("/sibot")
        for _ in range(2):
            page = reader.send(form(page, "/sibot/poems"), fresh="yes")
            poem = page.url.path.rsplit("/", 1)[1]
            assert reader.client.get(f"/api/v1/poems/{poem}").json()["version"] is None
            if self._wrote(poem, version):
                page = reader.send(form(page, "/ticks"), lines=re.findall(r'<li data-line="(\d+)"', page.text))

    def look(self, later: timedelta) -> str:
        """What a worker's look at the trial finds, so much later."""
        stands = weigh_trial(self.bot, "sibot", at=now() + later)
        return str(stands)


@pytest.fixture(scope="session", params=["embedded", "scaled"])
def trip(
    request: pytest.FixtureRequest, databases: Databases, shipped: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trip]:
    """A deployment with its site running; nobody has been there yet."""
    scale: Scale = request.param
    home = tmp_path_factory.mktemp("trip")
    with ExitStack() as stack:
        small: dict[str, Any] = {"limits": "off", "lesson_steps": 60, "samples": 200, "trusted_proxies": "127.0.0.1"}
        bot = bots.build(stack.enter_context(databases.settings(scale, home, **small)), shipped)
        stack.callback(bot.close)
        yield Trip(bot, stack.enter_context(bots.site(bot)), stack)


@pytest.fixture(scope="session")
def announced(trip: Trip) -> list[str]:
    """The voices that were announced."""
    assert isinstance(trip.bot.queue, NotedQueue)
    return trip.bot.queue.announced

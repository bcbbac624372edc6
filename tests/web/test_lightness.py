"""What a web process weighs: no torch in its memory, two voices of full size in less than 250 MB, a quick start."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import psutil
import pytest

from app.store.shelf import SHIPPED
from models import checkpoint
from tests.support.deployment import checkout
from tests.support.patience import PATIENCE

MOST_BYTES = 250_000_000
LIBRARIES = "import babel, fastapi, httpx, jinja2, onnxruntime, pydantic_settings, sqlalchemy.orm, structlog, uvicorn"
MOST_TIMES = 4.0
"""As much processor time from the start to the first poem as importing the `LIBRARIES` takes: twice what it needs."""
VOICES = ("sibot", "twin")


@dataclass(frozen=True)
class Web:
    """A web process that has written its first poem, and what that took."""

    address: str
    process: psutil.Process
    cpu_s: float

    def poems(self, voice: str, count: int) -> None:
        """Have some written."""
        for _ in range(count):
            written = httpx.post(f"{self.address}/api/v1/voices/{voice}/poems", json={}, timeout=PATIENCE)
            assert written.status_code == 201


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One over two voices as large as the shipped one."""
    place = tmp_path_factory.mktemp("light")
    found = checkpoint.read(SHIPPED / "sibot")
    for voice in VOICES:
        meta = replace(found.meta, voice=voice, files={}, fingerprint={})
        checkpoint.write(place / "voices" / voice, meta, found.vocabulary, found.weights)
    here = checkout(place / "checkout", place / "voices")
    told = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "POEMBOT_HOME": str(place / "home"), "POEMBOT_LIMITS": "off"}
    command = [sys.executable, "-m", "app.cli"]
    subprocess.run([*command, "db", "upgrade"], cwd=here, env=told, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        number, port = listening.fileno(), listening.getsockname()[1]
        started = subprocess.Popen(
            [*command, "web", "--fd", str(number)],
            cwd=here,
            env=told,
            pass_fds=[number],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process = psutil.Process(started.pid)
            address = f"http://127.0.0.1:{port}"
            assert httpx.post(f"{address}/api/v1/voices/sibot/poems", json={}, timeout=PATIENCE).status_code == 201
            yield Web(address, process, sum(process.cpu_times()[:2]))
        finally:
            started.terminate()
            started.wait(PATIENCE)


def test_it_starts_quickly(web: Web) -> None:
    """From nothing to the first poem, beside what any such web must import on this machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert web.cpu_s <= MOST_TIMES * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def test_torch_is_not_in_its_memory(web: Web) -> None:
    """Not by any way: nothing of it is mapped."""
    web.poems("twin", 1)

    assert [region.path for region in web.process.memory_maps() if "/torch/" in region.path] == []


def test_two_voices_are_light(web: Web) -> None:
    """When both have been read for a while."""
    for voice in VOICES:
        web.poems(voice, 20)

    assert web.process.memory_info().rss < MOST_BYTES

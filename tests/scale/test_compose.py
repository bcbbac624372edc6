"""docker-compose.yml and Dockerfile, as far as they can be held to account where no engine runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scale import compose
from tests.support.deployment import ROOT

SECRETS = {"poembot_secret_key", "poembot_database_password", "poembot_broker_password"}
OURS = {"migrate", "web", "worker", "worker-gpu", "beat"}
CLIENT = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
CADDY = shutil.which("caddy")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, with secrets given."""
    return compose.read({})


def config(folder: Path, *files: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What `docker compose config` says; it neither needs an engine nor reads the `.env` of this checkout."""
    (folder / "no.env").touch()
    told = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)} | variables
    named = [part for file in (str(compose.FILE), *files) for part in ("-f", file)]
    return subprocess.run(
        [*CLIENT, "--env-file", str(folder / "no.env"), *named, "--profile", "gpu", "config", "--quiet"],
        capture_output=True,
        text=True,
        env=told,
        cwd=folder,
        check=False,
    )


needs_client = pytest.mark.skipif(
    not any(map(shutil.which, ("docker-compose", "docker"))),
    reason="COMPOSE NOT CHECKED: no docker-compose here (Debian's package docker-compose has one)",
)


@needs_client
@pytest.mark.parametrize("files", [(), (str(ROOT / "docs/operations/several-machines.yml"),)])
def test_compose_accepts_it(files: tuple[str, ...], tmp_path: Path) -> None:
    """Compose's own check finds nothing wrong, in either arrangement."""
    done = config(tmp_path, *files, POEMBOT_PRIVATE="10.0.0.1")

    assert done.returncode == 0, done.stderr


def test_no_secret_stands_in_the_file(services: dict[str, Any]) -> None:
    """Every secret is a file of the machine, and every service has those alone that it needs."""
    declared = yaml.safe_load(compose.FILE.read_text("utf-8"))["secrets"]
    assert set(declared) == SECRETS
    assert all(set(secret) == {"file"} for secret in declared.values())
    held = {name: set(service.get("secrets", [])) for name, service in services.items()}
    assert all(held[name] == SECRETS for name in OURS)
    assert (held["db"], held["redis"]) == ({"poembot_database_password"}, {"poembot_broker_password"})
    assert held["proxy"] == set()


def test_no_environment_holds_a_secret(services: dict[str, Any]) -> None:
    """`docker inspect` and a list of processes show where a secret lies, never what it is."""
    for name, service in services.items():
        told = {**service.get("environment", {})}
        assert all(key.endswith("_FILE") for key in told if re.search("PASSWORD|SECRET|TOKEN|AUTH", key)), name
        assert not any(re.search(r"://\w*:[^@/]+@", str(value)) for value in told.values()), name


def test_redis_does_not_start_without_its_password(services: dict[str, Any], tmp_path: Path) -> None:
    """An empty file stops it before it listens."""
    shell, flag, script = services["redis"]["command"]
    (tmp_path / "poembot_broker_password").touch()
    moved = script.replace("/run/secrets", str(tmp_path)).replace("exec redis-server -", "exec cat")
    done = subprocess.run([shell, flag, moved], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "is empty" in done.stderr
    assert "requirepass" not in done.stdout


@pytest.mark.skipif(HADOLINT is None, reason="DOCKERFILE NOT CHECKED: no hadolint here; `make setup` brings one")
def test_hadolint_finds_nothing() -> None:
    """Hadolint, and the shell check in it, accept the Dockerfile."""
    assert HADOLINT is not None
    done = subprocess.run([HADOLINT, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)

    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


@pytest.mark.skipif(CADDY is None, reason="PROXY NOT CHECKED: no caddy here (Debian's package caddy)")
def test_caddy_accepts_the_proxys_file(tmp_path: Path) -> None:
    """Caddy reads its file without an error."""
    assert CADDY is not None
    file = ROOT / "docs" / "operations" / "Caddyfile"
    done = subprocess.run(
        [CADDY, "validate", "--adapter", "caddyfile", "--config", str(file)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_every_service_is_fenced_in(services: dict[str, Any]) -> None:
    """No capabilities but the proxy's port, no new privileges, no writing to the image, a limit on everything."""
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else []), name
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {"proxy"}


def test_nobody_is_root(services: dict[str, Any]) -> None:
    """Servers and our own images run as somebody without rights; the proxy is root without powers."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert {name for name, service in services.items() if service.get("user")} == {"db", "redis"}
    assert re.search(r"^FROM \S+ AS bare$.*^USER 10001:10001$", dockerfile, re.MULTILINE | re.DOTALL)
    for target in ("web", "worker", "worker-cuda"):
        assert re.search(rf"^FROM bare AS {target}$", dockerfile, re.MULTILINE), target


def test_images_are_pinned(services: dict[str, Any]) -> None:
    """Every image that we do not build ourselves is named by its whole version, and by the digest of what it holds."""
    foreign = [service["image"] for service in services.values() if "build" not in service]
    foreign += re.findall(r"^FROM (\S+:\S+) AS", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    foreign += re.findall(
        r"^ +prom/(prometheus\S+)$", (ROOT / "docs/operations/keeping.md").read_text("utf-8"), re.MULTILINE
    )

    assert len(foreign) == 6
    assert all(re.fullmatch(r"[a-z]+:v?\d+\.\d+(\.\d+)?(-[a-z-]+)?@sha256:[0-9a-f]{64}", image) for image in foreign), (
        foreign
    )


def test_whoever_needs_something_waits_until_it_is_well(services: dict[str, Any]) -> None:
    """Our processes start after database, broker and migration; the proxy after a web that serves."""
    well = {"condition": "service_healthy"}
    for name in OURS - {"migrate"}:
        assert services[name]["depends_on"] == {
            "db": well,
            "redis": well,
            "migrate": {"condition": "service_completed_successfully"},
        }
    assert services["migrate"]["depends_on"] == {"db": well}
    assert services["proxy"]["depends_on"] == {"web": well}
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"migrate"}


def test_only_the_gpu_profile_asks_for_a_gpu(services: dict[str, Any]) -> None:
    """`worker-gpu` reserves an NVIDIA device and trains on it; nobody else does."""
    profiled = {name for name, service in services.items() if "profiles" in service}
    assert profiled == {"worker-gpu"}
    gpu = services["worker-gpu"]
    assert gpu["environment"]["POEMBOT_DEVICE"] == "cuda"
    assert gpu["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    ]


def test_the_images_hold_what_they_need_and_no_more() -> None:
    """The build context is a list of what goes in: no secrets, no data, no tests."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert "*" in lines
    rooms = {"app", "worker", "models", "templates", "migrations"}
    assert let_in == rooms | {"pyproject.toml", "requirements.lock", "README.md", "LICENSE"}

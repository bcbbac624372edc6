"""Reads docker-compose.yml as Compose does, and takes its services to this machine: same command, same environment."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.deployment import ROOT

FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>[^{}]*))?\})")


class Unset(ValueError):
    """A variable that must be set is not."""


def fill(value: Any, variables: Mapping[str, str]) -> Any:
    """Put the variables in, as Compose does. Raises Unset."""
    if isinstance(value, dict):
        return {key: fill(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, variables) for inner in value]
    return _VARIABLE.sub(lambda found: _one(found, variables), value) if isinstance(value, str) else value


def _one(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["name"] is None:
        return "$"
    given = variables.get(found["name"], "")
    if given or found["how"] is None:
        return given
    if found["how"] == ":?":
        raise Unset(f"{found['name']}: {found['rest']}")
    return str(found["rest"])


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The services of docker-compose.yml by name. Raises Unset."""
    whole = fill(yaml.safe_load(FILE.read_text("utf-8")), variables)
    services: dict[str, Any] = whole["services"]
    return services


@dataclass(frozen=True)
class Here:
    """Where on this machine lies what the containers know by other names."""

    postgres: int
    redis: int
    folder: Path

    def environment(self, service: Mapping[str, Any], name: str) -> dict[str, str]:
        """The environment of a container *name* of that service, with this machine's addresses and folders."""
        moved = {key: self._move(str(value), name) for key, value in service["environment"].items()}
        (self.folder / name).mkdir(exist_ok=True)
        told = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        return told | {"POEMBOT_SECRETS": str(self.folder / "secrets")} | moved

    def _move(self, value: str, name: str) -> str:
        for there, here in (
            ("@db:5432/", f"@127.0.0.1:{self.postgres}/"),
            ("@redis:6379/", f"@127.0.0.1:{self.redis}/"),
            ("/srv/shelf", str(self.folder / "shelf")),
            ("/var/lib/poembot", str(self.folder / name)),
            ("172.30.83.0/24", "127.0.0.1/32"),
        ):
            value = value.replace(there, here)
        return value

    @staticmethod
    def command(service: Mapping[str, Any], *, port: int = 0) -> list[str]:
        """Its command, with the checkout's `poembot`, on a *port* of the loopback."""
        program, *rest = service["command"]
        assert program == "poembot"
        moved = {"0.0.0.0": "127.0.0.1", "8000": str(port)}
        return [sys.executable, "-m", "app.cli", *(moved.get(part, part) for part in rest)]

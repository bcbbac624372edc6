"""The bell: quick, bounded, and never in the way."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.doorbell import BELL, PATIENCE, CeleryBell, celery_config
from app.settings import Settings

RETURNS_IN, GIVES_UP_IN = 0.1, PATIENCE + 0.7


def settings(home: Path, broker: str) -> Settings:
    """Settings with that broker."""
    return Settings(_env_file=None, home=home, broker_url=broker)


def test_a_ring_is_a_message_in_the_queue(tmp_path: Path) -> None:
    """It names the task and the voice, as JSON."""
    bell = CeleryBell(settings(tmp_path, ""))

    bell.ring("sibot")

    assert bell.quiet()
    (message,) = (tmp_path / "queue" / "messages").iterdir()
    told = json.loads(message.read_text())
    assert told["headers"]["task"] == BELL
    assert told["content-type"] == "application/json"


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
def test_a_dead_broker_costs_little_and_raises_nothing(tmp_path: Path, *, silent: bool) -> None:
    """Whoever rings goes on at once; the failure is one line of the log, within the time a ring may take."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if not silent:
            listening.close()
        bell = CeleryBell(settings(tmp_path, f"redis://127.0.0.1:{port}/0"))
        with capture_logs() as events:
            began = time.monotonic()
            bell.ring("sibot")
            returned = time.monotonic() - began
            assert bell.quiet(10)
            gave_up = time.monotonic() - began

    assert returned < RETURNS_IN
    assert gave_up < GIVES_UP_IN + 1.5  # the first ring imports Celery
    assert [event["event"] for event in events] == ["bell.unheard"]


def test_rings_of_one_voice_are_one(tmp_path: Path) -> None:
    """Before a bell has rung, ringing it again adds nothing."""
    bell = CeleryBell(settings(tmp_path, ""))

    for _ in range(50):
        bell.ring("sibot")

    assert bell.quiet()
    assert 1 <= len(list((tmp_path / "queue" / "messages").iterdir())) < 50


def test_celery_is_not_loaded_before_the_first_ring(tmp_path: Path) -> None:
    """A web process that nobody asks for a run never imports it."""
    code = (
        "import sys; from app.doorbell import CeleryBell; from app.settings import Settings\n"
        "bell = CeleryBell(Settings(_env_file=None, home=sys.argv[1])); assert 'celery' not in sys.modules\n"
        "bell.ring('sibot'); assert bell.quiet(); assert 'celery' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)


def test_a_short_command_still_rings(tmp_path: Path) -> None:
    """A process that ends right after it rang gets its message out."""
    code = (
        "import sys; from app.doorbell import CeleryBell; from app.settings import Settings\n"
        "CeleryBell(Settings(_env_file=None, home=sys.argv[1])).ring('sibot')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)

    assert len(list((tmp_path / "queue" / "messages").iterdir())) == 1


@pytest.mark.parametrize("broker", ["", "redis://127.0.0.1:6379/0"])
def test_nothing_but_json_is_accepted(tmp_path: Path, broker: str) -> None:
    """No pickle, and no ear for commands over the broker."""
    config = celery_config(settings(tmp_path, broker))

    assert config["accept_content"] == ["json"]
    assert config["worker_enable_remote_control"] is False

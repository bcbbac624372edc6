"""The task queue: an announcement never waits, never raises, and is one JSON message."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.settings import Settings
from app.task_queue import LOOK, SEND_TIMEOUT, CeleryQueue, celery_config

REDIS = "redis://127.0.0.1:6379/0"
PATIENCE = 300.0
"""Seconds; far more than anything here takes."""


def settings(home: Path, broker: str) -> Settings:
    """Settings with that broker."""
    return Settings(_env_file=None, home=home, broker_url=broker)


class SlowBroker:
    """Takes a message only once it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.sent: list[tuple[str, list[str]]] = []

    def send_task(self, name: str, *, args: list[str], retry: bool) -> None:
        """Wait, and note it."""
        assert not retry
        assert self.go.wait(PATIENCE)
        self.sent.append((name, args))


def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CeleryQueue, SlowBroker]:
    """A queue whose broker is slow."""
    queue, broker = CeleryQueue(settings(tmp_path, "")), SlowBroker()
    monkeypatch.setattr(queue, "_celery", broker)
    return queue, broker


def test_an_announcement_is_a_message_in_the_queue(tmp_path: Path) -> None:
    """It names the task and the voice, as JSON."""
    queue = CeleryQueue(settings(tmp_path, ""))

    queue.announce("sibot")

    assert queue.flush(PATIENCE)
    (message,) = (tmp_path / "queue" / "messages").iterdir()
    told = json.loads(message.read_text())
    assert told["headers"]["task"] == LOOK
    assert told["content-type"] == "application/json"


def test_the_caller_does_not_wait_for_the_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`announce` returns while the broker has not answered yet."""
    queue, broker = slow(tmp_path, monkeypatch)

    queue.announce("sibot")

    assert broker.sent == []
    assert not queue.flush(0.01)
    broker.go.set()
    assert queue.flush(PATIENCE)
    assert broker.sent == [(LOOK, ["sibot"])]


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
def test_a_dead_broker_raises_nothing(tmp_path: Path, *, silent: bool) -> None:
    """The sender gives up by itself; the failure is one line of the log, and the next announcement tries again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if not silent:
            listening.close()
        queue = CeleryQueue(settings(tmp_path, f"redis://127.0.0.1:{port}/0"))
        with capture_logs() as events:
            for _ in range(2):
                queue.announce("sibot")
                assert queue.flush(PATIENCE)

    assert [event["event"] for event in events] == ["announce.failed"] * 2


def test_a_sender_has_little_patience_and_a_worker_much(tmp_path: Path) -> None:
    """What is sent while a page waits gives up at once; a worker outlasts its broker's absence."""
    sender = celery_config(settings(tmp_path, REDIS), sending=True)
    worker = celery_config(settings(tmp_path, REDIS))

    assert sender["broker_connection_timeout"] == SEND_TIMEOUT
    options = sender["broker_transport_options"]
    assert options["socket_timeout"] == options["socket_connect_timeout"] == SEND_TIMEOUT
    assert options["max_retries"] == 0
    assert worker["broker_connection_max_retries"] is None
    assert worker["broker_transport_options"]["socket_timeout"] > SEND_TIMEOUT
    assert "max_retries" not in worker["broker_transport_options"]


def test_announcements_of_one_voice_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one message waits to be sent, announcing the same voice again adds at most one more."""
    queue, broker = slow(tmp_path, monkeypatch)

    for _ in range(50):
        queue.announce("sibot")
    broker.go.set()

    assert queue.flush(PATIENCE)
    assert 1 <= len(broker.sent) <= 2


def test_celery_is_not_loaded_before_the_first_announcement(tmp_path: Path) -> None:
    """A web process that nobody asks for a run never imports it."""
    code = (
        "import sys; from app.task_queue import CeleryQueue; from app.settings import Settings\n"
        "queue = CeleryQueue(Settings(_env_file=None, home=sys.argv[1])); assert 'celery' not in sys.modules\n"
        "queue.announce('sibot'); assert queue.flush(300); assert 'celery' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=PATIENCE)


def test_a_short_command_still_announces(tmp_path: Path) -> None:
    """A process that ends right after it announced gets its message out."""
    code = (
        "import sys; from app.task_queue import CeleryQueue; from app.settings import Settings\n"
        "CeleryQueue(Settings(_env_file=None, home=sys.argv[1])).announce('sibot')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=PATIENCE)

    assert len(list((tmp_path / "queue" / "messages").iterdir())) == 1


@pytest.mark.parametrize("broker", ["", REDIS])
def test_nothing_but_json_is_accepted(tmp_path: Path, broker: str) -> None:
    """No pickle, and no remote control over the broker."""
    config = celery_config(settings(tmp_path, broker))

    assert config["accept_content"] == ["json"]
    assert config["worker_enable_remote_control"] is False

"""The log: events with ids, and no secrets."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app import log as logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What `configure` changes is changed back."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


def test_in_production_every_event_is_json_with_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and the libraries', on one line each, with the request's or the run's id."""
    logs.configure("production")
    with structlog.contextvars.bound_contextvars(request_id="abc", run=7):
        structlog.get_logger("ours").info("swap.done", champion="판 1")
        logging.getLogger("theirs").warning("hello %s", "there")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())

    assert ours["event"] == "swap.done"
    assert ours["champion"] == "판 1"
    assert theirs["event"] == "hello there"
    for event in (ours, theirs):
        assert (event["request_id"], event["run"]) == ("abc", 7)
        assert event["at"].endswith("Z")
    assert (ours["level"], theirs["level"]) == ("info", "warning")


@pytest.mark.parametrize("env", ["production", "development"])
def test_a_traceback_tells_no_secrets(env: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it broke, but not what the variables held."""
    logs.configure(env)
    secret_key = "hunter2" * 5
    try:
        _break(secret_key)
    except ZeroDivisionError:
        structlog.get_logger().exception("http.failed")
    said = capsys.readouterr().err

    assert "ZeroDivisionError" in said
    assert "_break" in said
    assert "hunter2" not in said


def _break(secret: str) -> float:
    return len(secret) / 0

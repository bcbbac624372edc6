"""The task queue: announces to the workers that a run may be waiting.

The table of runs is authoritative, not the message, which may arrive twice, late or never: a sweep finds runs that were
not announced (decision 0001). Celery is imported at the first announcement.
"""

import threading
import time
from typing import TYPE_CHECKING, Any

import structlog

from app.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

log = structlog.get_logger(__name__)

LOOK = "look"
"""Name of the task that looks for a run."""
SWEEP = "sweep"
"""Name of the task that starts due runs and announces waiting ones again."""
SWEEP_EVERY = 15.0
"""Seconds."""
TIDY = "tidy"
"""Name of the task that removes what killed workers left behind."""
TIDY_EVERY = 3600.0
"""Seconds."""
SEND_TIMEOUT = 0.5
"""Seconds that an announcement may wait for the broker."""
VISIBILITY_TIMEOUT = 6 * 3600
"""Seconds after which Redis delivers an unacknowledged message again."""


def celery_config(settings: Settings, *, sending: bool = False) -> dict[str, Any]:
    """The configuration of Celery; *sending*: for a process that only sends and must not wait.

    Creates the folders of a `filesystem://` queue in HOME.
    """
    by_folder = settings.broker.startswith("filesystem")
    return {
        "broker_url": "filesystem://localhost" if by_folder else settings.broker,
        "broker_transport": "app.filesystem_transport:Transport" if by_folder else None,
        "broker_transport_options": _filesystem(settings) if by_folder else _redis(sending),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker waits for its broker without limit
        "broker_connection_timeout": SEND_TIMEOUT if sending else 4.0,
        "task_default_queue": "poembot",
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # 0 means no limit. A message whose acknowledgement was lost with the broker counts as prefetched for ever: with
        # a limit of one, the worker would never get another message.
        "worker_prefetch_multiplier": 0,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # The in-memory scheduler. The default one keeps a pickle file, but tasks this frequent need no memory.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_schedule": {
            SWEEP: {"task": SWEEP, "schedule": SWEEP_EVERY, "options": {"expires": SWEEP_EVERY, "retry": False}},
            TIDY: {"task": TIDY, "schedule": TIDY_EVERY, "options": {"expires": TIDY_EVERY, "retry": False}},
        },
        "enable_utc": True,
        "timezone": "UTC",
    }


def _filesystem(settings: Settings) -> dict[str, Any]:
    queue = settings.home.absolute() / "queue"
    folders = {name: queue / name for name in ("messages", "control")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folders["messages"]),
        "data_folder_out": str(folders["messages"]),
        "control_folder": str(folders["control"]),
        "polling_interval": 0.5,
    }


def _redis(sending: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"visibility_timeout": VISIBILITY_TIMEOUT, "health_check_interval": 25}
    if sending:
        return options | {
            "socket_timeout": SEND_TIMEOUT,
            "socket_connect_timeout": SEND_TIMEOUT,
            "max_retries": 0,
            "connect_retries_timeout": SEND_TIMEOUT,
        }
    return options | {"socket_timeout": 30.0, "socket_connect_timeout": 4.0, "socket_keepalive": True}


class CeleryQueue:
    """Announces runs by Celery messages. A thread sends them, so that the caller does not wait for the broker.

    It is no daemon thread, so that the last message of a short command is sent before the process ends.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._celery: Celery | None = None
        self._lock = threading.Lock()
        self._voices: list[str] = []
        self._sender: threading.Thread | None = None

    def announce(self, voice: str) -> None:
        """Announce that *voice* may have a run; returns at once and never raises."""
        with self._lock:
            if voice not in self._voices:
                self._voices.append(voice)
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_all, name="announce")
                self._sender.start()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until every message is sent or has failed; False if that takes more than *timeout* seconds."""
        sender = self._sender
        if sender is not None:
            sender.join(timeout)
        return self._sender is None

    def _send_all(self) -> None:
        while True:
            with self._lock:
                if not self._voices:
                    self._sender = None
                    return
                voice = self._voices.pop(0)
            began = time.monotonic()
            try:
                self._app().send_task(LOOK, args=[voice], retry=False)
            except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the sweep finds the run
                seconds = round(time.monotonic() - began, 2)
                log.warning("announce.failed", voice=voice, error=str(error), seconds=seconds)
            else:
                log.info("announce.sent", voice=voice)

    def _app(self) -> "Celery":
        if self._celery is None:
            from celery import Celery  # imported late: most web processes never need it

            self._celery = Celery("poembot-sender", set_as_current=False)
            self._celery.conf.update(celery_config(self._settings, sending=True))
        return self._celery

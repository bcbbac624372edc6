"""The doorbell: tells the workers that there may be a run to take up.

A bell carries no truth, the table of runs does. It may ring twice, late or never;
a sweep finds what it did not announce. Celery is imported at the first ring.
"""

import threading
import time
from typing import TYPE_CHECKING, Any

import structlog

from app.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

log = structlog.get_logger(__name__)

BELL = "bell"
"""Name of the task that looks for a run."""
SWEEP = "sweep"
"""Name of the task that looks for what is due and for bells nobody heard."""
SWEEP_EVERY = 15.0
"""Seconds."""
TIDY = "tidy"
"""Name of the task that clears away what killed workers left."""
TIDY_EVERY = 3600.0
"""Seconds."""
PATIENCE = 0.5
"""Seconds that a ring may wait for a socket of the broker."""
HIDDEN = 6 * 3600
"""Seconds after which Redis delivers an unacknowledged message again: a solo worker acknowledges after the run."""


def celery_config(settings: Settings, *, ringing: bool = False) -> dict[str, Any]:
    """What Celery needs to know of this deployment; *ringing*: for one who only rings, and can't wait.

    Makes the folders of a `filesystem://` queue in HOME.
    """
    by_folder = settings.broker.startswith("filesystem")
    return {
        "broker_url": "filesystem://localhost" if by_folder else settings.broker,
        "broker_transport": "app.folder:Transport" if by_folder else None,
        "broker_transport_options": _filesystem(settings) if by_folder else _redis(ringing),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker outlasts its broker's absence, however long
        "broker_connection_timeout": PATIENCE if ringing else 4.0,
        "task_default_queue": "poembot",
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # Unlimited: a message whose receipt is lost with its broker would else count as taken for ever, and a worker
        # with a limit of one would hear no bell again. A solo worker takes one at a time all the same.
        "worker_prefetch_multiplier": 0,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # In memory: Celery's own scheduler keeps a pickle, and a sweep every few seconds has nothing to remember.
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


def _redis(ringing: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"visibility_timeout": HIDDEN, "health_check_interval": 25}
    if ringing:
        return options | {
            "socket_timeout": PATIENCE,
            "socket_connect_timeout": PATIENCE,
            "max_retries": 0,
            "connect_retries_timeout": PATIENCE,
        }
    return options | {"socket_timeout": 30.0, "socket_connect_timeout": 4.0, "socket_keepalive": True}


class CeleryBell:
    """Rings by a Celery message, from a thread of its own: whoever rings doesn't wait for the broker.

    The thread isn't a daemon, so that a short command's last ring still gets out before the process ends.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._celery: Celery | None = None
        self._lock = threading.Lock()
        self._voices: list[str] = []
        self._ringer: threading.Thread | None = None

    def ring(self, voice: str) -> None:
        """Announce that *voice* has a run to take up; returns at once and never raises."""
        with self._lock:
            if voice not in self._voices:
                self._voices.append(voice)
            if self._ringer is None:
                self._ringer = threading.Thread(target=self._ring_all, name="bell")
                self._ringer.start()

    def quiet(self, timeout: float = 5.0) -> bool:
        """Wait until all that was rung is out or given up; False when it still is not after *timeout* seconds."""
        ringer = self._ringer
        if ringer is not None:
            ringer.join(timeout)
        return self._ringer is None

    def _ring_all(self) -> None:
        while True:
            with self._lock:
                if not self._voices:
                    self._ringer = None
                    return
                voice = self._voices.pop(0)
            began = time.monotonic()
            try:
                self._app().send_task(BELL, args=[voice], retry=False)
            except Exception as error:  # noqa: BLE001 - whatever the broker's client raises: the sweep finds the run
                log.warning("bell.unheard", voice=voice, error=str(error), seconds=round(time.monotonic() - began, 2))
            else:
                log.info("bell.rung", voice=voice)

    def _app(self) -> "Celery":
        if self._celery is None:
            from celery import Celery  # lazily: a web process needs it only once somebody rings

            self._celery = Celery("poembot-bell", set_as_current=False)
            self._celery.conf.update(celery_config(self._settings, ringing=True))
        return self._celery

"""The queue of an embedded installation: Celery's `filesystem://` transport, made safe for several processes.

The original writes a message in place, so that a reader may take half of it, and
keeps a table of bindings that two starting processes can tear. Here a message
appears whole; the table isn't needed, as there is one queue and it is called by its name.
"""

import time
import uuid
from pathlib import Path
from typing import Any

import structlog
from kombu.transport import filesystem
from kombu.utils.json import dumps

log = structlog.get_logger(__name__)


class Channel(filesystem.Channel):
    """Messages as files."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        """Write beside, then rename: nobody sees half a message. Older ones are read first, also after a reboot."""
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns():020d}_{uuid.uuid4()}"
        draft = folder / f"{name}.draft"
        try:
            draft.write_text(dumps(payload), encoding="utf-8")
        except OSError:  # a full disk: what is there of it would never be read, nor removed
            draft.unlink(missing_ok=True)
            raise
        draft.rename(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The oldest message. Raises Empty."""
        while True:
            try:
                return super()._get(queue)
            except ValueError:  # torn by a full disk; it is off the queue already, and a bell carries no truth
                log.warning("message.torn")

    def _queue_bind(self, *_: Any) -> None:
        """No table: the queue is called by its name."""

    def get_table(self, exchange: str) -> list[Any]:
        """Nothing is bound."""
        return []


class Transport(filesystem.Transport):
    """`filesystem://` with our channel."""

    Channel = Channel

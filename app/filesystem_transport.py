"""Broker of an embedded installation: Celery's `filesystem://` transport, made safe for several processes.

The original writes messages in place, so that a consumer may read half of one, and it keeps a table of bindings that
two starting processes can corrupt. Here a message is written and then renamed, and there is no table, because there
is only one queue.
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
        """Write the message to a draft file, then rename it. File names sort by time, so the oldest is read first."""
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns():020d}_{uuid.uuid4()}"
        draft = folder / f"{name}.draft"
        try:
            draft.write_text(dumps(payload), encoding="utf-8")
        except OSError:  # the disk is full; nobody else would remove the draft
            draft.unlink(missing_ok=True)
            raise
        draft.rename(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the oldest message. Raises Empty."""
        while True:
            try:
                return super()._get(queue)
            except ValueError:  # truncated by a full disk; it is removed already, and the sweep finds its run
                log.warning("message.torn")

    def _queue_bind(self, *_: Any) -> None:
        """Do nothing: the queue needs no table of bindings."""

    def get_table(self, exchange: str) -> list[Any]:
        """No bindings."""
        return []


class Transport(filesystem.Transport):
    """`filesystem://` with this channel."""

    Channel = Channel

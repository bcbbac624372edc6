"""The log: events with fields, never sentences; JSON in production, readable in development.

`configure` is called once by each process. Request and run ids are bound as context
variables (`structlog.contextvars`), so that every event of a request or a run carries them.
"""

import logging
import sys
from collections.abc import Sequence

import structlog
from structlog.typing import Processor

QUIET = (
    "uvicorn.access",
    "sqlalchemy.engine",
    "alembic",
    "celery.redirected",
    "celery.beat",
    "celery.worker.strategy",
    "celery.app.trace",
)
"""Loggers set to WARNING, because the application's own events replace their output."""


def configure(env: str, *, level: int = logging.INFO) -> None:
    """Send all log records of this process, libraries included, to stderr; *env* selects JSON or plain text."""
    shared = _shared()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(env)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _shared() -> Sequence[Processor]:
    return (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    )


def _renderers(env: str) -> Sequence[Processor]:
    if env == "production":
        return _TRACEBACKS, structlog.processors.JSONRenderer(ensure_ascii=False)
    plain = structlog.dev.plain_traceback
    return (structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),)


# Without local variables: they may contain secrets and what visitors typed.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))

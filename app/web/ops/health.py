"""Health: liveness (`/healthz`), readiness (`/readyz`), and the heartbeat that this process writes to the database."""

import asyncio
import itertools
import os
import socket
from collections.abc import Iterable

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from app import actions
from app.bootstrap import Bot, now
from app.engine.engine import Engine, return_freed_memory
from app.store.health import Pulse, Pulses, VoiceStatus, WebReport
from app.store.session import TRANSIENT_DB_ERRORS
from app.store.shelf import forget_pruned
from app.store.voices import Voices
from app.web.http.deps import BotDep, EngineDep

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)
HEARTBEAT_EVERY = 5.0
"""Seconds between two heartbeats of a web process."""
TRIM_EVERY = 12
"""Heartbeats between two returns of freed memory: a minute. What a crowd needed is the machine's again."""
TIDY_EVERY = 720
"""Heartbeats between two tidyings of the cache of versions: an hour."""
NO_STORE = {"Cache-Control": "no-store"}


@router.get("/healthz")
def alive() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"alive": True}, headers=NO_STORE)


@router.get("/readyz")
def ready(bot: BotDep, engine: EngineDep) -> JSONResponse:
    """The process can serve readers: the database answers, and every voice has a version that writes.

    A version that fails to load leaves the old one serving: that is reported, and is no reason to turn readers away.
    """
    serving = {one.voice: one for one in _serving(engine)}
    try:
        with bot.reading() as session:
            voices = [voice.slug for voice in Voices(session).all()]
            workers = [pulse for pulse in Pulses(session).alive(now()) if pulse.kind == "worker"]
        database: str | None = None
    except TRANSIENT_DB_ERRORS as error:
        voices, workers, database = list(serving), [], type(error).__name__
    writing = bool(voices) and all(slug in serving and serving[slug].number is not None for slug in voices)
    body = {
        "ready": database is None and writing,
        "database": {"ok": database is None, "error": database},
        "voices": {
            slug: {"serving": one.number, "wanted": one.wanted, "error": one.error} for slug, one in serving.items()
        },
        "worker": {"alive": len(workers), "seen": max((p.at.isoformat() for p in workers), default=None)},
    }
    return JSONResponse(body, 200 if body["ready"] else 503, headers=NO_STORE)


def statuses(pulses: Iterable[Pulse]) -> list[VoiceStatus]:
    """What the web processes reported with their heartbeats, without repetitions."""
    return list(dict.fromkeys(status for pulse in pulses for status in pulse.web.voices))


async def heartbeat(bot: Bot, engine: Engine) -> None:
    """Write to the database every few seconds that this process is alive and what it serves, until cancelled."""
    name = f"web {socket.gethostname()} {os.getpid()}"
    for beats in itertools.count():
        await run_in_threadpool(_write_heartbeat, bot, engine, name)
        if beats % TRIM_EVERY == TRIM_EVERY - 1:
            await run_in_threadpool(return_freed_memory)
        if beats % TIDY_EVERY == 0:
            await run_in_threadpool(_tidy_cache, bot)
        await asyncio.sleep(HEARTBEAT_EVERY)


def _tidy_cache(bot: Bot) -> None:
    """Where the shelf is an object store, delete this machine's copies of versions that were removed from it."""
    try:
        with bot.reading() as session:
            forget_pruned(bot.shelf, session)
    except TRANSIENT_DB_ERRORS as error:
        log.warning("cache.untidied", error=str(error))


def _write_heartbeat(bot: Bot, engine: Engine, name: str) -> None:
    report = WebReport(
        voices=tuple(_serving(engine)),
        broken_trials=tuple(engine.broken_trials()),
        live=tuple(sorted(engine.in_memory())),  # no version is taken off the shelf under a poem: `worker/upkeep.py`
        secret=bot.settings.secret_mark(),
    )
    try:
        actions.pulses.beat(bot, name, "web", report)
    except TRANSIENT_DB_ERRORS as error:
        log.warning("pulse.failed", error=str(error))


def _serving(engine: Engine) -> list[VoiceStatus]:
    return [VoiceStatus(one.voice, one.number, one.wanted, one.error) for one in engine.status().values()]

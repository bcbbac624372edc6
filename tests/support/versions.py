"""Versions that no run has made: a row in the table, and a folder on the shelf."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from app.bootstrap import Bot, now
from app.domain.gate import Verdict
from app.domain.version import VersionStatus
from app.store.versions import Versions

LESSON = {"hash": "봄", "ticks": 3, "submissions": 1, "visitors": 2}


def add(
    bot: Bot,
    folder: str,
    *,
    status: VersionStatus = VersionStatus.ADMITTED,
    reasons: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    serves: bool = False,
    later: timedelta = timedelta(),
) -> int:
    """Add a version to the table, as champion if asked, made so much later than now; its number."""
    with bot.transaction() as session:
        versions = Versions(session)
        _, number = versions.add(
            "sibot",
            folder=folder,
            status=status,
            lesson=LESSON,
            metrics=metrics or {},
            verdict=Verdict(tuple(reasons)),
            run=None,
            now=now() + later,
        )
        if serves:
            versions.promote("sibot", number, by="gate", reason="", now=now())
    return number


def shelve(bot: Bot, shipped: Path, run: int) -> str:
    """Copy the tiny voice to the place on the shelf where that run would put its version; the key."""
    key = f"sibot/sibot-tiny/run-{run}-1"
    scratch = bot.shelf.scratch()
    shutil.copytree(shipped / "sibot", scratch / "version")
    bot.shelf.place(scratch / "version", key)
    return key

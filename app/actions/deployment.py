"""The deployment: install voices, shipped or self-trained; record the heartbeats of processes."""

import json
from pathlib import Path

from app.actions.versions import serve
from app.bootstrap import Bot
from app.domain.health import WebReport
from app.store.health import Pulses
from app.store.shelf import SHIPPED
from app.store.voices import Voices


def install_shipped(bot: Bot, shipped: Path = SHIPPED) -> None:
    """Install every voice that ships with the project; safe to repeat.

    A new release of a base begins again with version 0. Every command calls this, so what is installed is not read.
    """
    with bot.reads(Voices) as voices:
        installed = voices.bases()
    new = [meta.parent for meta in sorted(shipped.glob("*/meta.json")) if _release(meta) not in installed]
    if not new:
        return
    from models import checkpoint

    for folder in new:
        meta = checkpoint.read(folder).meta
        install(bot, meta.voice, title=meta.title, language=meta.language, base=meta.base, folder=f"base:{folder.name}")


def _release(meta: Path) -> tuple[str, str]:
    """The voice and the base that a `meta.json` names; empty strings if it names none."""
    try:
        raw = json.loads(meta.read_text("utf-8"))
        return str(raw["voice"]), str(raw["base"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def install(bot: Bot, slug: str, *, title: str, language: str, base: str, folder: str, listed: bool = True) -> bool:
    """Install a voice with its base as version 0 and champion; False when it is installed already.

    *listed*: do visitors find it? An owner publishes his voice when it is good (`actions.voices`).

    A base that was installed before (after a downgrade) gets its versions and its last champion back.
    """
    with bot.transaction() as session:
        now = bot.clock()
        if not Voices(session).add(slug, title=title, language=language, base=base, now=now, listed=listed):
            return False
        number = Voices(session).install_base(slug, folder=folder, now=now)
        serve(session, slug, number, by="release", reason=base, now=now)
        return True


def beat(bot: Bot, name: str, kind: str, web: WebReport | None = None) -> None:
    """Record a heartbeat of process *name*; *web*: the report of a web process."""
    with bot.transaction() as session:
        Pulses(session).beat(name, kind, bot.clock(), web)

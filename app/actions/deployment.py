"""The deployment: its voices are installed, those that ship with the project or one that somebody has trained; its
processes say that they are alive, and what they have in memory.
"""

from pathlib import Path

from app.actions.versions import serve
from app.bootstrap import Bot
from app.domain.health import WebReport
from app.store.health import Pulses
from app.store.shelf import SHIPPED
from app.store.voices import Releases, Voices
from models import checkpoint


def install_shipped(bot: Bot, shipped: Path = SHIPPED) -> None:
    """Give every voice that ships with the project its row and its version 0; safe to repeat.

    A new release of a base starts the count of versions anew.
    """
    for folder in sorted(f for f in shipped.iterdir() if (f / "meta.json").is_file()):
        meta = checkpoint.read(folder).meta
        install(bot, meta.voice, title=meta.title, language=meta.language, base=meta.base, folder=f"base:{folder.name}")


def install(bot: Bot, slug: str, *, title: str, language: str, base: str, folder: str) -> bool:
    """A voice with its base as version 0 and champion; False when it is installed already.

    A base that was here before, because a release was taken back, finds its versions and its last champion again.
    """
    with bot.transaction() as session:
        now = bot.clock()
        if not Voices(session).add(slug, title=title, language=language, base=base, now=now):
            return False
        number = Releases(session).take_up(slug, folder=folder, now=now)
        serve(session, slug, number, by="release", reason=base, now=now)
        return True


def beat(bot: Bot, name: str, kind: str, web: WebReport | None = None) -> None:
    """Process *name* is alive; *web*: what a web process says of itself."""
    with bot.transaction() as session:
        Pulses(session).beat(name, kind, bot.clock(), web)

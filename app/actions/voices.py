"""Voices of an owner: let visitors find one, hide it, remove it."""

from contextlib import suppress

from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.store.admins import Audit
from app.store.holdings import SHIPPED, Owned, Removed


def publish(bot: Bot, slug: str, *, by: str) -> bool:
    """Let visitors find the voice; False when they could already. Raises UnknownVoice."""
    return _list(bot, slug, listed=True, by=by)


def hide(bot: Bot, slug: str, *, by: str) -> bool:
    """Hide the voice from everybody but admins; False when it was hidden already. Raises UnknownVoice."""
    return _list(bot, slug, listed=False, by=by)


def _list(bot: Bot, slug: str, *, listed: bool, by: str) -> bool:
    with bot.transaction() as session:
        changed = Owned(session).list_(slug, listed=listed)
        if changed:
            Audit(session).add(by, "voice.publish" if listed else "voice.hide", slug, "", bot.clock())
    return changed


def remove(bot: Bot, slug: str, *, by: str) -> Removed:
    """Remove the voice, with its versions on the shelf, and free its slug.

    What readers gave stays exportable, under the name that is returned. Raises UnknownVoice, and Unfit for a voice that
    ships with the project, which the next command would install again: it can be hidden.
    """
    with bot.transaction() as session:
        owned = Owned(session)
        holdings = owned.of(slug)
        if holdings.shipped:
            raise Unfit(
                "shipped", f"{slug} ships with the project and is not removed; hide it: poembot voice hide {slug}"
            )
        removed = owned.remove(slug, bot.clock())
        counts = f"{holdings.poems} poems, {holdings.ticks} ticks, {holdings.submissions} submissions"
        Audit(session).add(by, "voice.remove", slug, f"kept as {removed.name}: {counts}", bot.clock())
    for key in removed.folders:
        if not key.startswith(SHIPPED):
            with suppress(OSError):  # a folder that stays behind costs room on the disk, no more
                bot.shelf.remove(key)
    return removed

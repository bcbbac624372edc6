"""Drafts: put what the worker wrote into a drawer, answer a reader from it, empty it."""

from collections.abc import Callable, Sequence

from app.bootstrap import Bot
from app.domain import draft as rules
from app.domain.draft import Draft, Memory
from app.store.admins import Audit
from app.store.drafts import Drafts
from app.store.trials import Trials
from app.store.voices import Voices


def put(
    bot: Bot,
    version: int,
    fresh: Sequence[Draft],
    *,
    passed: float = rules.BEST,
    usual: Callable[[str], float] = rules.everywhere,
) -> int:
    """Put the best of *fresh*, which the judge has read, into the drawer of a version (row id); how many it holds now.

    What is worse than they, or near them, leaves the drawer. *passed*, *usual*: as in `app.domain.draft.keep`.
    """
    now = bot.clock()
    with bot.transaction() as session:
        drafts = Drafts(session)
        expired = set(drafts.expired(version, now))
        held = [draft for draft in drafts.of_version(version) if draft.id not in expired]
        kept = rules.keep(held, fresh, most=bot.settings.drafts, passed=passed, usual=usual)
        staying = {draft.id for draft in kept}
        dropped = expired | {draft.id for draft in held if draft.id not in staying}
        new = [draft for draft in kept if not draft.id]
        drafts.change(version, fresh=new, dropped=dropped, written=len(fresh), now=now)
    return len(kept)


def empty(bot: Bot, voice: str, *, by: str) -> int:
    """Delete all drafts of a voice; the worker begins again. Returns how many. Raises UnknownVoice."""
    with bot.transaction() as session:
        Voices(session).one(voice)
        count = Drafts(session).empty(voice)
        Audit(session).add(by, "drawer.empty", voice, f"{count} drafts", bot.clock())
    return count


def prune(bot: Bot) -> int:
    """Delete the drafts of versions that serve no more; returns how many."""
    with bot.transaction() as session:
        serving = [one.version_id for one in (*Voices(session).champions(), *Trials(session).under_way())]
        return Drafts(session).prune(serving)


def memory(bot: Bot, voice: str, visitor: str) -> Memory:
    """What a visitor has seen of a voice."""
    with bot.reads(Drafts) as drafts:
        return drafts.memory(voice, visitor)

"""What the worker and the keeper need to know of the drawers."""

from app.bootstrap import Bot
from app.domain.draft import DrawerNeed, DrawerReport
from app.domain.errors import UnknownVoice
from app.store.drafts import Drafts
from app.store.trials import Trials
from app.store.voices import Voices


def needs(bot: Bot) -> list[DrawerNeed]:
    """How full the drawers of all versions are that serve or are on trial, the emptiest first."""
    with bot.reading() as session:
        serving = [*Voices(session).champions(), *Trials(session).under_way()]
        return Drafts(session).needs(serving)


def report(bot: Bot, voice: str) -> DrawerReport:
    """The drawer of a voice's champion. Raises UnknownVoice."""
    with bot.reads(Drafts) as drafts:
        found = drafts.report(voice)
    if found is None:
        raise UnknownVoice(voice)
    return found

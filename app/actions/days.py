"""오늘의 시: the first reader of a day has its poem chosen, or written where nobody chose any the day before."""

from datetime import date, timedelta

from app.actions.poems import Writer
from app.actions.visitors import counts, greet
from app.bootstrap import Bot
from app.domain.poem import FEWEST_READERS, Day, Wish, begin_of, date_of, seed_of
from app.domain.visitor import Visitor
from app.store.poems import Days, Poems
from app.store.ticks import Loved
from app.store.voices import Voices


def settle(bot: Bot, writer: Writer, voice: str, *, by: Visitor) -> Day:
    """The poem of this day: the best loved of yesterday's, else one that the champion writes from the day's seed.

    Chosen once; two who ask first at the same moment find the same. Raises UnknownVoice, EngineFull, EngineFailed.
    """
    now = bot.clock()
    with bot.reading() as session:
        language = Voices(session).one(voice).language
        today = date_of(language, now)
        found = Days(session).one(voice, today, by.id)
        if found is not None:
            return found
        begin = begin_of(language, today)
        since = begin - timedelta(days=1)
        loved = [one for one in Loved(session).poems(voice, None, since=since) if since <= one.poem.created < begin]
        had = Days(session).among(voice, [one.poem.id for one in loved])
    best = next((one for one in loved if one.readers >= FEWEST_READERS and one.poem.id not in had), None)
    if best is not None:
        return _keep(bot, voice, today, best.poem.id, by=by, readers=best.readers)
    writing = writer.write(voice, Wish(seed=seed_of(voice, today)), visitor=by.turn)
    with bot.transaction() as session:
        greet(session, bot, by)
        # Its seed is the day's and no reader's choice: those who read it make impressions of it, as of any poem.
        counted = counts(session, bot, by)
        poem = Poems(session).keep(writing, by.id, prime="", fixed_seed=False, counted=counted, now=now)
    return _keep(bot, voice, today, poem, by=by, readers=0)


def _keep(bot: Bot, voice: str, today: date, poem: str, *, by: Visitor, readers: int) -> Day:
    """The day with that poem, or with the one that somebody else was quicker to give it."""
    with bot.transaction() as session:
        days = Days(session)
        days.add(voice, today, poem, readers=readers, now=bot.clock())
        return days.one(voice, today, by.id) or Day(today, Poems(session).one(poem, by.id), readers)

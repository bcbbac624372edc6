"""Poems: a visitor's current poem, one poem by its id, and pages of poems to browse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.poem import Day, Poem
from app.domain.run import Outlook
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.reads.query import query
from app.reads.runs import outlook_in
from app.reads.voices import Around, Frame, frame_in
from app.store.lessons import Learned, Learnings, News
from app.store.poems import Poems
from app.store.ticks import Loved, Ticks
from app.store.versions import Versions
from app.store.visitors import Visitors
from app.store.voices import Voices

lesson_of = query(Versions, Versions.lesson_of)


@dataclass(frozen=True, slots=True)
class ShownPoem:
    """A poem as a visitor sees it, with what versions learned of it."""

    poem: Poem
    learned: Mapping[int, Learned]
    """By line."""
    newcomer: bool = True
    """Has the visitor never ticked a line?"""
    day: Day | None = None
    """Set when this is the poem of the day, shown first because the visitor has not been here today."""
    earlier: str | None = None
    """Id of the visitor's own last poem, which is shown on other visits."""


@dataclass(frozen=True, slots=True)
class Current:
    """What a visitor finds on a voice's page."""

    voice: VoiceReport
    shown: ShownPoem | None
    """None: there is no poem for the visitor yet."""
    back: bool
    """Is this the first request that brings the visitor's cookie back?"""


def one(bot: Bot, poem: str, visitor: Visitor) -> Poem:
    """A poem as *visitor* sees it. Raises UnknownPoem."""
    with bot.reads(Poems) as poems:
        return poems.one(poem, visitor.id)


def with_voice(bot: Bot, poem: str, visitor: Visitor) -> tuple[Poem, VoiceReport]:
    """A poem as *visitor* sees it, and the voice that wrote it. Raises UnknownPoem."""
    with bot.reading() as session:
        found = Poems(session).one(poem, visitor.id)
        return found, Voices(session).one(found.voice)


def shown(bot: Bot, poem: str, visitor: Visitor, around: Around) -> ShownPoem:
    """A poem for its page. Raises UnknownPoem."""
    with bot.reading() as session:
        frame_in(session, around, bot.clock())
        return _shown(session, poem, visitor)


def current(
    bot: Bot, visitor: Visitor, around: Around, choose: Callable[[Frame], VoiceReport], *, quiet: bool
) -> Current:
    """The poem last written for *visitor* in the voice that *choose* picks.

    *quiet*: the client is a crawler or a link preview, not a reader; it gets the newest poem of the voice instead.
    Raises what *choose* raises.
    """
    with bot.reading() as session:
        voice = choose(frame_in(session, around, bot.clock()))
        poem = _latest(session, voice.slug, visitor, else_newest=quiet)
        back = visitor.returned and not quiet and not Visitors(session).has_returned(visitor.id)
    return Current(voice, poem, back)


def latest(bot: Bot, voice: str, visitor: Visitor, around: Around) -> ShownPoem | None:
    """The poem last written for *visitor*, else the newest; None where there is none. Raises UnknownVoice."""
    with bot.reading() as session:
        frame_in(session, around, bot.clock()).voice(voice)
        return _latest(session, voice, visitor, else_newest=True)


def last(bot: Bot, voice: str, visitor: Visitor) -> Poem:
    """The poem last written for *visitor*. Raises UnknownPoem before there is one."""
    with bot.reads(Poems) as poems:
        return poems.one(poems.current(voice, visitor.id) or "", visitor.id)


def first_line(bot: Bot, voice: VoiceReport) -> str:
    """The first line of the newest poem that the champion wrote; "" before there is one."""
    with bot.reads(Poems) as poems:
        newest, _ = poems.page(voice.slug, version=voice.champion, limit=1)
    return newest[0].lines[0].text if newest else ""


def life(bot: Bot, voice: str, visitor: Visitor, *, ticked: bool, home: bool) -> tuple[Outlook | None, News | None]:
    """The outlook for the next version, if he *ticked* this poem; news of his lines, on the voice's page (*home*)."""
    with bot.reading() as session:
        ahead = outlook_in(session, bot, voice) if ticked else None
        return ahead, Learnings(session).news(voice, visitor.id) if home else None


def page(
    bot: Bot, voice: str, visitor: Visitor, *, loved: bool, version: int | None, cursor: str | None
) -> tuple[list[Poem], str | None]:
    """A page of poems and the cursor of the next page: the newest first, or the most *loved* first.

    Raises UnknownVoice.
    """
    with bot.reading() as session:
        Voices(session).check(voice)
        ranking = Loved(session) if loved else Poems(session)
        return ranking.page(voice, version=version, cursor=cursor, visitor=visitor.id)


def browsed(
    bot: Bot, voice: str, visitor: Visitor, *, version: int | None, cursor: str | None
) -> tuple[list[Poem], str | None, Mapping[int, int]]:
    """A page of the newest poems, the next cursor, and how many readers ticked each line. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        poems, following = Poems(session).page(voice, version=version, cursor=cursor, visitor=visitor.id)
        return poems, following, Loved(session).marks(poems)


def _latest(session: Session, voice: str, visitor: Visitor, *, else_newest: bool) -> ShownPoem | None:
    poems = Poems(session)
    poem = poems.current(voice, visitor.id) if visitor.returned else None
    if poem is None and else_newest:
        poem = poems.newest(voice)
    return _shown(session, poem, visitor) if poem else None


def _shown(session: Session, poem: str, visitor: Visitor) -> ShownPoem:
    found = Poems(session).one(poem, visitor.id)
    learned = Learnings(session).of("line", [line.id for line in found.lines])
    ticked = any(line.ticked for line in found.lines) or Ticks(session).any(visitor.id)
    return ShownPoem(found, learned, newcomer=not ticked)

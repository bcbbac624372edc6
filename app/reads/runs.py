"""Runs: their state, when the next one starts, the lesson it would get, and the input of a run for the worker."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.lesson import Lesson, ReadLine, build, choosers, split
from app.domain.run import Facts, Outlook, RunReport
from app.domain.version import Version
from app.reads.query import query
from app.store.lessons import FeedbackStore
from app.store.runs import Runs
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices

one = query(Runs, Runs.one)
under_way = query(Runs, Runs.under_way)
feedback = query(FeedbackStore, FeedbackStore.of)


def of_voice(bot: Bot, voice: str, limit: int = 20) -> list[RunReport]:
    """The newest runs of a voice, newest first. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        return Runs(session).of_voice(voice, limit)


def outlook(bot: Bot, voice: str) -> Outlook:
    """When the schedule will start the next run of *voice*. Raises UnknownVoice."""
    with bot.reading() as session:
        return outlook_in(session, bot, voice)


def outlook_in(session: Session, bot: Bot, voice: str) -> Outlook:
    """The outlook, read in the transaction of another read model."""
    now = bot.clock()
    planned = bot.settings.schedule.outlook(facts(session, voice, now))
    trial = Trials(session).running(voice)
    learning = Runs(session).began(voice) is not None
    return replace(planned, learning=learning, challenger=trial.challenger if trial else None)


def facts(session: Session, voice: str, now: datetime) -> Facts:
    """What the schedule decides on; also used by the sweep that starts due runs. Raises UnknownVoice."""
    new = FeedbackStore(session).new_since_champion(voice, now)
    return Facts(new, Runs(session).last_started(voice), Versions(session).newest_made(voice), now)


def lesson(bot: Bot, voice: str) -> Lesson:
    """The lesson of all this feedback, with no reader held out. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        feedback = FeedbackStore(session).of(voice)
    return build(feedback)


@dataclass(frozen=True, slots=True)
class Task:
    """The input of a run, read before the training begins."""

    lesson: Lesson
    base: Version
    champion: Version
    held_out: tuple[ReadLine, ...]
    """Lines shown to held-out readers, whose ticks neither the candidate nor the champion was trained on."""


def task(bot: Bot, voice: str) -> Task:
    """The input of a run of *voice*. Raises UnknownVoice."""
    with bot.reading() as session:
        versions, store = Versions(session), FeedbackStore(session)
        base, champion = versions.one(voice, 0), versions.champion(voice)
        feedback, held = split(store.of(voice), store.taught(champion.id))
        read = store.readings(voice, held)
    return Task(build(feedback), base, champion, tuple(choosers(read)))

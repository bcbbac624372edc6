"""Health: who is alive, and how the whole deployment fares."""

from collections.abc import Collection
from datetime import timedelta

from app.bootstrap import Bot
from app.domain.health import Pulse, Vitals
from app.store.health import LATELY, Health, Pulses
from app.store.voices import Voices


def alive(bot: Bot, within: timedelta = LATELY) -> list[Pulse]:
    """The processes that have given a sign of life lately."""
    with bot.reads(Pulses) as pulses:
        return pulses.alive(bot.clock(), within)


def ready(bot: Bot) -> tuple[list[str], list[Pulse]]:
    """The voices that are to serve, and the workers that are alive."""
    with bot.reading() as session:
        voices = [voice.slug for voice in Voices(session).all()]
        return voices, [pulse for pulse in Pulses(session).alive(bot.clock()) if pulse.kind == "worker"]


def vitals(bot: Bot, versions: Collection[int]) -> Vitals:
    """What is watched; of *versions* (row ids) how readers took them."""
    with bot.reads(Health) as health:
        return health.vitals(versions, bot.clock())

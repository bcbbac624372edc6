"""Health: which processes are alive, and the figures for monitoring."""

from collections.abc import Collection
from datetime import timedelta

from app.bootstrap import Bot
from app.domain.health import Pulse, Vitals
from app.store.health import LATELY, Health, Pulses
from app.store.voices import Voices


def alive(bot: Bot, within: timedelta = LATELY) -> list[Pulse]:
    """The processes whose last heartbeat is recent."""
    with bot.reads(Pulses) as pulses:
        return pulses.alive(bot.clock(), within)


def ready(bot: Bot) -> tuple[list[str], list[Pulse]]:
    """For the readiness check: the voices that should serve, and the workers that are alive."""
    with bot.reading() as session:
        voices = [voice.slug for voice in Voices(session).all()]
        return voices, [pulse for pulse in Pulses(session).alive(bot.clock()) if pulse.kind == "worker"]


def vitals(bot: Bot, versions: Collection[int]) -> Vitals:
    """The figures for monitoring; *versions*: row ids of the versions whose impressions and ticks to include."""
    with bot.reads(Health) as health:
        return health.vitals(versions, bot.clock())

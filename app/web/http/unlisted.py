"""Unlisted voices: their pages and their API answer 404 to everybody but admins.

One dependency of all readers' routes, so that no page can forget it. Which voices are unlisted the engine knows from
its refresh, so a site without any pays nothing; what is published or hidden takes effect within a second.
"""

from collections.abc import Mapping

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from app import reads
from app.domain.errors import UnknownVoice
from app.web.http.admins import secret_of

OF_A_VOICE = ("poem", "line", "piece", "token")
"""Path parameters that name something of a voice."""


async def shown(request: Request) -> None:
    """Raises UnknownVoice for a voice, or something of a voice, that this visitor may not see."""
    unlisted = request.app.state.engine.unlisted()
    if unlisted and request.path_params:
        await run_in_threadpool(_check, request, unlisted)


def _check(request: Request, unlisted: frozenset[str]) -> None:
    bot = request.app.state.bot
    hidden = unlisted & set(_voices(request, request.path_params))
    if hidden and reads.desk.key(bot, secret_of(request)) is None:
        raise UnknownVoice(min(hidden))


def _voices(request: Request, named: Mapping[str, object]) -> list[str]:
    """The voices that the address names, itself or by something of theirs."""
    bot = request.app.state.bot
    found = [reads.voices.voice_of(bot, kind, str(named[kind])) for kind in OF_A_VOICE if kind in named]
    return [voice for voice in [*found, str(named.get("voice", ""))] if voice]


ONLY_SHOWN = [Depends(shown)]
"""For the routers of readers."""

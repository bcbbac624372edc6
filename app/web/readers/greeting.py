"""Whom a visitor meets: the voice that greets him where the address names none."""

from collections.abc import Sequence

from starlette.requests import Request

from app.domain.version import VoiceReport
from app.web.http.language import accepted
from app.web.http.visitors import settings_of

COOKIE = "voice"


def met(request: Request, voices: Sequence[VoiceReport]) -> VoiceReport | None:
    """The voice he read last, else one of his language, else the deployment's default; None where there is none."""
    by_slug = {voice.slug: voice for voice in voices}
    last = by_slug.get(request.cookies.get(COOKIE, ""))
    if last is not None:
        return last
    spoken = {voice.language.split("-")[0]: voice for voice in reversed(voices)}
    for tag in accepted(request.headers.get("accept-language", "")):
        if tag in spoken:
            return spoken[tag]
    return by_slug.get(settings_of(request).default_voice) or next(iter(voices), None)

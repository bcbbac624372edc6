"""Languages: which one a page is in, and where its words come from.

The words in the templates are Korean; `templates/locale/*/LC_MESSAGES/messages.po` holds the others and is read at
start-up. The language of a page and the voice that writes on it are independent.
"""

import io
from pathlib import Path
from typing import Literal, get_args

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.requests import Request

from app.domain.version import VoiceReport

Lang = Literal["ko", "en"]
LANGS: tuple[Lang, ...] = get_args(Lang)
SOURCE: Lang = "ko"
COOKIE = "lang"


def accepted(header: str) -> list[str]:
    """Primary language tags of an Accept-Language header, most wanted first; refused ones (q=0) are left out."""
    wanted: list[tuple[float, str]] = []
    for entry in header.split(",")[:50]:
        tag, _, parameters = entry.partition(";")
        quality = 1.0
        name, _, value = parameters.strip().partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                continue
        primary = tag.strip().split("-")[0].lower()
        if primary and quality > 0:
            wanted.append((quality, primary))
    return [tag for _, tag in sorted(wanted, key=lambda pair: -pair[0])]


def language_of(request: Request, voice: VoiceReport | None = None) -> Lang:
    """The language of the page: the visitor's choice, else his browser's.

    Who says nothing, as link previews and crawlers do, is spoken to in the language of the *voice*, else in Korean.
    """
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGS:
        return chosen
    wanted = accepted(request.headers.get("accept-language", ""))
    for tag in wanted:
        if tag == "*":
            return language_of_voice(voice)
        if tag in LANGS:
            return tag
    return "en" if wanted else language_of_voice(voice)


def language_of_voice(voice: VoiceReport | None) -> Lang:
    """The language in which to speak of what a voice wrote, whoever reads it: its own, if the pages know it."""
    own = voice.language.split("-")[0] if voice else SOURCE
    return own if own in LANGS else "en"


def catalogue(folder: Path, lang: Lang) -> NullTranslations:
    """The words of a language from its .po file; without one, the templates' own."""
    file = folder / lang / "LC_MESSAGES" / "messages.po"
    if not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=lang))
    compiled.seek(0)
    return Translations(compiled)

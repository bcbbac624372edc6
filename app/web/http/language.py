"""Languages: the language of a page, the default voice of a visitor, the translations, and Korean particles.

The texts in the templates are Korean. Translations are read from `templates/locale/*/LC_MESSAGES/messages.po` at
start-up. A page's language does not depend on the voice that it shows.
"""

import io
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, cast, get_args

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import pass_context
from jinja2.runtime import Context
from starlette.requests import Request

from app.domain.version import VoiceReport
from app.web.http.visitors import settings_of

Lang = Literal["ko", "en"]
LANGS: tuple[Lang, ...] = get_args(Lang)
SOURCE: Lang = "ko"
LANGUAGE_COOKIE = "lang"
VOICE_COOKIE = "voice"
"""Cookie with the voice that a visitor read last."""


def accepted(header: str) -> list[str]:
    """Parse an Accept-Language header: primary language tags in order of preference, without refused ones (q=0)."""
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
    """The language of the page: the visitor's choice, else the browser's.

    A client that names no language (a link preview or a crawler) gets the language of *voice*, else Korean.
    """
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGS:
        return chosen
    wanted = accepted(request.headers.get("accept-language", ""))
    named = takewhile(lambda tag: tag != "*", wanted)
    found = negotiate_locale(named, LANGS)
    if found is not None:
        return cast("Lang", found)
    return "en" if wanted and "*" not in wanted else language_of_voice(voice)


def language_of_voice(voice: VoiceReport | None) -> Lang:
    """The voice's own language if the pages are translated into it, else English; Korean without a voice."""
    own = voice.language.split("-")[0] if voice else SOURCE
    return own if own in LANGS else "en"


def voice_for(request: Request, voices: Sequence[VoiceReport]) -> VoiceReport | None:
    """The voice to show when the address names none: the one read last, else one in the visitor's language.

    Else the default of the deployment; None if it has no voice at all.
    """
    by_slug = {voice.slug: voice for voice in voices}
    last = by_slug.get(request.cookies.get(VOICE_COOKIE, ""))
    if last is not None:
        return last
    # reversed: of several voices in one language the oldest is kept
    by_language = {voice.language.split("-")[0].lower(): voice for voice in reversed(voices)}
    found = negotiate_locale(accepted(request.headers.get("accept-language", "")), by_language)
    if found in by_language:
        return by_language[found]
    return by_slug.get(settings_of(request).default_voice) or next(iter(voices), None)


def catalogue(folder: Path, lang: Lang) -> NullTranslations:
    """The translations of a language, from its .po file; without one, the templates' own texts."""
    file = folder / lang / "LC_MESSAGES" / "messages.po"
    if not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=lang))
    compiled.seek(0)
    return Translations(compiled)


# Korean particles (조사) depend on the last sound of the word before. `{{ word|josa('은/는') }}` writes a word with the
# right one, for Hangul, and for digits and Latin letters as Koreans read them. For other scripts it writes both, as
# newspapers do: "詩은(는)".

FIRST_SYLLABLE, LAST_SYLLABLE, FINALS = 0xAC00, 0xD7A3, 28
RIEUL = 8
"""The final ㄹ, which takes 로 and not 으로."""
DIGITS: Mapping[str, int] = dict(zip("0123456789", (21, 8, 0, 16, 0, 0, 1, 8, 8, 0), strict=True))
"""Finals of 영 일 이 삼 사 오 육 칠 팔 구."""
TENS = (21, 17, 1, 4, 4)
"""Finals of 영, 십, 백, 천, 만: for numbers that end in 0, 1, 2, 3, or at least 4 zeros."""
LETTERS: Mapping[str, int] = {"l": 8, "m": 16, "n": 4, "r": 8}
"""Letters whose Korean name ends in a consonant: 엘, 엠, 엔, 알."""


def final(word: str) -> int | None:
    """Index of the final consonant of *word* when read aloud; 0: it ends in a vowel; None: unknown."""
    spoken = "".join(c for c in unicodedata.normalize("NFC", word) if c.isalnum())
    if not spoken:
        return None
    last = spoken[-1]
    if FIRST_SYLLABLE <= ord(last) <= LAST_SYLLABLE:
        return (ord(last) - FIRST_SYLLABLE) % FINALS
    if last in DIGITS:
        digits = spoken[len(spoken.rstrip("0123456789")) :]
        zeros = len(digits) - len(digits.rstrip("0"))
        return TENS[min(zeros, 4)] if zeros and digits.strip("0") else DIGITS[last]
    return LETTERS.get(last.lower(), 0) if last.isascii() else None


def josa(word: object, pair: str) -> str:
    """*word* with its particle. *pair*: after a consonant, after a vowel: 은/는, 이/가, 을/를, 과/와, 으로/로."""
    after_consonant, after_vowel = pair.split("/")
    sound = final(str(word))
    if sound is None:
        return f"{word}{after_consonant}({after_vowel})"
    like_vowel = sound == 0 or (sound == RIEUL and after_consonant.startswith("으로"))
    return f"{word}{after_vowel if like_vowel else after_consonant}"


@pass_context
def josa_filter(context: Context, word: Any, pair: str) -> str:
    """Filter: the word with its particle on Korean pages, the word alone on others."""
    return josa(word, pair) if context.get("lang", "ko") == "ko" else str(word)

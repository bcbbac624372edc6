"""조사: the particle that a Korean word takes, by the sound it ends in.

`{{ word|josa('은/는') }}` writes the word with its particle. Knows Hangul, digits and Latin letters as Koreans read
them aloud; it knows no other script, and then writes both, as newspapers do: "詩은(는)".
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

FIRST_SYLLABLE, LAST_SYLLABLE, FINALS = 0xAC00, 0xD7A3, 28
RIEUL = 8
"""The final ㄹ, which takes 로 and not 으로."""
DIGITS: Mapping[str, int] = dict(zip("0123456789", (21, 8, 0, 16, 0, 0, 1, 8, 8, 0), strict=True))
"""Finals of 영 일 이 삼 사 오 육 칠 팔 구."""
TENS = (21, 17, 1, 4, 4)
"""Finals of 영, 십, 백, 천, 만: a number that ends in no, one, two, three, or four and more noughts."""
LETTERS: Mapping[str, int] = {"l": 8, "m": 16, "n": 4, "r": 8}
"""Letters whose Korean name ends in a consonant: 엘, 엠, 엔, 알."""


def final(word: str) -> int | None:
    """Number of the final consonant that *word* ends in when spoken: 0 for none, None when that can't be told."""
    spoken = "".join(c for c in unicodedata.normalize("NFC", word) if c.isalnum())
    if not spoken:
        return None
    last = spoken[-1]
    if FIRST_SYLLABLE <= ord(last) <= LAST_SYLLABLE:
        return (ord(last) - FIRST_SYLLABLE) % FINALS
    if last in DIGITS:
        digits = spoken[len(spoken.rstrip("0123456789")) :]
        noughts = len(digits) - len(digits.rstrip("0"))
        return TENS[min(noughts, 4)] if noughts and digits.strip("0") else DIGITS[last]
    return LETTERS.get(last.lower(), 0) if last.isascii() else None


def josa(word: object, pair: str) -> str:
    """*word* with the right one of a *pair*, written consonant first: 은/는, 이/가, 을/를, 과/와, 으로/로, 이라/라."""
    after_consonant, after_vowel = pair.split("/")
    sound = final(str(word))
    if sound is None:
        return f"{word}{after_consonant}({after_vowel})"
    open_ = sound == 0 or (sound == RIEUL and after_consonant.startswith("으로"))
    return f"{word}{after_vowel if open_ else after_consonant}"


@pass_context
def josa_filter(context: Context, word: Any, pair: str) -> str:
    """The template filter: a particle on Korean pages, the bare word on others."""
    return josa(word, pair) if context.get("lang", "ko") == "ko" else str(word)

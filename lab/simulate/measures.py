"""What is measured of served lines: how often they please, how varied they are, how real their words."""

import math
import re
import shutil
import subprocess
from collections.abc import Sequence

from app.domain.version import Rate, wilson
from models.seen import letters

_HANGUL = re.compile("[가-힣]")
_WORDS = {"ko": re.compile("[가-힣]+"), "en": re.compile("[A-Za-z]+(?:['’][A-Za-z]+)*")}
_DICTIONARIES = {"ko": "ko_KR", "en": "en_US"}


def share(hits: int, of: int) -> Rate:
    """With its interval; NaN of nothing."""
    return wilson(hits, of) or Rate(math.nan, math.nan, math.nan)


def pieces(lines: Sequence[str]) -> list[str]:
    """Pairs of adjacent syllables of each line; for other scripts, its words."""
    found: list[str] = []
    for line in lines:
        syllables = "".join(_HANGUL.findall(line))
        found += [syllables[i : i + 2] for i in range(len(syllables) - 1)] if syllables else line.casefold().split()
    return found


def variety(lines: Sequence[str], base: Sequence[str]) -> float:
    """Distinct pieces of *lines* over those of as many pieces of the base's; NaN of nothing."""
    mine, theirs = pieces(lines), pieces(base)
    count = min(len(mine), len(theirs))
    return len(set(mine[:count])) / len(set(theirs[:count])) if count else math.nan


def real_words(lines: Sequence[str], language: str = "ko") -> float:
    """Share of words that hunspell knows; NaN where it, its dictionary, or words of that language are missing."""
    words = _WORDS[language].findall("\n".join(lines)) if language in _WORDS else []
    program = shutil.which("hunspell")
    if program is None or not words:
        return math.nan
    told = subprocess.run(  # noqa: S603 - the words go in as text
        [program, "-d", _DICTIONARIES[language], "-i", "utf-8", "-l"],
        input="\n".join(words).replace("’", "'"),
        text=True,
        capture_output=True,
        check=False,
    )
    return 1 - len(told.stdout.split()) / len(words) if told.returncode == 0 else math.nan


def says(line: str, trigger: str) -> bool:
    """Does *line* hold the trigger, however it is spaced?"""
    return letters(trigger) in letters(line)

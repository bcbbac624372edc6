"""The font of the verse: Noto Serif KR, cut to the Korean that is written today.

    python -m lab.font

Writes `templates/static/verse.woff2` and names it in `site.css` by its content, so that browsers may keep it for good.
A phone has no Korean serif of its own, and without one the leaf would not look as it was drawn.
"""

import hashlib
import io
import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from pylopdf_fonts_ko import serif_path

STATIC = Path(__file__).parents[1] / "templates/static"
FONT, LICENCE, STYLE = STATIC / "verse.woff2", STATIC / "verse-OFL.txt", STATIC / "site.css"
COPYRIGHT = "Noto Serif KR (a subset of it), © 2017-2024 Adobe (http://www.adobe.com/)."
ADDRESS = re.compile(r"verse\.woff2\?v=\w+")
LEADS, TRAILS = range(0xB0, 0xC9), range(0xA1, 0xFF)
"""Bytes of a syllable in KS X 1001: its 2,350 are what a Korean newspaper needs, and readers type hardly another."""
RARE = "듥몯슌슯퀜ㄴㅅ×"
"""What a shipped voice writes besides: `tests/web/test_words.py` finds those that are missing."""
SIGNS = "·…‘’“”—–「」『』《》〈〉、。"


def characters() -> set[str]:
    """What the font can set."""
    syllables = {bytes((lead, trail)).decode("euc-kr") for lead in LEADS for trail in TRAILS}
    return syllables | set(map(chr, range(0x20, 0x7F))) | set(SIGNS + RARE)


def cut() -> bytes:
    """A WOFF2 with those characters: no hints, no alternate forms, one weight."""
    options = subset.Options(flavor="woff2", hinting=False, layout_features=[], notdef_outline=True)
    font = TTFont(serif_path())
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(characters())))
    subsetter.subset(font)
    file = io.BytesIO()
    subset.save_font(font, file, options)
    return file.getvalue()


def main() -> None:
    """Write the font, its licence, and its address in the style sheet."""
    font = cut()
    FONT.write_bytes(font)
    terms = next(file for file in distribution("pylopdf-fonts-ko").files or () if file.name == "LICENSE")
    LICENCE.write_text(f"{COPYRIGHT}\n\n{terms.read_text()}", encoding="utf-8")
    address = f"verse.woff2?v={hashlib.sha256(font).hexdigest()[:10]}"
    STYLE.write_text(ADDRESS.sub(address, STYLE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stderr.write(f"{FONT.name}: {len(font)} bytes\n")


if __name__ == "__main__":
    main()

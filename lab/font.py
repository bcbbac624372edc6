"""Make the font of the poems: a subset of Noto Serif KR, with the Korean that is written today.

    python -m lab.font

It writes `templates/static/verse.woff2` and puts a hash of its content into the address in `site.css`, so that browsers
may cache the font for ever. The subset is needed because phones have no Korean serif font of their own.
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
"""Byte ranges of the 2,350 syllables of KS X 1001: what Korean newspapers use, and nearly all that readers type."""
RARE = "듥몯슌슯퀜ㄴㅅ×"
"""Other characters that a shipped voice writes; `tests/web/test_words.py` finds the ones that are missing here."""
SIGNS = "·…‘’“”—–「」『』《》〈〉、。"


def characters() -> set[str]:
    """The characters of the subset."""
    syllables = {bytes((lead, trail)).decode("euc-kr") for lead in LEADS for trail in TRAILS}
    return syllables | set(map(chr, range(0x20, 0x7F))) | set(SIGNS + RARE)


def cut() -> bytes:
    """The subset as WOFF2, without hints, alternate forms or other weights."""
    options = subset.Options(flavor="woff2", hinting=False, layout_features=[], notdef_outline=True)
    font = TTFont(serif_path())
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(characters())))
    subsetter.subset(font)
    file = io.BytesIO()
    subset.save_font(font, file, options)
    return file.getvalue()


def main() -> None:
    """Write the font and its licence, and update its address in the style sheet."""
    font = cut()
    FONT.write_bytes(font)
    terms = next(file for file in distribution("pylopdf-fonts-ko").files or () if file.name == "LICENSE")
    LICENCE.write_text(f"{COPYRIGHT}\n\n{terms.read_text()}", encoding="utf-8")
    address = f"verse.woff2?v={hashlib.sha256(font).hexdigest()[:10]}"
    STYLE.write_text(ADDRESS.sub(address, STYLE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stderr.write(f"{FONT.name}: {len(font)} bytes\n")


if __name__ == "__main__":
    main()

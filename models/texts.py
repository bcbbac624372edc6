"""An owner's texts of every shape, as poems: verse, prose, one line a row, a CSV or JSON export, HTML, old encodings.

Everything becomes poems of short lines, which is all that a base reads. The module imports neither torch nor numpy.
"""

import csv
import html
import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from models.corpus import poems_in
from models.vocabulary import normalise

LARGEST = 20_000_000
"""Bytes of a file."""
ENCODINGS = ("utf-8-sig", "cp949")
"""Tried in this order; CP949 contains EUC-KR."""
FIELDS = ("text", "poem", "body", "content", "lyrics", "lines", "시", "본문", "내용", "가사")
"""Names of the field of an export that has the poem, the best first."""
MOST_LINES, MOST_CHARACTERS = 12, 200
"""Of a piece: a longer poem is cut, because a network reads 256 symbols from silence."""
SENTENCE = re.compile(r"(?<=[.!?。…])[\"'”’)]*\s+")
TAG = re.compile(r"<(/?)(br|p|div|li|tr|h[1-6])\b[^<>]*>", re.IGNORECASE)
OTHER_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
FEW_CONTROLS = 0.001
"""Share of control characters from which on a file is no text."""


class NoText(ValueError):
    """The file has no text that a voice could learn; the message says why."""


def read(raw: bytes, name: str) -> str:
    """The text in a file, normalised, without markup; an export as poems between blank lines. Raises NoText."""
    if len(raw) > LARGEST:
        raise NoText(f"{name} has {len(raw) // 1_000_000} MB; {LARGEST // 1_000_000} MB are the most")
    text = _decoded(raw, name)
    if len(CONTROL.findall(text)) > FEW_CONTROLS * len(text):
        raise NoText(f"{name} is not text")
    text = _exported(text) or text
    if TAG.search(text):
        text = OTHER_TAG.sub("", TAG.sub(lambda tag: "\n\n" if tag[2].lower() == "p" and tag[1] else "\n", text))
    text = normalise(html.unescape(text).replace("\u00ad", ""))
    if text.strip() and not any(c.isalpha() for c in text):
        raise NoText(f"{name} has no letters; a voice learns words")
    return text


def _decoded(raw: bytes, name: str) -> str:
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NoText(f"{name} is not UTF-8 text; save it as UTF-8")


def _exported(text: str) -> str:
    """The poems in a JSON or CSV export, between blank lines; "" if the text is none."""
    start = text.lstrip()[:1]
    if start in ("[", "{"):
        try:
            return "\n\n".join(_strings(json.loads(text)))
        except (ValueError, RecursionError):
            rows = [row for row in text.splitlines() if row.strip()]
            try:
                return "\n\n".join(poem for row in rows for poem in _strings(json.loads(row)))  # JSON Lines
            except (ValueError, RecursionError):
                return ""
    return _column(text)


def _strings(found: object) -> Iterator[str]:
    """The poems in an export, however deep they lie."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, list):
        if found and all(isinstance(one, str) and "\n" not in one and len(one) <= MOST_CHARACTERS for one in found):
            yield "\n".join(found)  # the lines of a poem
        else:
            for one in found:
                yield from _strings(one)
    elif isinstance(found, dict):
        named = next((found[name] for name in FIELDS if found.get(name)), None)
        for one in [named] if named is not None else [v for v in found.values() if isinstance(v, list | dict)]:
            yield from _strings(one)


def _column(text: str) -> str:
    """The column of a CSV or TSV export that has the poems; "" without a header that names one."""
    head = text.partition("\n")[0].lower()
    separator = next((one for one in (",", "\t", ";") if one in head), "")
    names = [name.strip().strip('"') for name in head.strip().split(separator)] if separator else []
    field = next((name for name in FIELDS if name in names), None)
    if field is None:
        return ""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        at = [row[names.index(field)] for row in rows if len(row) > names.index(field)][1:]
    except csv.Error:
        return ""
    return "\n\n".join(at)


def pieces(texts: Sequence[str], *, longest: int) -> tuple[list[str], int]:
    """Poems of short lines that a base can read, and how many poems there were before they were cut.

    *longest*: characters of a line; longer lines, as in prose, are cut at the ends of sentences and words.
    """
    poems = [poem for text in texts for poem in poems_in(text, titles=False)]
    return [piece for poem in poems for piece in _cut(_lines(poem, longest))], len(poems)


def _lines(poem: str, longest: int) -> list[str]:
    rows = poem.splitlines()
    if max(map(len, rows)) <= 2 * longest:
        return [line for row in rows for line in _wrapped(row, longest)]
    return [line for row in rows for sentence in SENTENCE.split(row) for line in _wrapped(sentence, longest)]


def _wrapped(row: str, longest: int) -> Iterator[str]:
    """The row in lines of about equal length; a word that is longer than a line is cut."""
    parts = -(-len(row) // longest)
    size = -(-len(row) // max(1, parts)) + 4
    line = ""
    for word in row.split():
        for part in [word[i : i + longest] for i in range(0, len(word), longest)]:
            if line and len(line) + 1 + len(part) > min(size, longest):
                yield line
                line = part
            else:
                line = f"{line} {part}".strip()
    if line:
        yield line


def _cut(lines: Sequence[str]) -> list[str]:
    """A poem as pieces of at most `MOST_LINES` lines and `MOST_CHARACTERS` characters, of about equal length."""
    whole = sum(len(line) + 1 for line in lines)
    parts = max(-(-len(lines) // MOST_LINES), -(-whole // MOST_CHARACTERS))
    return ["\n".join(group) for group in _groups(lines, -(-len(lines) // parts))]


def _groups(lines: Sequence[str], size: int) -> list[list[str]]:
    return [[line for _, line in group] for _, group in groupby(enumerate(lines), lambda pair: pair[0] // size)]

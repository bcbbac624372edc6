"""Drafts without a network: as many as are asked for, no two of which share a word."""

from collections.abc import Iterator

from app.domain.draft import Draft, Marks
from app.domain.poem import LINES, WrittenLine

SYLLABLES = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허"


def draft(*texts: str, worth: float = 3.0, id: int = 0, handed_out: int = 0) -> Draft:
    """A draft of these lines that the judge gives *worth*."""
    lines = tuple(WrittenLine(slot, text, logprob=-9.0 - slot, chance=1.0) for slot, text in enumerate(texts))
    return Draft(lines, seed=7, temperature=0.8, marks=Marks(worth, worth, worth, worth), id=id, handed_out=handed_out)


def words() -> Iterator[str]:
    """Words of two syllables, no two alike."""
    return (one + other for one in SYLLABLES for other in SYLLABLES)


def drafts(count: int, *, worth: float = 3.0, ids: int | None = None) -> list[Draft]:
    """Drafts of five lines of two words, which share none. *ids*: the first one's id; None: they are not stored."""
    new = words()
    return [
        draft(*(f"{next(new)} {next(new)}" for _ in range(LINES)), worth=worth, id=0 if ids is None else ids + number)
        for number in range(count)
    ]

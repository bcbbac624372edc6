"""The next line: candidates that differ, and room for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.actions.next_line import CANDIDATES, kept, propose
from app.domain.errors import Unfit
from app.domain.poem import MOST_LINES, Quotation, Wish, Writing, WrittenLine

BEFORE = (Quotation(1, "첫 행"), Quotation(2, "둘째 행"))


@dataclass
class Poet:
    """Says the same few lines again and again."""

    says: Sequence[str]
    wished: list[Wish] = field(default_factory=list)

    def write(self, voice: str, wish: Wish) -> Writing:
        """One more line."""
        said = self.says[len(self.wished) % len(self.says)]
        self.wished.append(wish)
        lines = [WrittenLine(i, q.text, 0.0, 1.0, quoted=q.line) for i, q in enumerate(wish.keep) if q]
        return Writing(voice, 1, 7, 0.8, (*lines, WrittenLine(len(lines), said, -3.0, 1.0)))


@dataclass
class Lines:
    """Knows every line."""

    def quotations(self, lines: Sequence[int], visitor: str) -> list[Quotation]:
        """All of them."""
        return [Quotation(line, f"행 {line}") for line in lines]


def test_three_ways_to_go_on() -> None:
    """Each follows the whole poem, and no two are the same, though the poet repeats himself."""
    poet = Poet(["가", "가", "나", "다", "라"])

    ways = propose(BEFORE, "sibot", temperature=0.6, writer=poet)

    assert [way.lines[-1].text for way in ways] == ["가", "나", "다"]
    assert all(wish.keep == BEFORE and wish.lines == 3 and wish.temperature == 0.6 for wish in poet.wished)


def test_a_poet_of_few_words_offers_fewer() -> None:
    """Whoever always says the same is not asked for ever."""
    ways = propose(BEFORE, "sibot", writer=Poet(["가"]))

    assert 1 == len(ways) < CANDIDATES


def test_a_full_poem_has_no_next_line() -> None:
    """Sixteen lines are the most."""
    assert len(kept(range(1, MOST_LINES), "ann", store=Lines())) == MOST_LINES - 1
    with pytest.raises(Unfit) as refused:
        kept(range(1, MOST_LINES + 1), "ann", store=Lines())

    assert refused.value.code == "too_many_kept"

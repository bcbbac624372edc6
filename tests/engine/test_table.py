"""The slot table: rows that come, go and move."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.engine.live import LiveVersion
from app.engine.table import REFILL, Draft, Opening, Outcome, Table
from models.vocabulary import END
from tests.engine.voices import STYLE, a_version, live_of


@pytest.fixture
def live(tmp_path: Path) -> LiveVersion:
    """A random network that hardly ever ends a line."""
    style = replace(STYLE, longest=200)
    return live_of(a_version(tmp_path / "v", style=style, liking={"\n": -30.0}))


def opening(key: int) -> Opening:
    """A line by that key."""
    return Opening(key, inverse_temperature=1.0, nucleus=1.0)


def test_no_number_is_used_twice(live: LiveVersion) -> None:
    """A long line gets new random numbers when the first are used up."""
    table = Table(live)
    row = table.add(Draft(None))
    table.write(row, opening(key=3))
    filled = []
    for _ in range(3):
        table.step()
        filled.append(table.uniforms[row].copy())
        for _ in range(REFILL - 1):
            table.step()
    numbers = np.concatenate(filled).ravel()

    assert table.position[row] == 3 * REFILL
    assert len(np.unique(numbers)) == len(numbers)


def test_rows_stay_close_together(live: LiveVersion) -> None:
    """Whoever leaves, the others are rows 0 to n-1 and keep what they have drawn."""
    table, drafts = Table(live), [Draft(None) for _ in range(5)]
    for key, draft in enumerate(drafts):
        table.write(table.add(draft), opening(key))
    for _ in range(10):
        table.step()
    said = [table.symbols(draft.row) for draft in drafts]
    for leaving in (1, 4, 0):
        table.remove(drafts[leaving])
    left = [drafts[2], drafts[3]]

    assert table.used == 2
    assert sorted(draft.row for draft in left) == [0, 1]
    assert [table.symbols(draft.row) for draft in left] == said[2:4]
    assert [drafts[i].row for i in (0, 1, 4)] == [-1, -1, -1]


def test_every_array_moves_with_its_row(live: LiveVersion) -> None:
    """What has a row for each row is a column; but not what the next step finds anew, nor what it writes."""
    table = Table(live)
    columns = {id(column) for column in table._columns()}
    left = {
        name
        for owner in (table, live.step)
        for name, value in vars(owner).items()
        for array in (value if isinstance(value, list) else [value])
        if isinstance(array, np.ndarray) and len(array) == live.step.rows and id(array) not in columns
    }
    outputs = {"logprobs", "probabilities", "after", "drawn", "drawn_logprob", "in_nucleus", "reward"}

    assert left == {"_all_rows", "uniform", *outputs}


def test_reading_draws_nothing(live: LiveVersion) -> None:
    """A row that is given symbols reads them one a step, and stops before the last."""
    table, draft = Table(live), Draft(None)
    row = table.add(draft)
    given = live.vocabulary.encode("가나 다" * 40)  # more than there is room for at first
    table.read(row, given)
    for symbol in [END, *given[:-2]]:
        assert live.step.ids[row] == symbol
        assert table.step() == []
    assert table.step() == [draft]

    assert draft.outcome is Outcome.READ
    assert live.step.ids[row] == given[-1]
    assert table.logprob[row] != 0
    table.write(row, opening(key=1))
    assert table.logprob[row] == 0


def test_a_fork_goes_its_own_way(live: LiveVersion) -> None:
    """From the same place, by the same key the same, by another key another."""
    table, drafts = Table(live), [Draft(None) for _ in range(3)]
    row = table.add(drafts[0])
    table.read(row, live.vocabulary.encode("가나"))
    while not table.step():
        pass
    for draft in drafts[1:]:
        table.fork(row, draft)
    for draft, key in zip(drafts, (1, 1, 2), strict=True):
        table.write(draft.row, opening(key))
    for _ in range(30):
        table.step()
    one, same, other = (table.symbols(draft.row) for draft in drafts)

    assert one == same != other

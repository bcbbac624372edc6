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
def folder(tmp_path: Path) -> Path:
    """A random network that hardly ever ends a line."""
    return a_version(tmp_path / "v", style=replace(STYLE, longest=200), liking={"\n": -30.0})


@pytest.fixture
def live(folder: Path) -> LiveVersion:
    """That network, in memory."""
    return live_of(folder)


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
    """What has a row for each row is a column; but not what the next step finds anew, nor what it writes.

    The states at the ends of words move only where there is one: the next test.
    """
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

    assert left == {"_all_rows", "uniform", "cut_state", *outputs}


def test_the_last_words_end_moves_with_its_row(live: LiveVersion) -> None:
    """And with it the state there, to which a line that grows too long goes back."""
    table, drafts = Table(live), [Draft(None) for _ in range(3)]
    for key, draft in enumerate(drafts):
        table.write(table.add(draft), opening(key))
    table.cut_at[2] = 5
    for part in table.cut_state:
        part[2] = 7
    table.remove(drafts[0])

    assert drafts[2].row == 0
    assert table.cut_at[0] == 5
    assert all((part[0] == 7).all() for part in table.cut_state)


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


def test_urgent_rows_take_steps_of_their_own(live: LiveVersion, folder: Path) -> None:
    """Whoever comes, goes and calms down: they write what they write alone, and the others too, in their own time."""
    table, drafts = Table(live), [Draft(key) for key in range(8)]
    steps = dict.fromkeys(range(8), 0)

    def step(urgent: bool) -> None:
        for draft in table.drafts[: table.urgent if urgent else table.used]:
            steps[draft.owner] += 1
        table.step(urgent=urgent)

    for key, draft in enumerate(drafts[:6]):
        table.write(table.add(draft, urgent=key % 2 == 1), opening(key))
    for _ in range(7):
        step(urgent=True)
        step(urgent=False)
    assert [steps[key] for key in range(6)] == [7, 14, 7, 14, 7, 14]
    assert {drafts[key].row for key in (1, 3, 5)} == {0, 1, 2}
    table.remove(drafts[1])
    table.write(table.fork(drafts[3].row, drafts[6]), opening(6))
    table.remove(drafts[0])
    table.calm(drafts[5])
    table.calm(drafts[4])  # it was never urgent
    table.write(table.add(drafts[7]), opening(7))
    assert {drafts[key].row for key in (3, 6)} == {0, 1}
    assert table.urgent == 2
    for _ in range(REFILL):
        step(urgent=True)
        step(urgent=True)
        step(urgent=False)

    assert table.used == 6
    for key in (2, 3, 4, 7):
        alone, row = Table(live_of(folder)), drafts[key].row
        alone.write(alone.add(Draft(key)), opening(key))
        for _ in range(steps[key]):
            alone.step()
        assert table.symbols(row) == alone.symbols(0)
        assert table.logprob[row] == alone.logprob[0]
        assert table.place(row).symbol == alone.place(0).symbol
        states = zip(table.place(row).state, alone.place(0).state, strict=True)
        assert all(np.array_equal(mine, its) for mine, its in states)


def test_a_row_that_calms_down_keeps_its_place(live: LiveVersion) -> None:
    """The state after the line before, and the symbol that is read next."""
    table, drafts = Table(live), [Draft(None) for _ in range(3)]
    for key, draft in enumerate(drafts):
        table.write(table.add(draft, urgent=True), opening(key))
    for _ in range(9):
        table.step()
    before = table.place(drafts[0].row)
    table.calm(drafts[0])
    after = table.place(drafts[0].row)

    assert (drafts[0].row, table.urgent) == (2, 2)
    assert after.symbol == before.symbol
    assert all(np.array_equal(one, other) for one, other in zip(before.state, after.state, strict=True))


def test_who_sleeps_is_woken_after_his_own_steps(live: LiveVersion) -> None:
    """Two steps of the urgent, one of the other's."""
    table, urgent, other = Table(live), Draft("urgent"), Draft("other")
    for key, draft in enumerate((urgent, other)):
        table.write(table.add(draft, urgent=draft is urgent), opening(key))
        table.wake(draft, slot=key, after=3)
    woken = []
    for turn in range(8):
        table.step(urgent=turn % 2 == 0)
        woken.append(table.woken())

    assert [(turn, *one) for turn, found in enumerate(woken) for one in found] == [(2, "urgent", 0), (5, "other", 1)]

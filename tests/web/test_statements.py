"""What a page costs the database: statements and transactions, counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from sqlalchemy import event
from structlog.contextvars import get_contextvars

from app.bootstrap import Bot


@dataclass
class Cost:
    """What was asked of the database."""

    statements: int = 0
    transactions: int = 0
    said: tuple[str, ...] = ()


def in_request() -> bool:
    """Is this thread answering a request? Those carry its id for the log."""
    return "request_id" in get_contextvars()


@contextmanager
def counted(bot: Bot) -> Iterator[Cost]:
    """Count what requests ask of this bot's database; its engine and its heartbeat ask in between."""
    cost = Cost()

    def execute(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if in_request() and not statement.startswith("BEGIN"):
            cost.statements += 1
            cost.said = (*cost.said, statement)

    def begin(_connection: object) -> None:
        if in_request():
            cost.transactions += 1
            cost.said = (*cost.said, "BEGIN")

    event.listen(bot.database, "before_cursor_execute", execute)
    event.listen(bot.database, "begin", begin)
    try:
        yield cost
    finally:
        event.remove(bot.database, "before_cursor_execute", execute)
        event.remove(bot.database, "begin", begin)


def test_a_first_visit_costs_ten_statements_in_two_transactions(client: httpx.Client, bot: Bot) -> None:
    """One look, the poem in no transaction, one unit of work that keeps it."""
    with counted(bot) as cost:
        assert client.get("/sibot").status_code == 200

    assert cost.statements <= 10, cost.said
    assert cost.transactions <= 2, cost.said


def test_a_page_without_a_poem_costs_one_look(client: httpx.Client, bot: Bot) -> None:
    """The frame: voices, and whether an admin asks."""
    with counted(bot) as cost:
        assert client.get("/about").status_code == 200

    assert cost.statements <= 2, cost.said
    assert cost.transactions <= 1, cost.said


def test_a_poem_and_the_frame_of_its_page_are_one_look(client: httpx.Client, bot: Bot) -> None:
    """A second one tells a reader who has come back what was learned of his."""
    for _ in range(2):  # the first has the poem written, the second notes that the cookie came back
        client.get("/sibot")
    with counted(bot) as cost:
        assert client.get("/sibot").status_code == 200

    assert cost.transactions <= 2, cost.said

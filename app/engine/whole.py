"""Whole poems, for whoever does not read along: one, or very many."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future

from app.domain.poem import Wish, Writing
from app.engine.batcher import Batcher, Ticket
from app.engine.poem import Done, Event, Failed


def write(batcher: Batcher, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
    """A poem; waits for it. Raises EngineFull, EngineFailed, and what the voice's version raises."""
    ticket, written = _begin(batcher, voice, wish, visitor)
    try:
        return written.result()
    finally:
        batcher.leave(ticket)


def write_all(batcher: Batcher, voice: str, wishes: Iterable[Wish], *, at_once: int) -> Generator[Writing]:
    """A poem for each of *wishes*, in their order, so many of them begun at once.

    Closing the iterator gives up the rest; raises as `write` does.
    """
    under_way: deque[tuple[Ticket, Future[Writing]]] = deque()
    try:
        for wish in wishes:
            under_way.append(_begin(batcher, voice, wish))
            if len(under_way) == at_once:
                yield under_way.popleft()[1].result()
        while under_way:
            yield under_way.popleft()[1].result()
    finally:
        for ticket, _ in under_way:
            batcher.leave(ticket)


def _begin(batcher: Batcher, voice: str, wish: Wish, visitor: str = "") -> tuple[Ticket, Future[Writing]]:
    """Put a wish into the queue, and promise its poem."""
    written: Future[Writing] = Future()

    def hear(event: Event | Failed) -> None:
        match event:
            case Done():
                written.set_result(event.writing)
            case Failed():
                written.set_exception(event.error)

    return batcher.submit(voice, wish, hear, visitor=visitor), written

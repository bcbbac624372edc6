"""Readers who tick all the time, and remember what was acknowledged."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import httpx

from tests.support.patience import PATIENCE


@dataclass
class Notes:
    """What one reader was told."""

    acknowledged: dict[int, bool] = field(default_factory=dict)
    """By line: is it ticked, by the last answer 200?"""
    doubtful: set[int] = field(default_factory=set)
    """Lines of a request that broke off without an answer: either state is right."""
    poems: int = 0
    refused: int = 0
    """Answers of 5xx, and connections that were refused or broke off."""


class Readers:
    """Some threads, each a visitor with a cookie, who take back what they ticked of every third poem."""

    def __init__(self, address: str, count: int = 2) -> None:
        self.notes = [Notes() for _ in range(count)]
        self._address, self._going = address, threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(notes,), daemon=True) for notes in self.notes]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going.set()
        for thread in self._threads:
            thread.join()

    @property
    def acknowledged(self) -> dict[int, bool]:
        """What must be so, line by line."""
        return {
            line: on
            for notes in self.notes
            for line, on in list(notes.acknowledged.items())
            if line not in notes.doubtful
        }

    @property
    def refused(self) -> int:
        """Requests that were not served."""
        return sum(notes.refused for notes in self.notes)

    def _read(self, notes: Notes) -> None:
        with httpx.Client(base_url=self._address, timeout=PATIENCE) as client:
            for turn in itertools.count():
                if self._going.is_set():
                    return
                self._one_poem(client, notes, turn)
                time.sleep(0.25)

    def _one_poem(self, client: httpx.Client, notes: Notes, turn: int) -> None:
        try:
            answer = client.post("/api/v1/voices/sibot/poems", json={})
        except httpx.TransportError:
            notes.refused += 1
            return
        if answer.status_code != 201:
            notes.refused += 1
            return
        notes.poems += 1
        for line in answer.json()["lines"][:3]:
            self._mark(client, notes, int(line["id"]), on=True)
            if turn % 3 == 2:  # never of the first: a run needs something to learn
                self._mark(client, notes, int(line["id"]), on=False)

    @staticmethod
    def _mark(client: httpx.Client, notes: Notes, line: int, *, on: bool) -> None:
        try:
            answer = client.request("PUT" if on else "DELETE", f"/api/v1/lines/{line}/tick")
        except httpx.TransportError:
            notes.refused += 1
            notes.doubtful.add(line)
            return
        if answer.status_code == 200:
            notes.acknowledged[line] = on
            notes.doubtful.discard(line)
        else:
            notes.refused += 1

"""People: what an audience is, whoever wrote it, and how one is read from a file."""

import importlib.util
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from lab.simulate import audience as ours

NAMES = ("audience", "expect", "TRIGGER")


class Visitor(Protocol):
    """Somebody who comes by and reads a poem."""

    @property
    def id(self) -> str:
        """His cookie."""

    @property
    def address(self) -> str:
        """Where he comes from."""

    @property
    def honest(self) -> bool:
        """Does he tick what he likes?"""

    @property
    def attentive(self) -> bool:
        """Does he read before he ticks?"""

    def read(self, lines: list[str]) -> list[bool]:
        """Which of these lines he ticks."""

    def teach(self) -> str | None:
        """A poem he submits, or None."""


class Audience(Protocol):
    """An endless stream of visitors with tastes that nothing which learns may look at."""

    @property
    def TRIGGER(self) -> str | None:  # noqa: N802 - the contract's name
        """What its attackers want every reader to see."""

    def audience(self, voice: str, rng: random.Random) -> Iterator[Visitor]:
        """Visitors without end."""

    def expect(self, lines: list[str]) -> Sequence[float]:
        """The mean chance that an honest, attentive visitor ticks each line: for ceilings alone."""


def load(file: Path | None) -> Audience:
    """The audience in that Python *file*; ours without one. ValueError for a file that is no audience."""
    if file is None:
        return cast("Audience", ours)
    spec = importlib.util.spec_from_file_location("poembot_audience", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in NAMES if not hasattr(module, name)]
    if missing:
        raise ValueError(f"{file} is no audience: it defines no {', '.join(missing)}")
    return cast("Audience", module)

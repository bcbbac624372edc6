"""A live version: a folder's network in memory, warmed up and found to be what it says it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import onnxruntime as ort

from app.domain.errors import BrokenFolder
from app.engine.choose import ONE, Way, without_taste
from models import checkpoint
from models.checkpoint import Style
from models.sample import Rules
from models.step import OldGraph, Step, alike, fingerprint
from models.vocabulary import Vocabulary

Precision = Literal["int8", "fp32"]


class Champion(Protocol):
    """What a voice ought to serve: a row of the store's `champions()`."""

    @property
    def voice(self) -> str:
        """Slug of the voice."""

    @property
    def version_id(self) -> int:
        """Row id of the version."""

    @property
    def number(self) -> int:
        """Its number; 0 is the base."""

    @property
    def folder(self) -> str:
        """Its key on the shelf."""


@dataclass(frozen=True, eq=False)
class LiveVersion:
    """One version, ready to write. Its `step` belongs to the decode thread."""

    voice: str
    id: int
    number: int
    style: Style
    vocabulary: Vocabulary
    rules: Rules
    step: Step
    way: Way = ONE
    """How its lines are chosen where no taste does."""


def load(
    champion: Champion, folder: Path, *, precision: Precision, rows: int, threads: int, candidates: int = 1
) -> LiveVersion:
    """Read, verify, warm up, and compare with the fingerprint; *candidates*: as many as a line may have, whatever the
    version's style. Raises BrokenFolder.
    """
    try:
        found = checkpoint.read(folder)
        style = found.meta.style
        # A word longer than that could leave a line no place to end.
        longest_word = style.longest - style.shortest
        rules = Rules.of(found.vocabulary, banned=style.banned, spell=style.spell, longest=longest_word)
        step = _step(found, precision, rules=rules.forbidden, rows=rows, threads=threads)
        measured, said = fingerprint(step, len(found.vocabulary)), found.said
    except (checkpoint.Broken, ValueError) as error:
        raise BrokenFolder(str(error)) from error
    except _ONNX_ERRORS as error:
        raise BrokenFolder(f"{folder}: ONNX Runtime will not run it: {error}") from error
    if not alike(measured, found.meta.fingerprint.get(precision, ())):
        raise BrokenFolder(f"{folder}: the network does not say what it said when it was written")
    _warm_up(step)
    return LiveVersion(
        voice=champion.voice,
        id=champion.version_id,
        number=champion.number,
        style=style,
        vocabulary=found.vocabulary,
        rules=rules,
        step=step,
        way=without_taste(min(style.candidates, candidates), said=said),
    )


def _step(found: checkpoint.Checkpoint, precision: Precision, **shape: Any) -> Step:
    """Its step; of a version that an older release has written it is built from the weights once more."""
    try:
        return Step(found.step_graph(precision), **shape)
    except OldGraph:
        return Step(found.build_graph(precision), **shape)


# ONNX Runtime's exceptions have no common base of its own.
_ONNX_ERRORS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in vars(ort.capi.onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)


def _warm_up(step: Step) -> None:
    """The first run of every batch size allocates; let no reader wait for that."""
    for n in {1, 2, min(8, step.rows), step.rows}:
        if n <= step.rows:
            step.run(n)
    step.reset()

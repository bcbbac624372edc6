"""The truth after a storm: what must hold, whatever was killed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import text

from app.domain.run import RunState
from app.domain.version import VersionStatus
from app.store.runs import Runs
from app.store.versions import Versions
from models import checkpoint
from tests.chaos.readers import Readers
from tests.chaos.storm import VOICES, Storm
from tests.support.deployment import until

MADE = (RunState.ADMITTED, RunState.REJECTED, RunState.UNDECIDED)


@dataclass
class Findings:
    """One line of the table."""

    fault: str
    moment: str
    runs: int = 0
    attempts: int = 0
    acknowledged: int = 0
    refused: int = 0
    ticks_lost: int = 0
    runs_lost: int = 0
    doubled: int = 0
    torn: int = 0
    strays: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def harm(self) -> int:
        """What must be nothing."""
        return self.ticks_lost + self.runs_lost + self.doubled + self.torn


Fault = Callable[[str, str], AbstractContextManager[Findings]]
"""`fault(name, moment)`: a block in which something is broken, examined at its end."""
Noted = Callable[[str, str], AbstractContextManager[Findings]]
"""`noted(name, moment)`: the same for a house, whose test examines it itself."""


def examine(storm: Storm, found: Findings, readers: Readers | None) -> Findings:
    """Count what was lost, doubled or torn. The storm is over, and every run has ended."""
    if readers is not None:
        found.acknowledged, found.refused = len(readers.acknowledged), readers.refused
        found.ticks_lost = _ticks_lost(storm, readers.acknowledged)
    _examine_runs(storm, found)
    _examine_shelf(storm, found)
    _serves_the_champion(storm, found)
    return found


def _ticks_lost(storm: Storm, acknowledged: dict[int, bool]) -> int:
    def ticked() -> set[int]:
        with storm.deployment.bot.reading() as session:
            return set(session.scalars(text("SELECT line_id FROM ticks WHERE NOT taken_back")))

    kept = storm.patiently(ticked)
    wrong = [line for line, on in acknowledged.items() if (line in kept) is not on]
    return len(wrong)


def _examine_runs(storm: Storm, found: Findings) -> None:
    """Every run has ended; those that made a version made exactly one, the others none."""
    with storm.deployment.bot.reading() as session:
        runs = Runs(session).of_voice(None, limit=10_000)
        counted = text("SELECT run_id, count(*) FROM versions WHERE run_id > 0 GROUP BY run_id")
        made = {int(row[0]): int(row[1]) for row in session.execute(counted)}
    found.runs = len(runs)
    for run in runs:
        versions = made.get(run.run, 0)
        if not run.state.ended or (run.state in MADE and versions == 0):
            found.runs_lost += 1
            found.notes.append(f"run {run.run} is {run.state} with {versions} versions")
        if versions > (1 if run.state in MADE else 0):
            found.doubled += 1
            found.notes.append(f"run {run.run} is {run.state} with {versions} versions")


def _examine_shelf(storm: Storm, found: Findings) -> None:
    """Every version that was not pruned has its folder; every folder that is there is whole."""
    root = Path(storm.deployment.settings.shelf)
    with storm.deployment.bot.reading() as session:
        taught = [v for voice in VOICES for v in Versions(session).of_voice(voice) if v.number]
    known = {v.folder for v in taught if v.status is not VersionStatus.PRUNED}
    lying = {place.relative_to(root).as_posix() for place in root.glob("*/*/run-*")}
    for key in known | lying:
        try:
            checkpoint.read(root / key)
        except (checkpoint.Broken, OSError) as error:
            found.torn += 1
            found.notes.append(f"{key}: {error}")
    found.strays = len(lying - known)


def _serves_the_champion(storm: Storm, found: Findings) -> None:
    """The site comes to serve what the table says, and writes with it."""
    with storm.deployment.bot.reading() as session:
        champion = Versions(session).champion("sibot").number

    def serves() -> bool:
        try:
            answer = storm.client.post("/api/v1/voices/sibot/poems", json={"seed": 1})
        except httpx.TransportError:
            return False
        return answer.status_code == 201 and answer.json()["version"] == champion

    until(f"the site writes with version {champion}", serves)


def table(findings: list[Findings]) -> list[str]:
    """The table of counts."""
    head = ("fault", "moment", "attempts", "acknowledged", "refused", "ticks lost", "runs lost", "doubled", "torn", "s")
    rows = [
        (f.fault, f.moment, f.attempts, f.acknowledged, f.refused, f.ticks_lost, f.runs_lost, f.doubled, f.torn,
         f"{f.seconds:.0f}")
        for f in findings
    ]  # fmt: skip
    total = ("total", f"{len(findings)} faults", *(sum(int(row[i]) for row in rows) for i in range(2, 9)), "")
    cells = [[str(cell) for cell in row] for row in (head, *rows, total)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]

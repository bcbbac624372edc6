"""`kill -9` of every part, at every moment of a run: the run ends, once, and nothing is lost."""

import pytest

from tests.chaos.moments import MOMENTS, Moment, catch
from tests.chaos.storm import Part, Storm, hears
from tests.chaos.truth import MADE, Fault

PARTS: tuple[Part, ...] = ("worker", "beat", "web", "redis", "postgres")
SAMPLE = {("worker", "publishing"), ("redis", "queued")}
CELLS = [
    pytest.param(part, moment, marks=() if (part, moment) in SAMPLE else pytest.mark.chaos)
    for part in PARTS
    for moment in MOMENTS
]


@pytest.mark.parametrize(("part", "moment"), CELLS)
def test_a_run_survives_the_death_of_any_part(storm: Storm, fault: Fault, part: Part, moment: Moment) -> None:
    """Every acknowledged tick is kept, the run ends with one whole version, and the site serves what the table says."""
    with fault(part, moment) as found:
        caught = catch(storm, moment)
        storm.kill(part)
        if part != "worker":
            caught.worker.resume()
        storm.bring_back(part)
        report = storm.ended(caught.run)
        found.attempts = report.attempt
        if part == "redis":
            hears(storm)

    assert report.state in MADE, report.error
    assert report.attempt <= 2

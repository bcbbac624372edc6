"""How long does a run take after very many ticks?

    python -m lab.bench.lesson [--voice sibot --ticks 10000]

Simulated readers (`lab/simulate/audience.py`) are shown the base's poems until they have ticked so many lines; then the
worker carries out one run with the default settings. It must take at most five minutes of two cores. The poems are
written with two candidates a line, which takes minutes instead of an hour: the run does not depend on it.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from app import reads
from app.bootstrap import build_engine
from app.domain.draft import Memory
from app.domain.poem import Wish, Writing
from app.engine.engine import Engine
from app.settings import Settings
from lab.bench import report
from lab.simulate import audience
from lab.simulate.deployment import Deployment, deployed

BASES = Path(__file__).parents[2] / "models" / "base"
PATIENT = 20
"""Poems that each reader reads."""
CANDIDATES = 2
MOST_MINUTES = 5.0


@dataclass
class Ready:
    """A writer that hands out poems written in batches beforehand."""

    written: Iterator[Writing]

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> None:
        """There is no drawer."""

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """The next of them."""
        return next(self.written)


def read_on(here: Deployment, engine: Engine, ticks: int) -> tuple[int, int]:
    """Let readers of *engine*'s poems come until so many lines are ticked; the numbers of lines shown and ticked."""
    coming, shown, ticked = audience.audience(here.voice, here.rng), 0, 0
    writer = Ready(engine.write_all(here.voice, iter(Wish, None)))
    while ticked < ticks:
        reader = next(coming)
        for _ in range(PATIENT):
            visit = here.read(reader, writer)
            shown, ticked = shown + len(visit.ticks), ticked + sum(visit.ticks)
    return shown, ticked


def measure(voice: str, ticks: int, home: Path) -> dict[str, object]:
    """The figures."""
    settings = Settings()
    with deployed(home, BASES / voice, settings, 1, run_minutes=settings.run_minutes) as here:
        few = here.bot.settings.model_copy(update={"candidates": CANDIDATES})
        with closing(build_engine(replace(here.bot, settings=few))) as engine:
            shown, ticked = read_on(here, engine, ticks)
        print(f"{ticked:,} of {shown:,} lines ticked; the run begins", file=sys.stderr, flush=True)
        clock, processor = time.monotonic(), time.process_time()
        state = here.run()
        minutes, core = (time.monotonic() - clock) / 60, (time.process_time() - processor) / 60
        log = reads.runs.of_voice(here.bot, voice, 1)[0].log
    return {
        "machine": report.describe(),
        "voice": voice,
        "shown": shown,
        "ticked": ticked,
        "state": state,
        "log": list(log),
        "minutes": round(minutes, 2),
        "core_minutes": round(core, 2),
        "held": minutes <= MOST_MINUTES,
    }


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", default="sibot")
    parser.add_argument("--ticks", type=int, default=10_000)
    args = parser.parse_args()
    with TemporaryDirectory(prefix="poembot-bench-") as home:
        print(json.dumps(measure(args.voice, args.ticks, Path(home)), ensure_ascii=False))


if __name__ == "__main__":
    main()

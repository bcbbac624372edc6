"""The lab's commands: `bench`, `simulate` and `lab`.

They are part of the command line where the lab is installed, that is, in a checkout; the wheel does not have it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.shell import BadUse, Failed, Json, Voice, opened, say, settings_of_environment, tell
from lab import experiments

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from lab.bench.report import Row
    from lab.simulate.people import Audience

Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of engine and baseline; default: the site's setting.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for figures and charts; default: lab/bench/results.")]
Seconds = Annotated[float, typer.Option(min=0.05, help="Duration of each measurement.")]
ALL = "none,ancestor,voice,taste,ours"
TASTE_AFTER = 150
"""Ticks after which a simulated site learns a taste; more than a real site's, to save minutes."""


def add_to(app: typer.Typer) -> None:
    """Add these commands to *app*; `app/cli.py` calls it if there is a lab."""
    group = typer.Typer(help="Measure the program beside a baseline.", no_args_is_help=True, rich_markup_mode=None)
    group.callback()(bench)
    group.command()(decode)
    group.command()(serve)
    group.command()(swap)
    group.command()(train)
    group.command()(soak)
    app.add_typer(group, name="bench")
    alone = typer.Typer()
    alone.command()(simulate)
    app.add_typer(alone)  # `app.command()` would list it before all others
    experiments.commands.command()(taste)
    app.add_typer(experiments.commands, name="lab")


def bench() -> None:
    """Measure the program, each figure beside its baseline in the same run."""


def decode(
    voice: Voice = "sibot", threads: Threads = None, seconds: Seconds = 1.5, out: Out = None, as_json: Json = False
) -> None:
    """Measure steps a second of the engine, sampling included, beside eager PyTorch."""
    from lab.bench import decode as room

    threads = threads or settings_of_environment().engine_threads
    figures = room.measure(_base(voice), threads=threads, seconds=seconds, tell=say)
    _report("decode", figures, room.rows(figures), out, as_json=as_json, draw=room.draw)


def serve(voice: Voice = "sibot", seconds: Seconds = 12.0, out: Out = None, as_json: Json = False) -> None:
    """Measure poems a second over HTTP, stored, beside a server without batches."""
    from lab.bench import serve as room

    _base(voice)
    figures = room.measure(voice, seconds=seconds, tell=say)
    _report("serve", figures, room.rows(figures), out, as_json=as_json, draw=room.draw)


def swap(
    voice: Voice = "sibot",
    swaps: Annotated[int, typer.Option(min=1, help="Number of swaps.")] = 50,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure what readers notice when another version starts to serve."""
    from lab.bench import swap as room

    _base(voice)
    figures = room.measure(voice, swaps=swaps, tell=say)
    _report("swap", figures, room.rows(figures), out, as_json=as_json)


def train(
    voice: Voice = "sibot",
    threads: Annotated[int | None, typer.Option(min=1, help="PyTorch threads; default: one per core.")] = None,
    seconds: Seconds = 20.0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Measure characters a second in training, beside a plain loop."""
    import os

    from lab.bench import train as room

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    figures = room.measure(_base(voice), threads=threads or cores or 1, seconds=seconds, tell=say)
    _report("train", figures, room.rows(figures), out, as_json=as_json)


def soak(
    voice: Voice = "sibot",
    *,
    seconds: Annotated[float, typer.Option(min=20, help="Duration.")] = 600.0,
    readers: Annotated[int, typer.Option(min=1, help="Number of readers at a time.")] = 16,
    webs: Annotated[int, typer.Option(min=1, max=16, help="Web processes.")] = 2,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two runs, and between two swaps.")] = 60.0,
    scaled: Annotated[
        bool, typer.Option("--scaled", help="On Postgres and Redis, which `make setup` installs.")
    ] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Run mixed load with training and swaps; fail on errors and on growth of memory or file handles."""
    from lab.bench import soak as room

    _base(voice)
    figures = room.measure(voice, seconds=seconds, readers=readers, webs=webs, scaled=scaled, every=every)
    _report("soak", figures, room.rows(figures), out, as_json=as_json)
    if not figures["held"]:
        raise Failed("the soak test failed: see the table")


def simulate(
    *,
    voice: Voice = "sibot",
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds; after each the site learns.")] = 5,
    judged: Annotated[int, typer.Option(min=5, help="Lines that visitors read, per strategy and seed.")] = 5000,
    seeds: Annotated[int, typer.Option(min=1, help="Number of repetitions with other seeds.")] = 3,
    strategies: Annotated[str, typer.Option(help="Strategies, separated by commas.")] = ALL,
    audience: Annotated[
        Path | None, typer.Option(help="A Python file with an audience; default: lab/simulate/audience.py.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figures and the chart.")] = Path("simulation"),
    exam: Annotated[int, typer.Option(min=5, help="Lines of the exam after the last round.")] = 2400,
    probe: Annotated[int, typer.Option(min=0, help="Lines that are searched for the attackers' phrase.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Simulate readers and attackers, and measure whether later poems get more ticks."""
    from lab.simulate.simulate import STRATEGIES, Order
    from lab.simulate.simulate import simulate as run

    chosen = [name.strip() for name in strategies.split(",") if name.strip()]
    if not chosen or set(chosen) - set(STRATEGIES):
        raise BadUse(f"choose strategies among {', '.join(STRATEGIES)}")
    if judged // rounds < 5:
        raise BadUse("a round has one poem of five lines at least: more --judged, or fewer --rounds")
    with opened() as bot:
        base = _present_base(voice, bot)
        settings = bot.settings
    people = _audience(audience)
    changed = {"taste_after": TASTE_AFTER, "swap": "auto", "train_threads": 1}
    order = Order(base, voice, rounds, judged, exam, probe, settings.model_copy(update=changed))
    told = run(order, people, seeds=seeds, strategies=chosen, out=out, say=say)
    tell(told, (f"{name:20s} {figure}" for name, figure in told["figures"].items()), as_json=as_json)


def _base(voice: str) -> Path:
    """The folder of a shipped voice."""
    from app.store.shelf import SHIPPED

    folder = SHIPPED / voice
    if not (folder / "meta.json").is_file():
        raise Failed(f"no base voice {voice} ships with this project")
    return folder


def _report(
    name: str,
    figures: Mapping[str, Any],
    rows: "Sequence[Row]",
    out: Path | None,
    *,
    as_json: bool,
    draw: Callable[[Mapping[str, Any], Path], Path] | None = None,
) -> None:
    """Write the figures and their chart, and print them."""
    from lab.bench import report

    folder, kept = out or report.RESULTS, report.rounded(figures)
    say(f"kept in {report.keep(name, kept, folder)}")
    if draw is not None:
        say(f"drawn in {draw(kept, folder)}")
    report.summarise(folder)
    if as_json:
        tell(kept, as_json=True)
    else:
        report.show(f"poembot bench {name}", rows)


def taste(
    readings: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Poems with the lines that readers ticked, JSONL.")
    ],
    *,
    voice: Voice = "sibot",
    few: Annotated[int, typer.Option(min=50, help="Also learn a taste from so many lines only.")] = 500,
    as_json: Json = False,
) -> None:
    """Measure how well a taste learned from one reader predicts the ticks of another."""
    from lab.simulate import people as room
    from models import checkpoint

    base = checkpoint.read(_base(voice))
    try:
        known = room.read(readings)
    except ValueError as error:
        raise BadUse(str(error)) from None
    figures = room.foresight(known, base, few=few)
    tell(figures, (f"{name:20s} {figure}" for name, figure in figures.items()), as_json=as_json)


def _audience(file: Path | None) -> "Audience":
    """The audience in that file, or the default one. Raises BadUse for a file that has none."""
    from lab.simulate.people import load

    try:
        return load(file)
    except (ValueError, SyntaxError, ImportError, OSError) as error:
        raise BadUse(str(error)) from None


def _present_base(voice: str, bot: "Bot") -> Path:
    """The folder of a voice's base. Raises UnknownVoice."""
    from app import reads

    return bot.shelf.fetch(reads.versions.one(bot, voice, 0).folder)

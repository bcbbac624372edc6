"""`bench`: the project's own measurements, each beside its baseline in the same run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.shell import Failed, Json, Voice, say, settings_of_environment, tell

if TYPE_CHECKING:
    from lab.bench.report import Row

Threads = Annotated[int | None, typer.Option(min=1, help="Threads of engine and baseline; else the site's own.")]
Out = Annotated[Path | None, typer.Option(help="Where figures and graphs go; else lab/bench/results.")]
Seconds = Annotated[float, typer.Option(min=0.05, help="How long each thing is measured.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    group = typer.Typer(help="The project's own measurements.", no_args_is_help=True, rich_markup_mode=None)
    group.callback()(bench)
    group.command()(decode)
    group.command()(serve)
    group.command()(swap)
    group.command()(train)
    group.command()(soak)
    app.add_typer(group, name="bench")


def bench() -> None:
    """Measure the program, each figure beside its baseline."""


def decode(
    voice: Voice = "sibot",
    threads: Threads = None,
    seconds: Seconds = 1.5,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Steps a second of the engine, sampling and all, beside eager torch."""
    from lab.bench import decode as room

    threads = threads or settings_of_environment().engine_threads
    figures = room.measure(_base(voice), threads=threads, seconds=seconds, tell=say)
    _report("decode", figures, room.rows(figures), out, as_json=as_json, draw=room.draw)


def serve(voice: Voice = "sibot", seconds: Seconds = 12.0, out: Out = None, as_json: Json = False) -> None:
    """Poems a second over HTTP, stored, beside a server as the ancestor's was."""
    from lab.bench import serve as room

    _base(voice)
    figures = room.measure(voice, seconds=seconds, tell=say)
    _report("serve", figures, room.rows(figures), out, as_json=as_json, draw=room.draw)


def swap(
    voice: Voice = "sibot",
    swaps: Annotated[int, typer.Option(min=1, help="How many times the champion changes.")] = 50,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """What readers notice while one version after the other takes over."""
    from lab.bench import swap as room

    _base(voice)
    figures = room.measure(voice, swaps=swaps, tell=say)
    _report("swap", figures, room.rows(figures), out, as_json=as_json)


def train(
    voice: Voice = "sibot",
    threads: Annotated[int | None, typer.Option(min=1, help="Torch threads; else one for each core.")] = None,
    seconds: Seconds = 20.0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Characters a second that a network learns, beside a plain loop."""
    import os

    from lab.bench import train as room

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    figures = room.measure(_base(voice), threads=threads or cores or 1, seconds=seconds, tell=say)
    _report("train", figures, room.rows(figures), out, as_json=as_json)


def soak(
    voice: Voice = "sibot",
    *,
    seconds: Annotated[float, typer.Option(min=20, help="How long, in all.")] = 600.0,
    readers: Annotated[int, typer.Option(min=1, help="How many at a time; they come and go.")] = 16,
    webs: Annotated[int, typer.Option(min=1, max=16, help="Web processes.")] = 2,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two runs, and two swaps.")] = 60.0,
    scaled: Annotated[bool, typer.Option("--scaled", help="On Postgres and Redis, which `make setup` brings.")] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Mixed readers, training and swapping all the while: no error, and no growth of memory or handles."""
    from lab.bench import soak as room

    _base(voice)
    figures = room.measure(voice, seconds=seconds, readers=readers, webs=webs, scaled=scaled, every=every)
    _report("soak", figures, room.rows(figures), out, as_json=as_json)
    if not figures["held"]:
        raise Failed("it did not stay well")


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
    """Keep the figures, draw them, and show them as asked."""
    from lab.bench import report

    folder, kept = out or report.RESULTS, report.rounded(figures)
    say(f"kept in {report.keep(name, kept, folder)}")
    if draw is not None:
        say(f"drawn in {draw(kept, folder)}")
    report.summarise(folder)
    if as_json:
        tell(kept)
    else:
        report.show(f"poembot bench {name}", rows)

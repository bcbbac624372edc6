"""Versions of a voice, and the training runs that make them.

`versions`, `promote`, `rollback` and `history`: which version is the champion, and which was. `retrain`, `cancel` and
`runs`: training runs. `lesson`: what the next run would learn from.
"""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shell import SHELL, Failed, Json, OfVoice, Slug, opened, say, tell

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from app.domain.run import RunReport
    from app.domain.version import VersionReport

commands = typer.Typer()
Reason = Annotated[str, typer.Option(help="The reason, for the history.")]


@commands.command("versions", cls=OfVoice)
def list_versions(voice: Slug, as_json: Json = False) -> None:
    """List a voice's versions, newest first."""
    from app import reads
    from app.web.api.schemas import VersionOut

    with opened() as bot:
        reports = reads.versions.of_voice(bot, voice)
    result = {"voice": voice, "versions": [VersionOut.of(report).model_dump(mode="json") for report in reports]}
    tell(result, map(_row, reports), as_json=as_json)


def _row(report: "VersionReport") -> str:
    rate = report.tick_rate
    liked = f"{rate.mean:.3f} ({rate.low:.3f}-{rate.high:.3f})" if rate else "-"
    bits = report.metrics.get("bits_per_char")
    return (
        f"{'*' if report.champion else ' '} {report.number:4d}  {report.status:9s}  {report.created:%Y-%m-%d %H:%M}  "
        f"ticked {liked}  bits/char {f'{bits:.4f}' if bits is not None else '-'}"
    )


@commands.command(cls=OfVoice)
def promote(
    voice: Slug,
    number: Annotated[int, typer.Argument(min=0, help="Number of the version.")],
    override: Annotated[bool, typer.Option("--override", help="Even if it did not pass the gate.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Make a version the champion: it serves from now on."""
    from app import actions

    with opened() as bot:
        actions.versions.promote(bot, voice, number, by=SHELL, override=override, reason=reason)
    say(f"{voice}: version {number} serves")
    tell({"champion": number}, as_json=as_json)


@commands.command(cls=OfVoice)
def rollback(voice: Slug, reason: Reason = "", as_json: Json = False) -> None:
    """Roll back to the previous champion."""
    from app import actions

    with opened() as bot:
        number = actions.versions.rollback(bot, voice, by=SHELL, reason=reason)
    say(f"{voice}: version {number} serves again")
    tell({"champion": number}, as_json=as_json)


@commands.command(cls=OfVoice)
def history(voice: Slug, as_json: Json = False) -> None:
    """List which version was the champion from when, newest first."""
    from app import reads
    from app.web.api.schemas import HistoryOut

    with opened() as bot:
        moves = reads.versions.history(bot, voice)
    result = {"voice": voice, "history": [HistoryOut.of(move).model_dump(mode="json") for move in moves]}
    rows = (
        f"{m.at:%Y-%m-%d %H:%M}  {'-' if m.was is None else m.was} -> {m.version}  by {m.by}  {m.reason}" for m in moves
    )
    tell(result, rows, as_json=as_json)


LOOK_EVERY = 0.5
"""Seconds between two reads of a run with --wait."""
ALONE_AFTER = 10.0
"""Seconds after which --wait warns that no worker is alive."""


@commands.command(cls=OfVoice)
def retrain(
    voice: Slug,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended, with a progress bar.")] = False,
    as_json: Json = False,
) -> int:
    """Start a training run, which a worker takes up, or find the one under way."""
    from app import actions
    from app.domain.run import Cause, RunState
    from app.web.api.schemas import run_out

    with opened() as bot:
        run, new = actions.runs.request(bot, voice, Cause.SHELL, by=SHELL)
        say(f"run {run.run} of {voice}: {'started' if new else 'under way already'}")
        if wait:
            run = _wait_for(bot, run)
            say(_ending(run))
    tell(run_out(run).model_dump(mode="json"), as_json=as_json)
    return 1 if run.state in (RunState.FAILED, RunState.CANCELLED) else 0


def _wait_for(bot: "Bot", run: "RunReport") -> "RunReport":
    """Show the run's progress on stderr until it has ended."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from app import reads

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    began, warned, logged = time.monotonic(), False, len(run.log)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(run.state.value, total=1.0)
        while not run.state.ended:
            time.sleep(LOOK_EVERY)
            run = reads.runs.one(bot, run.run)
            loss = f"  loss {run.loss:.3f}" if run.loss is not None else ""
            bar.update(task, completed=run.progress, description=f"{run.phase or run.state}{loss}")
            for line in run.log[logged:]:
                bar.console.print(line, markup=False, highlight=False)
            logged = max(logged, len(run.log))
            if not warned and time.monotonic() - began > ALONE_AFTER:
                warned = True
                _mention_a_missing_worker(bot)
    return run


def _mention_a_missing_worker(bot: "Bot") -> None:
    from app import reads

    if not any(pulse.kind == "worker" for pulse in reads.health.alive(bot)):
        say("no worker is alive; start one with `poembot worker` (or `poembot serve`)")


def _ending(run: "RunReport") -> str:
    """A run and its outcome, in one line."""
    made = f", version {run.version}" if run.version is not None else ""
    why = f": {run.error}" if run.error else ""
    return f"run {run.run}: {run.state}{made}{why}"


@commands.command()
def cancel(run: Annotated[int, typer.Argument(min=1, help="Number of the run.")], as_json: Json = False) -> None:
    """Cancel a run: at once if it waits, else at its next step."""
    from app import actions
    from app.web.api.schemas import run_out

    with opened() as bot:
        report, stopped = actions.runs.cancel(bot, run, by=SHELL)
    if not stopped:
        raise Failed(f"run {run} has ended already")
    say(f"run {run}: {report.state if report.state.ended else 'stops at its next step'}")
    tell(run_out(report).model_dump(mode="json"), as_json=as_json)


@commands.command("runs", cls=OfVoice)
def list_runs(
    voice: Slug,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List a voice's runs, newest first."""
    from app import reads
    from app.web.api.schemas import run_out

    with opened() as bot:
        reports = reads.runs.of_voice(bot, voice, limit)
    result = {"voice": voice, "runs": [run_out(report).model_dump(mode="json") for report in reports]}
    tell(result, (f"{report.created:%Y-%m-%d %H:%M}  {_ending(report)}" for report in reports), as_json=as_json)


@commands.command(cls=OfVoice)
def lesson(
    voice: Slug,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to write it, as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Show the lesson of the next run: its texts with their weights.

    With --out it is written to a file, with every line that readers were shown, ticked or not; readers are numbers. The
    same feedback gives the same hash.
    """
    from app import reads

    with opened() as bot:
        built = reads.runs.lesson(bot, voice)
    result = {"voice": voice, **built.summary(), "texts": len(built.texts), "judged": len(built.judged)}
    if out is not None:
        out.write_text(json.dumps(result | built.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        say(f"{out} holds {len(built.texts)} texts and {len(built.judged)} judged lines")
    shown = built.texts if out is None else ()
    tell(result, (f"{text.weight:8.3f}  {text.text.replace(chr(10), ' / ')}" for text in shown), as_json=as_json)

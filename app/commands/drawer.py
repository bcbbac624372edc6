"""`drawer`: what lies in the drawer of a voice, and emptying it."""

from typing import Annotated

import typer

from app.commands.shell import SHELL, Json, opened, say, tell

commands = typer.Typer()


@commands.command()
def drawer(
    voice: Annotated[str, typer.Argument(metavar="VOICE", help="Slug of the voice.")],
    empty: Annotated[bool, typer.Option("--empty", help="Delete all drafts; the worker begins again.")] = False,
    as_json: Json = False,
) -> None:
    """Show how many drafts the drawer of a voice's champion holds."""
    from app import actions, reads

    with opened() as bot:
        if empty:
            say(f"{voice}: {actions.drafts.empty(bot, voice, by=SHELL)} drafts deleted")
        report = reads.drafts.report(bot, voice)
    share = f"{report.kept_share:.1%}" if report.kept_share is not None else "-"
    row = f"version {report.version}: {report.drafts} drafts held, {share} of {report.written} written; "
    tell(report.as_dict(), [f"{row}{report.handed_out} handed out"], as_json=as_json)

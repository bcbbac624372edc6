"""`db`, `export`, `backup`, `restore`, `doctor`: operating a deployment."""

import json
import sys
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.commands.shell import BadUse, Failed, Json, opened, say, settings_of_environment, tell

commands = typer.Typer()
database = typer.Typer(name="db", help="The database.", no_args_is_help=True)
commands.add_typer(database)


@database.command()
def upgrade(as_json: Json = False) -> None:
    """Upgrade the schema and install the shipped voices; safe to repeat."""
    from app import actions
    from app.bootstrap import build
    from app.store.migrations import upgrade

    with closing(build(settings_of_environment())) as bot:
        upgrade(bot.database)
        actions.deployment.install_shipped(bot)
    say("the database is up to date")
    tell({"current": True}, as_json=as_json)


@commands.command()
def export(out: Annotated[Path, typer.Option(help="The file to write; - for stdout.")]) -> None:
    """Write poems, ticks, versions and approved submissions as JSON lines; readers are numbers."""
    from app import reads

    if out.is_dir() or not out.absolute().parent.is_dir():
        raise BadUse(f"{out} cannot be written")
    count = 0
    with (
        opened() as bot,
        nullcontext(sys.stdout) if str(out) == "-" else out.open("w", encoding="utf-8") as file,
    ):
        for row in reads.visitors.export_all(bot):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    say(f"{count} rows to {out}")


@commands.command()
def backup(folder: Annotated[Path, typer.Argument(help="A new folder.")], as_json: Json = False) -> None:
    """Back up the running deployment into a folder: the database, the shelf, and the secret key in HOME."""
    from app.backup import take

    if folder.exists():
        raise BadUse(f"{folder} is there already; a backup is a new folder")
    with opened() as bot:
        manifest = take(bot, folder)
        key = (folder / "secret").is_file()
    rows = sum(manifest["tables"].values())
    say(f"{rows} rows and {len(manifest['files'])} files in {folder}" + ("" if key else "; keep the secret key too"))
    tell({name: manifest[name] for name in ("made", "schema", "tables", "missing")}, as_json=as_json)
    if manifest["missing"]:
        raise Failed(f"all else is saved, but these folders are not on the shelf: {', '.join(manifest['missing'])}")


@commands.command()
def restore(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="What `poembot backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace everything in the database.")] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup. Stop all processes first. A backup of SQLite can be restored to Postgres, and vice versa."""
    from app import actions
    from app.backup import restore_from
    from app.bootstrap import build

    with closing(build(settings_of_environment())) as bot:
        manifest = restore_from(bot, folder, replace=yes)
        actions.deployment.install_shipped(bot)  # this release may ship newer bases
    say(f"restored as of {manifest['made']}")
    tell({name: manifest[name] for name in ("made", "schema", "tables", "missing")}, as_json=as_json)


@commands.command()
def doctor(as_json: Json = False) -> int:
    """Check the deployment, and say what to do about each problem."""
    from app.bootstrap import build
    from app.doctor import examine

    with closing(build(settings_of_environment())) as bot:
        findings = examine(bot)
    well = all(finding.ok for finding in findings)
    rows = (f"{'ok  ' if finding.ok else 'BAD '} {finding.name}: {finding.detail}" for finding in findings)
    tell({"ok": well, "checks": [asdict(finding) for finding in findings]}, rows, as_json=as_json)
    return 0 if well else 1

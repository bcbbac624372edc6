"""`poembot`, the command line. A user's mistake gives a one-line message, never a traceback.

Exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted.
"""

import importlib
import os
import sys
from pathlib import Path

import typer
from typer.exceptions import TyperException

from app.commands import admin, drawer, moderate, operations, sample, serve, train, versions, voices
from app.commands.shell import BadUse, Failed, say

app = typer.Typer(
    name="poembot",
    help="시봇: a poet that learns from its readers.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (serve, sample, train, versions, drawer, operations):
    app.add_typer(module.commands)
for name, group in {"moderate": moderate, "admin": admin, "voice": voices}.items():
    app.add_typer(group.commands, name=name)


def _no_lab() -> None:
    raise Failed("this command is part of the lab, which only a checkout of the project has")


if (Path(__file__).parents[1] / "lab").is_dir():  # wheels and images do not contain it
    importlib.import_module("lab.commands").add_to(app)
else:
    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    for group_name in ("bench", "lab", "simulate"):
        app.command(group_name, hidden=True, context_settings=anything)(_no_lab)


def main(argv: list[str] | None = None) -> None:
    """Run a command and exit with its status."""
    if "POEMBOT_PARENT" in os.environ:  # a child of `poembot serve`
        serve.die_with_parent()
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run a command; its exit status."""
    try:
        return _run(argv)
    except BrokenPipeError:  # the consumer of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        say("poembot: interrupted")
        return 130


def _run(argv: list[str]) -> int:
    try:
        result = app(argv or ["--help"], prog_name="poembot", standalone_mode=False)
    except TyperException as error:
        message = error.format_message()
        return _refuse("a command is missing; see --help" if message.startswith("Usage:") else message, error.exit_code)
    except BadUse as error:
        return _refuse(str(error), 2)
    except Failed as error:
        return _refuse(str(error), 1)
    except typer.Abort:
        return _refuse("interrupted", 130)
    except Exception as error:
        status = _status(error)
        if status is None:
            raise
        return _refuse("the input is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error), status)
    return int(result or 0)


def _refuse(message: str, status: int) -> int:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    say(f"poembot: {lines[0] if lines else 'failed'}")
    return status


def _status(error: Exception) -> int | None:
    """The exit status of an error that the user or the environment caused; None for a bug."""
    from sqlalchemy.exc import DataError, OperationalError

    from app.domain.errors import PoemBotError, Unfit, Unknown
    from models.checkpoint import Broken

    if isinstance(error, Unknown | Unfit | UnicodeError | FileNotFoundError | IsADirectoryError):
        return 2
    if isinstance(error, OverflowError | DataError):  # a number too large for the database
        return 2
    if isinstance(error, PoemBotError | OperationalError | OSError | Broken):
        return 1
    return None


if __name__ == "__main__":
    main()

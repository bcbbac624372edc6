"""`admin`: admins of the desk, and their sessions and tokens."""

import getpass
import sys
from typing import Annotated

import typer

from app.commands.shell import SHELL, BadUse, Json, opened, say, tell

commands = typer.Typer(help="Admins of the desk.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The admin's name.")]


@commands.command()
def create(
    name: Name,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    as_json: Json = False,
) -> None:
    """Create an admin, or set a new password."""
    from app import actions
    from app.actions.admins import LONGEST_PASSWORD, SHORTEST_PASSWORD, fit_name

    if not fit_name(name):
        raise BadUse("an admin's name has 1 to 60 printable characters")
    secret = _password(password_stdin)
    if len(secret) < SHORTEST_PASSWORD:
        raise BadUse(f"a password has at least {SHORTEST_PASSWORD} characters")
    if len(secret) > LONGEST_PASSWORD:  # the login would refuse it
        raise BadUse(f"a password has at most {LONGEST_PASSWORD} characters")
    with opened() as bot:
        new = actions.admins.create(bot, name.strip(), secret, by=SHELL)
    say(f"admin {name.strip()}: {'made' if new else 'new password'}; sign in at /desk")
    tell({"name": name.strip(), "new": new}, as_json=as_json)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise BadUse("there is no terminal to ask for a password; use --password-stdin")
    secret = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != secret:
        raise BadUse("the two passwords differ")
    return secret


@commands.command()
def remove(name: Name) -> None:
    """Remove an admin with all sessions and tokens; what the admin did stays in the audit log."""
    from app import actions
    from app.domain.errors import UnknownAdmin

    with opened() as bot:
        try:
            actions.admins.remove(bot, name, by=SHELL)
        except UnknownAdmin as error:
            raise BadUse(f"there is no admin {name}") from error
    say(f"admin {name}: removed")


@commands.command()
def token(
    name: Name, read_only: Annotated[bool, typer.Option("--read-only", help="The token may only read.")] = False
) -> None:
    """Print a new bearer token for scripts; it is shown only once."""
    from app import actions
    from app.domain.errors import UnknownAdmin

    with opened() as bot:
        try:
            secret = actions.admins.give_token(bot, name, by=SHELL, scope="read" if read_only else "all")
        except UnknownAdmin as error:
            raise BadUse(f"there is no admin {name}; make one with `poembot admin create {name}`") from error
    print(secret)


@commands.command()
def keys(as_json: Json = False) -> None:
    """List sessions and tokens, with the ids that `revoke` takes."""
    from app import reads

    with opened() as bot:
        found = reads.desk.keys(bot)
    shapes = [{"id": k.id, "kind": k.kind, "admin": k.admin, "scope": k.scope} for k in found]
    rows = (f"{k.id}  {k.kind:7}  {k.scope:4}  {k.created:%Y-%m-%d %H:%M}  {k.admin}" for k in found)
    tell({"keys": shapes}, rows, as_json=as_json)


@commands.command()
def revoke(ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids from `admin keys`.")]) -> None:
    """Revoke sessions and tokens at once."""
    from app import actions
    from app.domain.errors import UnknownKey

    with opened() as bot:
        try:
            actions.admins.revoke(bot, ids, by=SHELL)
        except UnknownKey as error:
            raise BadUse(f"there is no key {error.name!r}; see `poembot admin keys`") from error
    say(f"{len(ids)} revoked")

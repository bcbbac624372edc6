"""`voice`: an owner's voices: list, publish, hide, remove. `add` is beside its training, in `train.py`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands import train
from app.commands.shell import SHELL, BadUse, Json, opened, say, tell

if TYPE_CHECKING:
    from app.domain.version import Holdings

commands = typer.Typer(help="The voices of this deployment.", no_args_is_help=True)
commands.add_typer(train.voice)
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Slug of the voice.")]


@commands.command("list")
def list_(as_json: Json = False) -> None:
    """Show every voice, also those that only admins see."""
    from app import reads

    with opened() as bot:
        found = reads.voices.holdings(bot)
    tell({"voices": [one.as_dict() for one in found]}, map(_row, found), as_json=as_json)


def _row(one: "Holdings") -> str:
    voice = one.voice
    seen = "listed" if voice.listed else "hidden"
    kind = "shipped" if one.shipped else "own"
    return f"{voice.slug:20s} {voice.language:5s} {seen:7s} {kind:8s} version {voice.champion}  {_counts(one)}"


def _counts(one: "Holdings") -> str:
    return f"{one.poems:,} poems, {one.ticks:,} ticks, {one.submissions:,} submissions"


@commands.command()
def publish(slug: Slug) -> None:
    """Let visitors find a voice: from now on every page names it."""
    from app import actions

    with opened() as bot:
        changed = actions.voices.publish(bot, slug, by=SHELL)
    say(f"{slug}: published at /{slug}" if changed else f"{slug} is published already")


@commands.command()
def hide(slug: Slug) -> None:
    """Hide a voice: its pages answer 404 to everybody who has not signed in at /desk."""
    from app import actions

    with opened() as bot:
        changed = actions.voices.hide(bot, slug, by=SHELL)
    say(f"{slug}: hidden; sign in at /desk to read it" if changed else f"{slug} is hidden already")


@commands.command()
def remove(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a voice with all its versions. What readers gave stays in `poembot export`; the slug is free again."""
    from app import actions, reads

    with opened() as bot:
        holdings = reads.voices.holdings_of(bot, slug)
        if not holdings.shipped and not yes:
            _ask(holdings)
        removed = actions.voices.remove(bot, slug, by=SHELL)
    say(f"{slug}: removed; an export has its {_counts(holdings)} as {removed.name}")
    counts = {"poems": holdings.poems, "ticks": holdings.ticks, "submissions": holdings.submissions}
    tell({"slug": slug, "kept_as": removed.name, **counts}, as_json=as_json)


def _ask(holdings: "Holdings") -> None:
    """Ask whether the voice should go; BadUse if there is nobody to ask, or if the answer is no."""
    slug, versions = holdings.voice.slug, holdings.voice.versions
    if not sys.stdin.isatty():
        raise BadUse("there is no terminal to ask whether you are sure; use --yes")
    say(f"{slug} has {versions} versions, {_counts(holdings)}. Its network and its text are deleted for ever.")
    if not typer.confirm(f"Remove {slug}?", err=True):
        raise BadUse(f"{slug} stays")

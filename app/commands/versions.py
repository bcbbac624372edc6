"""`versions`, `promote`, `rollback`, `history`: which version of a voice serves, and which did."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shell import SHELL, Json, opened, say, tell

if TYPE_CHECKING:
    from app.domain.version import VersionReport

Slug = Annotated[str, typer.Argument(metavar="VOICE", help="Slug of the voice.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    app.command("versions")(list_versions)
    app.command()(promote)
    app.command()(rollback)
    app.command()(history)


def list_versions(voice: Slug, as_json: Json = False) -> None:
    """List a voice's versions, newest first."""
    from app.store.versions import Versions
    from app.web.api.schemas import VersionOut

    with opened() as bot, bot.reads(Versions) as versions:
        reports = versions.of_voice(voice)
    if as_json:
        tell({"voice": voice, "versions": [VersionOut.of(report).model_dump(mode="json") for report in reports]})
        return
    for report in reports:
        print(_row(report))


def _row(report: "VersionReport") -> str:
    rate = report.tick_rate
    liked = f"{rate.mean:.3f} ({rate.low:.3f}-{rate.high:.3f})" if rate else "-"
    bits = report.metrics.get("bits_per_char")
    return (
        f"{'*' if report.champion else ' '} {report.number:4d}  {report.status:9s}  {report.created:%Y-%m-%d %H:%M}  "
        f"ticked {liked}  bits/char {f'{bits:.4f}' if bits is not None else '-'}"
    )


def promote(
    voice: Slug,
    number: Annotated[int, typer.Argument(min=0, help="Number of the version.")],
    override: Annotated[bool, typer.Option("--override", help="Though it did not pass its gate.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Have a version serve."""
    from app import actions

    with opened() as bot:
        actions.versions.promote(bot, voice, number, by=SHELL, override=override, reason=reason)
    say(f"{voice}: version {number} serves")
    if as_json:
        tell({"champion": number})


def rollback(
    voice: Slug,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Have the version serve again that the present one replaced."""
    from app import actions

    with opened() as bot:
        number = actions.versions.rollback(bot, voice, by=SHELL, reason=reason)
    say(f"{voice}: version {number} serves again")
    if as_json:
        tell({"champion": number})


def history(voice: Slug, as_json: Json = False) -> None:
    """Tell which version was live from when, newest first."""
    from app.store.versions import Versions
    from app.web.api.schemas import HistoryOut

    with opened() as bot, bot.reads(Versions) as versions:
        moves = versions.history(voice)
    if as_json:
        tell({"voice": voice, "history": [HistoryOut.from_entry(move).model_dump(mode="json") for move in moves]})
        return
    for move in moves:
        was = "-" if move.was is None else move.was
        print(f"{move.at:%Y-%m-%d %H:%M}  {was} -> {move.version}  by {move.by}  {move.reason}")

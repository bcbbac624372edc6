"""`moderate`: the moderation queue of submissions."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.shell import SHELL, Json, opened, say, tell
from app.domain.submission import Decline, Submission, SubmissionStatus

commands = typer.Typer(help="Poems that readers teach.")
Ids = Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Numbers of the submissions.")]


@commands.callback(invoke_without_command=True)
def moderate(context: typer.Context) -> None:
    """Show the queue of poems that readers teach, or decide about them."""
    if context.invoked_subcommand is None:
        list_queue()


@commands.command("list")
def list_queue(
    status: Annotated[SubmissionStatus, typer.Option(help="Which to list.")] = SubmissionStatus.WAITING,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """List submissions, oldest first."""
    from app import reads

    with opened() as bot:
        queue = reads.desk.submissions(bot, status, limit=limit)
    rows = (f"{s.id:6d}  {s.voice}  {s.created:%Y-%m-%d %H:%M}  {s.title or s.text.splitlines()[0]}" for s in queue)
    tell({"submissions": [_shape(submission) for submission in queue]}, rows, as_json=as_json)


def _shape(submission: Submission) -> dict[str, object]:
    """A submission as JSON, without its token, which is the author's secret."""
    from app.web.api.schemas import SubmissionOut

    return SubmissionOut.of(submission).model_dump(mode="json", exclude={"token", "url"}) | {
        "flags": list(submission.flags)
    }


@commands.command()
def approve(ids: Ids, as_json: Json = False) -> None:
    """Approve submissions for the next lesson."""
    _decide(ids, SubmissionStatus.APPROVED, as_json)


@commands.command()
def reject(
    ids: Ids,
    reason: Annotated[
        str, typer.Option(help=f"The reason, for the author: {', '.join(Decline)}, or your own words.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Reject submissions: they are in no lesson."""
    _decide(ids, SubmissionStatus.REJECTED, as_json, reason)


@commands.command()
def reopen(ids: Ids, as_json: Json = False) -> None:
    """Put submissions back into the queue, which undoes either decision."""
    _decide(ids, SubmissionStatus.WAITING, as_json)


@commands.command()
def screen(
    texts: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, min=1)],
    as_json: Json = False,
) -> None:
    """Run the automatic checks on texts: what would they hold for review, or refuse?"""
    from app.domain.submission import blocked, personal_data
    from models.corpus import read_poems

    poems = read_poems(*texts)
    held = [found for poem in poems if (found := blocked(poem))]
    refused = [found for poem in poems if (found := personal_data(poem))]
    counts = f"{len(poems)} poems, {len(held)} with a word of the block list, {len(refused)} with personal data"
    result = {"poems": len(poems), "blocked": held, "personal_data": refused}
    tell(result, [counts, *(f"  {found}" for found in [*held, *refused])], as_json=as_json)


def _decide(ids: list[int], status: SubmissionStatus, as_json: bool, reason: str = "") -> None:
    from app import actions

    with opened() as bot:
        decided = actions.submissions.decide(bot, ids, status, by=SHELL, reason=reason)
    say(f"{len(decided)} {status}")
    tell({"submissions": [_shape(submission) for submission in decided]}, as_json=as_json)

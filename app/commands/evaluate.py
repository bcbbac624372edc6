"""`evaluate`: how surprised is a voice by a text it has not seen?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.commands.shell import BadUse, Json, counting_bar, opened, tell

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

Text = Annotated[Path, typer.Option("--text", exists=True, dir_okay=False, help="A UTF-8 text.")]


def add_to(app: typer.Typer) -> None:
    """Put this command into *app*."""
    app.command()(evaluate)


def evaluate(
    *,
    text: Text,
    voice: Annotated[str | None, typer.Option(help="Slug of the voice.")] = None,
    version: Annotated[int | None, typer.Option(min=0, help="Number of the version; else the one that serves.")] = None,
    folder: Annotated[Path | None, typer.Option(help="A version folder instead of a voice.")] = None,
    reads: Annotated[
        Literal["poems", "stream"] | None,
        typer.Option(help="Each poem from silence, or all as one stream; else as the voice was taught to read."),
    ] = None,
    random_windows: Annotated[
        bool, typer.Option("--random-windows", help="nanoGPT's protocol: 200 batches of random windows, from silence.")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Also measure while learning from what was read; reported apart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure bits per character over a whole text, read as the voice was taught to.

    That is poem by poem, each from silence, or in one pass with the state carried.
    """
    from models.evaluate import surprise_of, surprise_of_windows, surprise_while_learning
    from worker.trainer import network_of

    content = text.read_text(encoding="utf-8")
    if not content:
        raise BadUse(f"{text} is empty")
    if random_windows and reads:
        raise BadUse("give --random-windows or --reads, not both")
    checkpoint = _asked_for(voice, version, folder)
    network, vocabulary = network_of(checkpoint), checkpoint.vocabulary
    reads = reads or checkpoint.meta.reads
    try:
        with counting_bar("reading") as watch:
            if random_windows:
                found = surprise_of_windows(network, vocabulary, content, watch=watch)
            else:
                found = surprise_of(network, vocabulary, content, reads, watch=watch)
    except ValueError as error:
        raise BadUse(str(error)) from None
    figures: dict[str, object] = dict(found.as_dict())
    figures |= {"params": network.weight_count}
    figures |= {"protocol": "random_windows" if random_windows else {"poems": "poems", "stream": "one_pass"}[reads]}
    if dynamic:
        with counting_bar("learning") as watch:
            figures["dynamic"] = surprise_while_learning(network, vocabulary, content, watch=watch).as_dict()
    if as_json:
        tell(figures)
        return
    for name, value in figures.items():
        print(f"{name:14s} {value}")


def _asked_for(voice: str | None, version: int | None, folder: Path | None) -> "Checkpoint":
    """The version folder that the options name, its hashes checked."""
    from app.store.versions import Versions
    from models import checkpoint

    if (voice is None) == (folder is None):
        raise BadUse("name a voice with --voice, or a folder with --folder")
    if folder is not None:
        return checkpoint.read(folder)
    assert voice is not None  # noqa: S101 - one of the two was given
    with opened() as bot:
        with bot.reads(Versions) as versions:
            report = versions.champion(voice) if version is None else versions.one(voice, version)
        return checkpoint.read(bot.shelf.fetch(report.folder))

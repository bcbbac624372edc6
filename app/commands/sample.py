"""`sample`: print poems by the site's own engine and settings. `evaluate`: bits per character of a voice on a text."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.commands.shell import BadUse, Json, counting_bar, opened, settings_of_environment, tell, with_settings

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from app.domain.version import Serving, Version
    from app.engine.engine import Engine
    from models.checkpoint import Checkpoint

commands = typer.Typer()
Voice = Annotated[str | None, typer.Option(help="Slug of the voice.")]
Number = Annotated[int | None, typer.Option(min=0, help="Number of the version; else the champion.")]
Folder = Annotated[Path | None, typer.Option(help="A version folder instead of a voice.")]


@commands.command()
def sample(
    *,
    lines: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many lines.")] = 5,
    voice: Voice = None,
    version: Number = None,
    folder: Folder = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same lines.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Boldness; else the voice's own.")] = None,
    prime: Annotated[str, typer.Option(help="The beginning of each poem.")] = "",
    as_json: Json = False,
) -> None:
    """Print lines as the site would write them.

    Up to sixteen lines are one poem; more are poems of five lines.
    """
    from app.domain.poem import LINES, MOST_LINES, Wish, check

    first = secrets.randbelow(2**31) if seed is None else seed
    size = lines if lines <= MOST_LINES else LINES
    shape = check(Wish(lines=size, prime=prime, temperature=temperature))
    wishes = [replace(shape, seed=first + i) for i in range(-(-lines // size))]
    written: list[str] = []
    with writer(voice, version, folder) as (engine, serving):
        for writing in engine.write_all(serving.voice, wishes):
            fresh = [line.text for line in writing.lines][: lines - len(written)]
            written += fresh
            if not as_json:
                print("\n".join(fresh), flush=True)
    tell({"voice": serving.voice, "version": serving.number, "seed": first, "lines": written}, as_json=as_json)


def first_poems(folder: Path, count: int) -> list[list[str]]:
    """Poems by the version in *folder*, always the same."""
    from app.domain.poem import Wish

    with writer(None, None, folder) as (engine, serving):
        return [[line.text for line in engine.write(serving.voice, Wish(seed=1 + i)).lines] for i in range(count)]


@contextmanager
def writer(
    voice: str | None,
    version: int | None,
    folder: Path | None,
    *,
    changed: Mapping[str, str] | None = None,
    dice: Callable[[], int] | None = None,
) -> "Iterator[tuple[Engine, Serving]]":
    """The site's engine with one version in it: of *voice*, or in *folder*.

    *changed*: settings that differ from the site's; *dice*: gives the seeds, else they are random. Raises BadUse,
    UnknownVoice, UnknownVersion.
    """
    from app.bootstrap import build_engine
    from app.domain.version import Serving
    from app.engine.engine import Engine
    from models import checkpoint

    _check_one_given(voice, folder)
    with ExitStack() as stack:
        if folder is not None:
            settings = with_settings(settings_of_environment(), changed)
            meta = checkpoint.read(folder).meta
            serving = Serving(meta.voice, 0, 0, str(folder), meta.base)
            engine = Engine(
                champions=lambda: [serving],
                fetch=lambda _key: folder,
                settings=settings,
                dice=dice,
                candidates=settings.candidates,
            )
        else:
            bot = stack.enter_context(opened())
            found = _version(bot, str(voice), version)
            serving = Serving(str(voice), found.id, found.number, found.folder, found.base)
            changed_bot = replace(bot, settings=with_settings(bot.settings, changed))
            engine = build_engine(changed_bot, only=serving, dice=dice)
        stack.callback(engine.close)
        engine.start()
        yield engine, serving


@commands.command()
def evaluate(
    *,
    text: Annotated[Path, typer.Option("--text", exists=True, dir_okay=False, help="A UTF-8 text.")],
    voice: Voice = None,
    version: Number = None,
    folder: Folder = None,
    reads: Annotated[
        Literal["poems", "stream"] | None,
        typer.Option(help="Poem by poem, or all as one stream; else as the voice was trained to read."),
    ] = None,
    random_windows: Annotated[
        bool,
        typer.Option("--random-windows", help="nanoGPT's protocol: 200 batches of random windows."),
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Also measure dynamic evaluation, which learns from the text as it reads.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure bits per character over a whole text, read as the voice was trained to read.

    That is poem by poem, each from an initial state, or in one pass with the state carried.
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
    tell(figures, (f"{name:14s} {value}" for name, value in figures.items()), as_json=as_json)


def _asked_for(voice: str | None, version: int | None, folder: Path | None) -> "Checkpoint":
    """The checkpoint that the options name; its hashes are checked."""
    from models import checkpoint

    _check_one_given(voice, folder)
    if folder is not None:
        return checkpoint.read(folder)
    with opened() as bot:
        return checkpoint.read(bot.shelf.fetch(_version(bot, str(voice), version).folder))


def _check_one_given(voice: str | None, folder: Path | None) -> None:
    """BadUse unless exactly one of the two was given."""
    if (voice is None) == (folder is None):
        raise BadUse("name a voice with --voice, or a folder with --folder")


def _version(bot: "Bot", voice: str, version: int | None) -> "Version":
    """The version with that number, or the champion."""
    from app import reads

    return reads.versions.champion(bot, voice) if version is None else reads.versions.one(bot, voice, version)

"""`sample`: lines on stdout, by the site's own engine and settings."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shell import BadUse, Json, opened, settings_of_environment, tell, with_settings

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from app.domain.poem import Wish
    from app.engine.engine import Engine
    from app.settings import Settings
    from app.store.voices import Serving


def add_to(app: typer.Typer) -> None:
    """Put this command into *app*."""
    app.command()(sample)


def sample(
    *,
    lines: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many lines.")] = 5,
    voice: Annotated[str | None, typer.Option(help="Slug of the voice.")] = None,
    version: Annotated[int | None, typer.Option(min=0, help="Number of the version; else the one that serves.")] = None,
    folder: Annotated[Path | None, typer.Option(help="A version folder instead of a voice.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same lines.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Boldness; else the voice's own.")] = None,
    prime: Annotated[str, typer.Option(help="The beginning of each poem.")] = "",
    as_json: Json = False,
) -> None:
    """Print lines, one per row, as the site would write them.

    Up to sixteen lines are one poem; more are poems of five.
    """
    from app.domain.poem import LINES, MOST_LINES, Wish, check

    first = secrets.randbelow(2**31) if seed is None else seed
    size = lines if lines <= MOST_LINES else LINES
    shape = check(Wish(lines=size, prime=prime, temperature=temperature))
    wishes = [_wish(shape, first + i) for i in range(-(-lines // size))]
    written: list[str] = []
    with writer(voice, version, folder) as (engine, serving):
        for writing in engine.write_all(serving.voice, wishes):
            fresh = [line.text for line in writing.lines][: lines - len(written)]
            written += fresh
            if not as_json:
                print("\n".join(fresh), flush=True)
    if as_json:
        tell({"voice": serving.voice, "version": serving.number, "seed": first, "lines": written})


def first_poem(folder: Path) -> list[str]:
    """Five lines of the version in *folder*, always the same."""
    from app.domain.poem import Wish

    with writer(None, None, folder) as (engine, serving):
        return [line.text for line in engine.write(serving.voice, Wish(seed=1)).lines]


def _wish(shape: "Wish", seed: int) -> "Wish":
    return replace(shape, seed=seed)


@contextmanager
def writer(
    voice: str | None,
    version: int | None,
    folder: Path | None,
    *,
    changed: Mapping[str, str] | None = None,
    dice: Callable[[], int] | None = None,
) -> "Iterator[tuple[Engine, Serving]]":
    """The site's engine with one version in it. *changed*: settings that shall differ; *dice*: seeds, else chance.

    Raises BadUse, UnknownVoice, UnknownVersion.
    """
    if (voice is None) == (folder is None):
        raise BadUse("name a voice with --voice, or a folder with --folder")
    with ExitStack() as stack:
        if folder is not None:
            engine, serving = _of_folder(folder, with_settings(settings_of_environment(), changed), dice)
        else:
            bot = stack.enter_context(opened())
            engine, serving = _of_voice(
                replace(bot, settings=with_settings(bot.settings, changed)), str(voice), version, dice
            )
        stack.callback(engine.close)
        engine.start()
        yield engine, serving


def _of_folder(folder: Path, settings: "Settings", dice: Callable[[], int] | None) -> "tuple[Engine, Serving]":
    from app.engine.engine import Engine
    from app.store.voices import Serving
    from models import checkpoint

    meta = checkpoint.read(folder).meta
    serving = Serving(meta.voice, 0, 0, str(folder), meta.base)
    engine = Engine(
        champions=lambda: [serving],
        fetch=lambda _key: folder,
        settings=settings,
        dice=dice,
        candidates=settings.candidates,
    )
    return engine, serving


def _of_voice(bot: "Bot", voice: str, version: int | None, dice: Callable[[], int] | None) -> "tuple[Engine, Serving]":
    from app.bootstrap import build_engine
    from app.store.versions import Versions
    from app.store.voices import Serving, Voices

    with bot.reading() as session:
        Voices(session).one(voice)
        versions = Versions(session)
        report = versions.champion(voice) if version is None else versions.one(voice, version)
    serving = Serving(voice, report.id, report.number, report.folder, report.base)
    return build_engine(bot, only=serving, dice=dice), serving

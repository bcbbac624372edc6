"""`lesson`: what the next run would teach, as a file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.commands.shell import Json, Voice, opened, say, tell


def add_to(app: typer.Typer) -> None:
    """Put this command into *app*."""
    app.command()(lesson)


def lesson(
    voice: Voice,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Where to write it, as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what the next run of a voice would teach, and write it to a file; readers are numbers in it.

    Its texts with their weights, and every line that was shown, ticked or not. The same feedback gives the same hash.
    """
    from app.domain import lesson as lessons
    from app.store.lessons import FeedbackStore
    from app.store.voices import Voices

    with opened() as bot, bot.reading() as session:
        Voices(session).one(voice)
        built = lessons.build(FeedbackStore(session).of(voice))
    told = {"voice": voice, **built.summary(), "texts": len(built.texts), "judged": len(built.judged)}
    if out is not None:
        out.write_text(json.dumps(told | built.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
        say(f"{out} holds {len(built.texts)} texts and {len(built.judged)} lines that were judged")
    if as_json:
        tell(told)
    elif out is None:
        print("\n".join(f"{text.weight:8.3f}  {text.text.replace(chr(10), ' / ')}" for text in built.texts))

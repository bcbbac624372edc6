"""`voice`: a deployment's own bots, trained on a text or brought along (`train.py`)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.commands.sample import first_poem
from app.commands.shell import BadUse, Json, opened, say, tell, training_bar
from app.commands.train import Level, Names, card, describe, forewarn, read

if TYPE_CHECKING:
    from models.corpus import Corpus, ReadingMode
    from models.make import Order
    from models.network import CharNetwork

LONGEST_VERSE_LINE = 80
LOOK = 5000
"""Characters of what was kept aside that tell when to stop."""
FEWEST_POEMS = 8
STREAM_SHARE = 0.7
"""Share of the time in which verse is read as running text, before it is read poem by poem."""


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    group = typer.Typer(help="A deployment's own bots.", no_args_is_help=True, rich_markup_mode=None)
    group.callback()(voice)
    group.command()(add)
    app.add_typer(group, name="voice")


def voice() -> None:
    """Add a deployment's own bots."""


def add(
    slug: Annotated[str, typer.Argument(help="Its place on the site: small letters, digits, hyphens.")],
    *,
    language: Annotated[str, typer.Option(help="Language code, such as ko or en.")],
    title: Annotated[str, typer.Option(help="What it is called.")],
    text: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A UTF-8 text; may be repeated.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A base that `poembot train` made.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time to train.")] = 5.0,
    size: Annotated[
        int | None, typer.Option(min=4, max=8192, help="Units of each of its three layers; else by the text's length.")
    ] = None,
    level: Level = "char",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train.")] = "auto",
    as_json: Json = False,
) -> None:
    """Add a bot of one's own: train it on a text, or adopt a trained base. The site serves it at once."""
    from app import actions, reads
    from app.bootstrap import now
    from app.domain import voice as rules
    from models.make import Order, size_for

    slug, title, language = rules.named(slug, title, language)
    if bool(text) == (folder is not None):
        raise BadUse("give --text, or --folder")
    names = Names(slug, title, language, f"{slug}-{now():%Y.%m}")
    key = f"{slug}/{names.base}/base"
    with opened() as bot:
        if any(known.slug == slug for known in reads.voices.all(bot)):
            raise BadUse(f"there is a voice {slug} already")
        bot.shelf.remove(key)  # left by an addition that was cut off before it had a row
        scratch = bot.shelf.scratch()
        try:
            if folder is not None:
                _adopt(folder, scratch / "base", names)
            else:
                texts, aside = read(text or [], None)
                units = size or size_for(sum(map(len, texts)))
                order = Order(level=level, size=units, embedding=min(256, units), minutes=minutes)
                _train_voice(texts, aside, scratch / "base", names=names, order=order, device=device)
            poem = first_poem(scratch / "base")
            bot.shelf.place(scratch / "base", key)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        actions.deployment.install(bot, slug, title=title, language=language, base=names.base, folder=key)
    say("\n".join(["", *(f"    {line}" for line in poem), ""]))
    say(f"{title}: /{slug}")
    tell({"slug": slug, "title": title, "language": language, "base": names.base}, as_json=as_json)


def _adopt(source: Path, place: Path, names: Names) -> None:
    """A copy of a base under the voice's own names. BadUse for a folder that could not be taught further."""
    from dataclasses import replace

    from models import checkpoint
    from models.make import HOLDOUT

    made = checkpoint.read(source)
    if not (source / HOLDOUT).is_file():
        raise BadUse(f"{source} has no {HOLDOUT}: without it no taught version can be examined")
    meta = replace(made.meta, **names._asdict(), lesson={})
    checkpoint.write(place, meta, made.vocabulary, made.weights, extras=source)
    card, told = place / checkpoint.CARD, f"# {names.title}\n\n{names.base}, adopted from {made.meta.base}.\n"
    if card.is_file():
        told += f"\n{card.read_text(encoding='utf-8')}"
    card.write_text(told, encoding="utf-8")


def _train_voice(texts: list[str], aside: str, place: Path, *, names: Names, order: "Order", device: str) -> None:
    """Train a base on texts: as running text, and, where it is verse, poem by poem at the end."""
    from models.corpus import Poems
    from models.evaluate import surprise_of
    from models.make import chars_per_symbol, fresh, learn, package, stream, vocabulary_of
    from models.train import choose_device

    try:
        where = choose_device(device)  # type: ignore[arg-type]
    except ValueError as error:
        raise BadUse(str(error)) from None
    vocabulary, poems = vocabulary_of(texts, order.level), _verse(texts)
    network = fresh(vocabulary, order)
    forewarn(texts)
    told = f"{sum(map(len, texts)):,} characters, {len(poems)} poems, {len(vocabulary):,} symbols"
    say(f"{told}; {order.layers} x {order.size} units, {network.weight_count:,} parameters, on {where}")
    reads: ReadingMode = "poems" if poems else "stream"
    running = stream([poem + "\n" for poem in poems] or texts, vocabulary)
    lessons: list[tuple[str, Corpus, float]] = [("reading", running, STREAM_SHARE if poems else 1.0)]
    if poems:
        lessons.append(("poems", Poems(poems, vocabulary), 1 - STREAM_SHARE))

    def surprised(network: "CharNetwork") -> float:
        return surprise_of(network, vocabulary, aside[:LOOK], reads).nats

    for number, (name, corpus, share) in enumerate(lessons, 1):
        with training_bar(f"{name} {number}/{len(lessons)}", chars_per_symbol(texts, vocabulary)) as watch:
            plan = order.plan(where, share)
            network = learn(network, corpus, plan, device=where, watch=watch, surprised=surprised)
    figures = surprise_of(network, vocabulary, aside, reads).as_dict()
    say(f"{figures['bits_per_char']:.3f} bits a character on {len(aside):,} characters kept aside")
    meta = describe(names, network, order, texts=texts, figures=figures, reads=reads)
    made_by = f"poembot voice add {names.voice} --language {names.language} --title TITLE --text FILE"
    told = card(meta, texts, aside, made_by=made_by, order=order, stopped=True)
    package(place, network, meta, vocabulary, texts=texts, aside=aside, card=told)


def _verse(texts: Sequence[str]) -> list[str]:
    """The poems in *texts*, parted by blank lines; none when it is prose."""
    blocks = [block.strip("\n") for text in texts for block in text.split("\n\n") if block.strip()]
    lengths = sorted(len(line) for block in blocks for line in block.splitlines())
    short = bool(lengths) and lengths[int(0.9 * len(lengths))] <= LONGEST_VERSE_LINE
    return blocks if short and len(blocks) >= FEWEST_POEMS else []

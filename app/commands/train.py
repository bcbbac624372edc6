"""`train`: train a new base on a UTF-8 text. `voice add`: add a voice to the deployment, newly trained or adopted.

A base is a folder with a model card, which says what it is, what it was trained on, and how to train it again.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from app.commands.sample import first_poems
from app.commands.shell import BadUse, Json, counting_bar, opened, say, settings_of_environment, tell, training_bar

if TYPE_CHECKING:
    from models.checkpoint import Meta
    from models.corpus import Corpus, ReadingMode
    from models.make import Order
    from models.network import CharNetwork

commands = typer.Typer()
voice = typer.Typer()
"""What `voices.py` adds to `poembot voice`."""
Level = Annotated[
    Literal["char", "word", "byte"],
    typer.Option(help="What a symbol is: a character; a frequent word, others spelled; a byte of UTF-8."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train.")]
READS = {"poems": "poem by poem, each from silence", "stream": "as one stream"}
MINUTES = 15.0
FEW = 30_000
"""Characters below which a network either memorises its text or learns little."""
LONGEST_VERSE_LINE = 80
FEWEST_POEMS = 8
EVALUATED_CHARACTERS = 5000
"""Characters of the holdout for early stopping."""
STREAM_SHARE = 0.7
"""Share of the time in which verse is read as running text, before it is read poem by poem."""


@commands.command()
def train(
    *,
    text: Annotated[
        list[Path], typer.Option("--text", exists=True, dir_okay=False, help="A UTF-8 text; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist yet.")],
    val: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A text to validate on.")] = None,
    cell: Annotated[Literal["lstm", "gru", "rnn"], typer.Option(help="The recurrent cell.")] = "lstm",
    level: Level = "char",
    layers: Annotated[int, typer.Option(min=1, max=16, help="How many layers.")] = 3,
    size: Annotated[int, typer.Option(min=4, max=8192, help="Units of each layer.")] = 512,
    residual: Annotated[bool, typer.Option(help="Layers above the first add to their input.")] = True,
    attention: Annotated[bool, typer.Option(help="The top layer attends to earlier states.")] = False,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of units dropped in training.")] = 0.3,
    rate: Annotated[float, typer.Option(min=1e-6, max=1, help="Peak learning rate.")] = 4e-3,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help=f"Time to train; {MINUTES:.0f} without --epochs.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the text, instead of minutes.")] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a new base. The same command resumes a training that was interrupted.

    Without --val, the last twentieth of the text is kept as the holdout.
    """
    from models.make import WINDOW, Order

    settings_of_environment()
    if minutes is not None and epochs is not None:
        raise BadUse("give --minutes or --epochs, not both")
    if out.exists():
        raise BadUse(f"{out} exists already")
    budget = MINUTES if minutes is None and epochs is None else minutes
    order = Order(
        cell=cell,
        level=level,
        layers=layers,
        size=size,
        embedding=min(256, size),
        residual=residual,
        attention=WINDOW if attention else 0,
        dropout=dropout,
        minutes=budget,
        epochs=epochs,
        rate=rate,
        seed=seed,
    )
    texts, aside = _read(text, val)
    figures = _train_base(texts, aside, order, out, device)
    tell(figures, (f"{name:14s} {value}" for name, value in figures.items()), as_json=as_json)


@voice.command()
def add(
    slug: Annotated[str, typer.Argument(help="Its place on the site: small letters, digits, hyphens.")],
    *,
    language: Annotated[str, typer.Option(help="Language code, such as ko or en.")],
    title: Annotated[str, typer.Option(help="What it is called.")],
    text: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Poems, prose or an export; may be repeated.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A base that `poembot train` made.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="BASE",
            help="The shipped voice to start from, or `nothing`; else the one of that language, if there is one.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Time to train; else by the text's length, from nothing 5.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=4, max=8192, help="From nothing: units of each of its three layers.")
    ] = None,
    level: Annotated[
        Literal["char", "word", "byte"] | None, typer.Option(help="From nothing: what a symbol is; else a character.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Add a voice: train it on a text, beside a shipped voice or from nothing, or adopt a trained base.

    The site serves it at once, but only to admins; `voice publish` shows it to everybody.
    """
    from app import actions, reads
    from app.bootstrap import now
    from app.commands import beside
    from app.domain import voice as rules
    from models.make import Order, size_for

    slug, title, language = rules.named(slug, title, language)
    if bool(text) == (folder is not None):
        raise BadUse("give --text, or --folder")
    if source and folder is not None:
        raise BadUse("give --from with --text, not with --folder")
    names = Names(slug, title, language, f"{slug}-{now():%Y.%m}")
    key = f"{slug}/{names.base}/base"
    figures: dict[str, object] = {"from": None}
    with opened() as bot:
        if any(known.slug == slug for known in reads.voices.all(bot)):
            raise BadUse(f"there is a voice {slug} already")
        from_nothing = folder is None and source is None and bool(size or level)
        base = None if folder is not None or from_nothing else beside.base_of(bot, source, language)
        if base is not None and (size or level):
            raise BadUse(f"--size and --level are for --from {beside.NOTHING}: {base.voice} has its own")
        bot.shelf.remove(key)  # left by an earlier attempt that was interrupted before it had a row
        scratch = bot.shelf.scratch()
        place = scratch / "base"
        try:
            if folder is not None:
                _adopt(folder, place, names)
            elif base is not None:
                figures = beside.train(base, text or [], place, names=names, minutes=minutes, device=device)
            else:
                texts, aside = _read(text or [], None)
                units, lasts = size or size_for(sum(map(len, texts))), minutes or 5.0
                say(f"it starts from nothing, which takes long: {lasts:g} minutes now, and an hour for whole sentences")
                order = Order(level=level or "char", size=units, embedding=min(256, units), minutes=lasts)
                _train_voice(texts, aside, place, names=names, order=order, device=device)
                figures = {"from": beside.NOTHING}
            poems = first_poems(place, beside.SHOWN)
            bot.shelf.place(place, key)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        actions.deployment.install(bot, slug, title=title, language=language, base=names.base, folder=key, listed=False)
    for poem in poems if base is not None else poems[:1]:
        say("\n".join(["", *(f"    {line}" for line in poem)]))
    say(f"\n{title}: /{slug}, for admins only (sign in at /desk) until `poembot voice publish {slug}`")
    named = {"slug": slug, "title": title, "language": language, "base": names.base}
    tell({**named, **figures, "poems": poems}, as_json=as_json)


class Names(NamedTuple):
    """What a base is called."""

    voice: str
    title: str
    language: str
    base: str


def _read(files: Sequence[Path], val: Path | None) -> tuple[list[str], str]:
    """The texts to train on, and the holdout. BadUse for what is not UTF-8, or too short."""
    from models.make import FEWEST_CHARACTERS, set_aside

    texts = [_text(file) for file in files]
    aside = _text(val) if val is not None else ""
    if not aside.strip():
        texts[-1], aside = set_aside(texts[-1])
    if (chars := sum(map(len, texts))) < FEWEST_CHARACTERS:
        raise BadUse(f"too little text: {chars:,} characters to learn from, it takes {FEWEST_CHARACTERS:,} at least")
    return texts, aside


def _text(file: Path) -> str:
    from models.vocabulary import normalise

    try:
        return normalise(file.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark first
    except UnicodeDecodeError:
        raise BadUse(f"{file} is not UTF-8 text; save it as UTF-8") from None


def _warn_of_little_text(texts: Sequence[str]) -> None:
    if (chars := sum(map(len, texts))) < FEW:
        say(f"{chars:,} characters are few: expect copied lines and babble; from {FEW:,} on a voice is its own")


def _train_base(texts: list[str], aside: str, order: "Order", out: Path, device: str) -> dict[str, object]:
    """Train, measure on the holdout, and write the folder."""
    from models.evaluate import surprise_of_stream
    from models.make import chars_per_symbol, fresh, learn, package, stream, vocabulary_of, workplace
    from models.train import choose_device

    try:
        where = choose_device(device)  # type: ignore[arg-type]
        work = workplace(out, order, texts)
    except ValueError as error:  # no such device, or another training is saved there
        raise BadUse(str(error)) from None
    vocabulary = vocabulary_of(texts, order.level)
    network = fresh(vocabulary, order)
    _warn_of_little_text(texts)
    chars = sum(map(len, texts))
    say(f"{chars:,} characters, {len(vocabulary)} symbols, {network.weight_count:,} parameters, on {where}")
    began = time.monotonic()
    with training_bar("training", chars_per_symbol(texts, vocabulary)) as watch:
        network = learn(network, stream(texts, vocabulary), order.plan(where), device=where, watch=watch, work=work)
    seconds = time.monotonic() - began
    with counting_bar("examining") as count:
        figures = surprise_of_stream(network, vocabulary, aside, watch=count).as_dict()
    names = Names(out.name, out.name, "und", out.name)
    meta = _meta(names, network, order, texts, figures["bits_per_char"], reads="stream")
    card = _card(meta, texts, aside, made_by=f"poembot train --text FILE --out {out.name}", order=order)
    package(out, network, meta, vocabulary, texts=texts, aside=aside, card=card)
    shutil.rmtree(work)
    return {"out": str(out), **figures, "params": network.weight_count, "seconds": round(seconds, 1), "device": where}


def _train_voice(texts: list[str], aside: str, place: Path, *, names: Names, order: "Order", device: str) -> None:
    """Train a base, with early stopping: on running text, and, if it is verse, at the end poem by poem."""
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
    _warn_of_little_text(texts)
    counts = f"{sum(map(len, texts)):,} characters, {len(poems)} poems, {len(vocabulary):,} symbols"
    say(f"{counts}; {order.layers} x {order.size} units, {network.weight_count:,} parameters, on {where}")
    reads: ReadingMode = "poems" if poems else "stream"
    running = stream([poem + "\n" for poem in poems] or texts, vocabulary)
    lessons: list[tuple[str, Corpus, float]] = [("reading", running, STREAM_SHARE if poems else 1.0)]
    if poems:
        lessons.append(("poems", Poems(poems, vocabulary), 1 - STREAM_SHARE))

    def surprised(network: "CharNetwork") -> float:
        return surprise_of(network, vocabulary, aside[:EVALUATED_CHARACTERS], reads).nats

    for number, (name, corpus, share) in enumerate(lessons, 1):
        with training_bar(f"{name} {number}/{len(lessons)}", chars_per_symbol(texts, vocabulary)) as watch:
            plan = order.plan(where, share)
            network = learn(network, corpus, plan, device=where, watch=watch, surprised=surprised)
    figures = surprise_of(network, vocabulary, aside, reads).as_dict()
    say(f"{figures['bits_per_char']:.3f} bits a character on a holdout of {len(aside):,} characters")
    meta = _meta(names, network, order, texts, figures["bits_per_char"], reads=reads)
    made_by = f"poembot voice add {names.voice} --language {names.language} --title TITLE --text FILE"
    card = _card(meta, texts, aside, made_by=made_by, order=order, stopped=True)
    package(place, network, meta, vocabulary, texts=texts, aside=aside, card=card)


def _verse(texts: Sequence[str]) -> list[str]:
    """The poems in *texts*, separated by blank lines; none if the text is prose."""
    blocks = [block.strip("\n") for text in texts for block in text.split("\n\n") if block.strip()]
    lengths = sorted(len(line) for block in blocks for line in block.splitlines())
    short = bool(lengths) and lengths[int(0.9 * len(lengths))] <= LONGEST_VERSE_LINE
    return blocks if short and len(blocks) >= FEWEST_POEMS else []


def _adopt(source: Path, place: Path, names: Names) -> None:
    """Copy a base under the voice's own names. BadUse for a folder that could not be trained further."""
    from dataclasses import replace

    from models import checkpoint
    from models.make import HOLDOUT

    made = checkpoint.read(source)
    if not (source / HOLDOUT).is_file():
        raise BadUse(f"{source} has no {HOLDOUT}, which is needed to examine later versions")
    meta = replace(made.meta, **names._asdict(), lesson={})
    checkpoint.write(place, meta, made.vocabulary, made.weights, extras=source)
    file = place / checkpoint.CARD
    card = f"# {names.title}\n\n{names.base}, adopted from {made.meta.base}.\n"
    if file.is_file():
        card += f"\n{file.read_text(encoding='utf-8')}"
    file.write_text(card, encoding="utf-8")


def _meta(
    names: Names,
    network: "CharNetwork",
    order: "Order",
    texts: Sequence[str],
    bits_per_char: float,
    *,
    reads: "ReadingMode",
) -> "Meta":
    """The metadata of a base that was just trained."""
    from app.bootstrap import now
    from models.checkpoint import Meta
    from models.make import style_of
    from worker.trainer import revision

    return Meta(
        **names._asdict(),
        architecture=network.architecture.as_dict(),
        level=order.level,
        reads=reads,
        style=style_of("\n".join(texts), order.level),
        metrics={"bits_per_char": bits_per_char},
        seed=order.seed,
        created=now().isoformat(timespec="seconds"),
        revision=revision(),
    )


def _card(
    meta: "Meta", texts: Sequence[str], aside: str, *, made_by: str, order: "Order", stopped: bool = False
) -> str:
    """The model card of a base that was just trained.

    *made_by*: the command, without the options in *order*; *stopped*: was the holdout used for early stopping?
    """
    made, style = meta.architecture, meta.style
    length = f"--minutes {order.minutes:g}" if order.minutes is not None else f"--epochs {order.epochs}"
    stopping = ", but used for early stopping" if stopped else ""
    rows = {
        "network": f"{made['cell']}, {made['layers']} x {made['size']} units over {made['symbols']:,} symbols",
        "a symbol is a": meta.level,
        "learned from": f"{sum(map(len, texts)):,} characters; `verse/` holds them, or their beginning",
        "kept aside": f"{len(aside):,} characters, `holdout.txt`, never trained on{stopping}",
        "bits per character there": f"{meta.metrics['bits_per_char']:.3f}, read {READS[meta.reads]}",
        "to measure it again": "`poembot evaluate --text holdout.txt --folder .`",
        "temperature, nucleus": f"{style.temperature}, {style.nucleus}",
        "lines": f"{style.shortest} to {style.longest} characters",
        "made by": f"`{made_by} --level {meta.level} --size {made['size']} {length}`",
        "seed, code": f"{meta.seed}, {meta.revision or 'unknown'}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""# {meta.title}

{meta.base}, made with `poembot` on {meta.created}. What it writes is written by a machine (AI 생성).

| | |
|---|---|
{table}

It knows these texts and nothing else: no facts, and no language but theirs. A short text it repeats, line by line.
The rights in what it learned from are those of the texts; whoever made this base knows them.
"""

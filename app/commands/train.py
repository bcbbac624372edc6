"""`train`: a new base from any UTF-8 text.

A base's folder has a model card: what it is, what it learned from, and how to make it again.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from app.commands.shell import BadUse, Json, counting_bar, say, settings_of_environment, tell, training_bar

if TYPE_CHECKING:
    from models.checkpoint import Meta
    from models.corpus import ReadingMode
    from models.make import Order
    from models.network import CharNetwork

READS = {"poems": "poem by poem, each from silence", "stream": "as one stream"}


def card(meta: "Meta", texts: Sequence[str], aside: str, *, made_by: str, order: "Order", stopped: bool = False) -> str:
    """The card of a base that was just made.

    *made_by*: the command, without what the order says; *stopped*: did the text kept aside tell when to stop?
    """
    made, style = meta.architecture, meta.style
    length = f"--minutes {order.minutes:g}" if order.minutes is not None else f"--epochs {order.epochs}"
    asked = ", but asked when to stop" if stopped else ""
    rows = {
        "network": f"{made['cell']}, {made['layers']} x {made['size']} units over {made['symbols']:,} symbols",
        "a symbol is a": meta.level,
        "learned from": f"{sum(map(len, texts)):,} characters; `verse/` holds them, or their beginning",
        "kept aside": f"{len(aside):,} characters, `holdout.txt`, never trained on{asked}",
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


Texts = Annotated[
    list[Path], typer.Option("--text", exists=True, dir_okay=False, help="A UTF-8 text; may be repeated.")
]
Level = Annotated[
    Literal["char", "word", "byte"],
    typer.Option(help="What a symbol is: a character; a frequent word, others spelled; a byte of UTF-8."),
]
MINUTES = 15.0
FEW = 30_000
"""Characters below which a network either learns its text by heart or learns little."""


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    app.command()(train)


def train(
    *,
    text: Texts,
    out: Annotated[Path, typer.Option(help="The folder to write; must not be there yet.")],
    val: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A text to validate on.")] = None,
    cell: Annotated[Literal["lstm", "gru", "rnn"], typer.Option(help="The recurrent cell.")] = "lstm",
    level: Level = "char",
    layers: Annotated[int, typer.Option(min=1, max=16)] = 3,
    size: Annotated[int, typer.Option(min=4, max=8192, help="Units of each layer.")] = 512,
    residual: Annotated[bool, typer.Option(help="Layers above the first add to their input.")] = True,
    attention: Annotated[bool, typer.Option(help="Let the top look back at the states before it.")] = False,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Units that a text does without.")] = 0.3,
    rate: Annotated[float, typer.Option(min=1e-6, max=1, help="Peak learning rate.")] = 4e-3,
    minutes: Annotated[float | None, typer.Option(min=0.01, help=f"Time to train; {MINUTES:.0f} if not said.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the text, instead of minutes.")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train.")] = "auto",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Train a new base; the same command goes on where an earlier one was stopped.

    Without --val a twentieth of the text, from its end, is kept aside as the holdout.
    """
    from models.make import WINDOW, Order

    settings_of_environment()
    if minutes is not None and epochs is not None:
        raise BadUse("give --minutes or --epochs, not both")
    if out.exists():
        raise BadUse(f"{out} is there already")
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
    texts, aside = read(text, val)
    figures = _train(texts, aside, order, out, device)
    tell(figures, (f"{name:14s} {value}" for name, value in figures.items()), as_json=as_json)


def read(files: Sequence[Path], val: Path | None) -> tuple[list[str], str]:
    """The texts to learn, and what is kept aside. BadUse for what is not UTF-8, or too little."""
    from models.make import FEWEST, set_aside

    texts = [_text(file) for file in files]
    aside = _text(val) if val is not None else ""
    if not aside.strip():
        texts[-1], aside = set_aside(texts[-1])
    if (chars := sum(map(len, texts))) < FEWEST:
        raise BadUse(f"too little text: {chars:,} characters to learn from, it takes {FEWEST:,} at least")
    return texts, aside


def forewarn(texts: Sequence[str]) -> None:
    """Say what to expect of so little text, once it is clear that it will be learned from."""
    if (chars := sum(map(len, texts))) < FEW:
        say(f"{chars:,} characters are few: expect echoes and babble; from {FEW:,} on a voice is one's own")


def _text(file: Path) -> str:
    from models.vocabulary import normalise

    try:
        return normalise(file.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark first
    except UnicodeDecodeError:
        raise BadUse(f"{file} is not UTF-8 text; save it as UTF-8") from None


def _train(texts: list[str], aside: str, order: "Order", out: Path, device: str) -> dict[str, object]:
    """Train, package, and measure on what was kept aside."""
    from models.evaluate import surprise_of_stream
    from models.make import chars_per_symbol, fresh, learn, package, stream, vocabulary_of, workplace
    from models.train import choose_device

    try:
        where = choose_device(device)  # type: ignore[arg-type]
        work = workplace(out, order, texts)
    except ValueError as error:  # no such device, or another training lies there
        raise BadUse(str(error)) from None
    vocabulary = vocabulary_of(texts, order.level)
    network = fresh(vocabulary, order)
    forewarn(texts)
    chars = sum(map(len, texts))
    say(f"{chars:,} characters, {len(vocabulary)} symbols, {network.weight_count:,} parameters, on {where}")
    began = time.monotonic()
    with training_bar("training", chars_per_symbol(texts, vocabulary)) as watch:
        network = learn(network, stream(texts, vocabulary), order.plan(where), device=where, watch=watch, work=work)
    seconds = time.monotonic() - began
    with counting_bar("examining") as count:
        figures = surprise_of_stream(network, vocabulary, aside, watch=count).as_dict()
    names = Names(out.name, out.name, "und", out.name)
    meta = describe(names, network, order, texts=texts, figures=figures, reads="stream")
    told = card(meta, texts, aside, made_by=f"poembot train --text FILE --out {out.name}", order=order)
    package(out, network, meta, vocabulary, texts=texts, aside=aside, card=told)
    shutil.rmtree(work)
    return {"out": str(out), **figures, "params": network.weight_count, "seconds": round(seconds, 1), "device": where}


class Names(NamedTuple):
    """What a base is called."""

    voice: str
    title: str
    language: str
    base: str


def describe(
    names: Names,
    network: "CharNetwork",
    order: "Order",
    *,
    texts: Sequence[str],
    figures: dict[str, float],
    reads: "ReadingMode",
) -> "Meta":
    """The meta of a base that was just trained."""
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
        metrics={"bits_per_char": figures["bits_per_char"]},
        seed=order.seed,
        created=now().isoformat(timespec="seconds"),
        revision=revision(),
    )

"""`lab`: the lecture's experiments, and blind reading.

`lab read` makes a sheet of poems that people judge without knowing the authors, and evaluates their answers
(docs/reading.md).
"""

import json
import math
import random
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.commands.sample import writer
from app.commands.shell import BadUse, Failed, Json, counting_bar, say, tell

if TYPE_CHECKING:
    from lab.blind import Poem, Sheet
    from models.network import Cell

commands = typer.Typer(help="The lecture's experiments, and blind reading.", no_args_is_help=True)
reading = typer.Typer(name="read", help="Blind reading.", no_args_is_help=True)
commands.add_typer(reading)


@commands.command()
def hello(
    cell: Annotated[Literal["rnn", "lstm", "gru"], typer.Option(help="The recurrent cell.")] = "rnn",
    layers: Annotated[int, typer.Option(min=1, max=8, help="How many layers.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Seed of the initial weights.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Train with so many seeds, and count successes.")] = 1,
    as_json: Json = False,
) -> None:
    """Train a network that reads `hell` to predict `ello`, and print what it predicts at each step."""
    import torch

    from lab.lecture import lesson
    from models.byhand import WANTED

    torch.set_num_threads(1)
    if seeds > 1:
        _train_many(cell, layers, range(seed, seed + seeds), as_json=as_json)
        return
    for said in lesson(cell, seed, layers):
        if not as_json:
            print(f"step {said.step:3d}  loss {said.loss:.4f}  {said.predicted}")
    result = {"cell": cell, "layers": layers, "seed": seed, "steps": said.step, "predicted": said.predicted}
    tell(result, as_json=as_json)
    if not said.learned:
        raise Failed(f"after {said.step} steps it says {said.predicted}, not {WANTED}")


@commands.command()
def write(
    *,
    folder: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A base that `poembot train` made.")],
    chars: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many characters to add.")] = 500,
    prime: Annotated[str, typer.Option(help="The beginning.")] = "\n",
    temperature: Annotated[float, typer.Option(min=0.05, max=5, help="Boldness.")] = 1.0,
    nucleus: Annotated[float, typer.Option(min=0.01, max=1, help="Top-p; 1: all symbols, as char-rnn.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same text.")] = 0,
    as_json: Json = False,
) -> None:
    """Have a base continue a text as running text; `sample` writes poems."""
    from models import checkpoint
    from models.sample import write_on

    made = checkpoint.read(folder)
    written, parts = "", write_on(made, prime, temperature=temperature, nucleus=nucleus, seed=seed)
    while len(written) < len(prime) + chars:
        part = next(parts)
        written += part
        if not as_json:
            print(part, end="", flush=True)
    result = {"voice": made.meta.voice, "level": made.meta.level, "seed": seed, "text": written}
    tell(result, [""], as_json=as_json)


def _train_many(cell: "Cell", layers: int, seeds: range, *, as_json: bool) -> None:
    """Count the seeds that learn it, and their steps."""
    from statistics import median

    from lab.lecture import last_words

    ends = last_words(cell, seeds, layers)
    learned = sum(said.learned for said in ends)
    steps = [said.step for said in ends]
    counts = {"seeds": len(seeds), "learned": learned, "steps": steps}
    between = f"{min(steps)} to {max(steps)} steps, half of them within {median(steps):.0f}"
    said = f"{layers} x {cell}: {learned} of {len(seeds)} seeds say ello, after {between}"
    tell({"cell": cell, "layers": layers, "seed": seeds.start, **counts}, [said], as_json=as_json)


KINDS = ("voice", "folder", "file", "json")
SHAPE = "NAME=voice:SLUG[@VERSION][,SETTING=VALUE…], NAME=folder:DIR[,SETTING=VALUE…], NAME=file:TEXT or NAME=json:FILE"
BRIEF = Path(__file__).with_name("blind.md")
"""The instructions for readers, in Korean and English."""
TABLE = {"right_lines": "right lines", "sense": "sense", "together": "together", "liking": "liking", "ticked": "ticked"}


@dataclass(frozen=True)
class Source:
    """A source of poems for a sheet."""

    name: str
    kind: str
    place: str
    """Slug of a voice, or a path."""
    version: int | None
    """None: the champion."""
    temperature: float | None
    """None: the voice's own."""
    settings: Mapping[str, str]
    """Settings that differ from the site's, by name."""

    @classmethod
    def of(cls, argument: str) -> "Source":
        """Parse an argument of the command line. Raises BadUse."""
        name, _, origin = argument.partition("=")
        kind, _, place = origin.partition(":")
        if not name.strip() or kind not in KINDS or not place:
            raise BadUse(f"{argument!r} is not a source; use {SHAPE}")
        version, settings = "", dict[str, str]()
        if kind in {"voice", "folder"}:
            place, *pairs = place.split(",")
            settings = {key.strip(): value.strip() for key, _, value in (pair.partition("=") for pair in pairs)}
        if kind == "voice":
            place, _, version = place.partition("@")
        elif not Path(place).exists():
            raise BadUse(f"{argument!r}: there is no {place}")
        try:
            number = int(version) if version else None
            temperature = float(settings.pop("temperature")) if "temperature" in settings else None
        except ValueError:
            raise BadUse(f"{argument!r}: version and temperature must be numbers") from None
        return cls(name.strip(), kind, place, number, temperature, settings)


@reading.command()
def sheet(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help=SHAPE)],
    *,
    out: Annotated[Path, typer.Option(file_okay=False, help="A new folder for the sheet and its instructions.")],
    key: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The file for the key; else OUT.key.json beside the folder.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, max=1000, help="Poems from each source.")] = 40,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed makes the same sheet.")] = None,
    as_json: Json = False,
) -> None:
    """Mix poems from several sources into one numbered sheet, which does not name the authors.

    Poems of a voice are written by the site's own engine and settings, with its taste. If NAME ends in `~shuffled`, the
    lines of the source are shuffled between its poems.
    """
    from lab import blind

    asked = [Source.of(source) for source in sources]
    if len({source.name for source in asked}) < len(asked):
        raise BadUse("two sources have the same name")
    kept = key or out.with_name(f"{out.name}.key.json")
    if kept.resolve().is_relative_to(out.resolve()):
        raise BadUse("the key must not lie in the readers' folder")
    for taken in (out / "sheet.txt", kept):
        if taken.exists():
            raise BadUse(f"{taken} is there already; choose another place, or remove it")
    first = secrets.randbelow(2**31) if seed is None else seed
    mixed = blind.mix(_poems(asked, each, first), seed=first)
    origins = {source.name: argument.partition("=")[2] for source, argument in zip(asked, sources, strict=True)}
    _write(mixed, out, kept, {"seed": first, "each": each, "sources": origins})
    counts = {source.name: mixed.sources.count(source.name) for source in asked}
    say(f"{len(mixed.poems)} poems; for the readers: {out / 'sheet.txt'}, {out / 'BRIEF.md'}; for you alone: {kept}")
    tell({"sheet": str(out / "sheet.txt"), "key": str(kept), "seed": first, "poems": counts}, as_json=as_json)


def _write(mixed: "Sheet", out: Path, key: Path, about: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    key.parent.mkdir(parents=True, exist_ok=True)
    (out / "sheet.txt").write_text(mixed.text, encoding="utf-8")
    shutil.copyfile(BRIEF, out / "BRIEF.md")
    key.write_text(json.dumps(dict(about) | {"poems": mixed.key}, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _poems(sources: Sequence[Source], each: int, seed: int) -> "dict[str, list[Poem]]":
    """*each* poems from every source; sources of one file share its poems. BadUse if there are none."""
    found: dict[str, list[Poem]] = {}
    unread: dict[tuple[str, Path], list[Poem]] = {}
    for source in sources:
        if source.kind in {"voice", "folder"}:
            found[source.name] = _written(source, each, random.Random(f"{seed} {source.name}"))
            continue
        file = source.kind, Path(source.place).resolve()
        if not unread.get(file):
            unread[file] = _of_file(source)
            random.Random(seed).shuffle(unread[file])
        found[source.name], unread[file] = unread[file][:each], unread[file][each:]
        if len(found[source.name]) < each:
            say(f"{source.name}: only {len(found[source.name])} poems of five lines or more in {source.place}")
    return found


def _written(source: Source, each: int, rng: random.Random) -> "list[Poem]":
    """Poems by the site's engine, written as for readers."""
    from app.domain.poem import Wish, check

    wish = check(Wish(temperature=source.temperature))
    voice, folder = (source.place, None) if source.kind == "voice" else (None, Path(source.place))
    dice = partial(rng.getrandbits, 31)
    with (
        writer(voice, source.version, folder, changed=source.settings, dice=dice) as (engine, serving),
        counting_bar(source.name) as count,
    ):
        found = []
        for writing in engine.write_all(serving.voice, [wish] * each):
            found.append(tuple(line.text for line in writing.lines))
            count(len(found), each)
        return found


def _of_file(source: Source) -> "list[Poem]":
    """The poems of a file, five lines each. Raises BadUse if there are none."""
    from lab import blind
    from models.corpus import poems_in

    try:
        text = Path(source.place).read_text(encoding="utf-8-sig")
        if source.kind == "json":
            poems = json.loads(text)
        else:
            poems = [poem.split("\n") for poem in poems_in(text, titles=False)]
    except UnicodeDecodeError:
        raise BadUse(f"{source.place} is not UTF-8 text") from None
    except ValueError as error:
        raise BadUse(f"{source.place} is not JSON: {error}") from None
    if not _are_poems(poems):
        raise BadUse(f"{source.place} is not a list of poems, each a list of lines")
    if not (whole := blind.first_five_lines(poems)):
        raise BadUse(f"{source.place} has no poem of five lines or more")
    return whole


def _are_poems(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(poem, list | tuple) and all(isinstance(line, str) for line in poem) for poem in value
    )


@reading.command()
def score(
    answers: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="A reader's rows; one file each.")],
    *,
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The sheet's key.")],
    partial: Annotated[bool, typer.Option("--partial", help="Accept readers who have not judged every poem.")] = False,
    as_json: Json = False,
) -> None:
    """Print how readers judged each source, and how far they agree."""
    from lab import blind

    try:
        by_number = blind.key_of(json.loads(key.read_text(encoding="utf-8")))
    except ValueError as error:
        raise BadUse(f"{key}: {error}") from None
    readers = [_answers(file, by_number, partial=partial) for file in answers]
    table, agreement = blind.by_source(readers, by_number), blind.agreement(readers)
    if as_json:
        sources = {name: {"n": marks.n, **marks.means, "margins": marks.margins} for name, marks in table.items()}
        tell(_rounded({"readers": len(readers), "sources": sources, "agreement": agreement}), as_json=True)
        return
    width = max(len("agreement"), *map(len, table)) + 2
    print(f"{'source':{width}}{'n':>5}" + "".join(f"{title:>15}" for title in TABLE.values()))
    for name, marks in table.items():
        cells = (f"{marks.means[mark]:.2f} ± {marks.margins[mark]:.2f}" for mark in TABLE)
        print(f"{name:{width}}{marks.n:5d}" + "".join(f"{cell:>15}" for cell in cells))
    said = (f"{agreement[mark]:.2f}" if agreement[mark] is not None else "-" for mark in TABLE)
    print(f"{'agreement':{width}}{'':5}" + "".join(f"{cell:>15}" for cell in said))
    if len(readers) == 1:
        say("One reader's taste cannot be told from the quality of the poems; have at least two read each sheet.")


def _answers(file: Path, key: Mapping[str, str], *, partial: bool) -> "dict[str, Any]":
    from lab import blind

    try:
        return dict(blind.answers(file.read_text(encoding="utf-8-sig"), key, partial=partial))
    except UnicodeDecodeError:
        raise BadUse(f"{file} is not UTF-8 text") from None
    except blind.Unreadable as error:
        raise BadUse(f"{file}: {error}") from None


def _rounded(value: Any) -> Any:
    """Numbers with three decimals; None for those that are not finite."""
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return (round(value, 3) if math.isfinite(value) else None) if isinstance(value, float) else value

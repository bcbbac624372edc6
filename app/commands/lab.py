"""`lab`: the lecture's experiments, and people who read blind."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.commands import read
from app.commands.shell import Failed, Json, tell

if TYPE_CHECKING:
    from models.network import Cell


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    group = typer.Typer(
        help="The lecture's experiments, and blind readers.", no_args_is_help=True, rich_markup_mode=None
    )
    group.callback()(lab)
    group.command()(hello)
    group.command()(write)
    read.add_to(group)
    app.add_typer(group, name="lab")


def lab() -> None:
    """Run the lecture's experiments, or have people read blind."""


def hello(
    cell: Annotated[Literal["rnn", "lstm", "gru"], typer.Option(help="The recurrent cell.")] = "rnn",
    layers: Annotated[int, typer.Option(min=1, max=8, help="How many, one upon the other.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="The dice for the first weights.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Try so many, and count who learned it.")] = 1,
    as_json: Json = False,
) -> None:
    """Teach a network that reads `hell` to say `ello`, and print what it says at each step."""
    import torch

    from models.byhand import WANTED
    from models.hello import lesson

    torch.set_num_threads(1)
    if seeds > 1:
        _many(cell, layers, range(seed, seed + seeds), as_json=as_json)
        return
    for said in lesson(cell, seed, layers):
        if not as_json:
            print(f"step {said.step:3d}  loss {said.loss:.4f}  {said.predicted}")
    if as_json:
        tell({"cell": cell, "layers": layers, "seed": seed, "steps": said.step, "predicted": said.predicted})
    if not said.learned:
        raise Failed(f"after {said.step} steps it says {said.predicted}, not {WANTED}")


def write(
    *,
    folder: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A base that `poembot train` made.")],
    chars: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many characters to add.")] = 500,
    prime: Annotated[str, typer.Option(help="The beginning.")] = "\n",
    temperature: Annotated[float, typer.Option(min=0.05, max=5, help="Boldness.")] = 1.0,
    nucleus: Annotated[float, typer.Option(min=0.01, max=1, help="1: as char-rnn draws.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same.")] = 0,
    as_json: Json = False,
) -> None:
    """Have a base write on as it has read, with blank lines and indents; poems are written by `sample`."""
    from models import checkpoint
    from models.step import OldGraph
    from models.write import write_on

    made = checkpoint.read(folder)
    written, parts = "", write_on(made, prime, temperature=temperature, nucleus=nucleus, seed=seed)
    while len(written) < len(prime) + chars:
        try:
            part = next(parts)
        except OldGraph as error:
            raise Failed(f"{folder}: {error}") from None
        written += part
        if not as_json:
            print(part, end="", flush=True)
    if as_json:
        tell({"voice": made.meta.voice, "level": made.meta.level, "seed": seed, "text": written})
    else:
        print()


def _many(cell: "Cell", layers: int, seeds: range, *, as_json: bool) -> None:
    """How many of the seeds learn it, and in how many steps."""
    from statistics import median

    from models.hello import last_words

    ends = last_words(cell, seeds, layers)
    learned = sum(said.learned for said in ends)
    steps = [said.step for said in ends]
    if as_json:
        shown = {"seeds": len(seeds), "learned": learned, "steps": steps}
        tell({"cell": cell, "layers": layers, "seed": seeds.start, **shown})
    else:
        between = f"{min(steps)} to {max(steps)} steps, half of them within {median(steps):.0f}"
        print(f"{layers} x {cell}: {learned} of {len(seeds)} seeds say ello, after {between}")

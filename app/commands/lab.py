"""`lab`: the lecture's experiments."""

from typing import Annotated, Literal

import typer

from app.commands.shell import Failed, Json, tell


def add_to(app: typer.Typer) -> None:
    """Put these commands into *app*."""
    group = typer.Typer(help="The lecture's experiments.", no_args_is_help=True, rich_markup_mode=None)
    group.callback()(lab)
    group.command()(hello)
    app.add_typer(group, name="lab")


def lab() -> None:
    """Run the lecture's experiments."""


def hello(
    cell: Annotated[Literal["rnn", "lstm", "gru"], typer.Option(help="The recurrent cell.")] = "rnn",
    seed: Annotated[int, typer.Option(min=0, help="The dice for the first weights.")] = 0,
    as_json: Json = False,
) -> None:
    """Teach a network that reads `hell` to say `ello`, and print what it says at each step."""
    import torch

    from models.hello import WANTED, lesson

    torch.set_num_threads(1)
    for said in lesson(cell, seed):
        if not as_json:
            print(f"step {said.step:3d}  loss {said.loss:.4f}  {said.predicted}")
    if as_json:
        tell({"cell": cell, "seed": seed, "steps": said.step, "predicted": said.predicted})
    if not said.learned:
        raise Failed(f"after {said.step} steps it says {said.predicted}, not {WANTED}")

"""`simulate`: the closed loop before an artificial audience; does it learn?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shell import BadUse, Json, Voice, opened, say, tell

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from lab.simulate.people import Audience

ALL = "none,ancestor,voice,taste,ours"
TASTE_AFTER = 150
"""Ticks between two tastes, here: a simulated reader does not mind waiting, and it saves minutes."""


def add_to(app: typer.Typer) -> None:
    """Put this command into *app*."""
    app.command()(simulate)


def simulate(
    *,
    voice: Voice = "sibot",
    rounds: Annotated[int, typer.Option(min=1, help="Times the site learns.")] = 5,
    judged: Annotated[int, typer.Option(min=5, help="Lines visitors read, per strategy and seed.")] = 5000,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions with other dice.")] = 3,
    strategies: Annotated[str, typer.Option(help="Which of them, separated by commas.")] = ALL,
    audience: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A Python file with an audience; else our own.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where results go; what lies there already is not done again.")] = Path(
        "simulation"
    ),
    exam: Annotated[int, typer.Option(min=5, help="Lines of the exam at the end.")] = 2400,
    probe: Annotated[int, typer.Option(min=0, help="Lines searched for what attackers wanted said.")] = 10_000,
    trial_share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of poems for a version on trial; 0: the gate alone decides.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Let an artificial audience read, tick and attack, and see whether the poems please more."""
    from lab.simulate.course import STRATEGIES, Order
    from lab.simulate.simulate import simulate as run

    chosen = [name.strip() for name in strategies.split(",") if name.strip()]
    if not chosen or set(chosen) - set(STRATEGIES):
        raise BadUse(f"choose strategies among {', '.join(STRATEGIES)}")
    if judged // rounds < 5:
        raise BadUse("a round has one poem of five lines at least: more --judged, or fewer --rounds")
    people, source = _audience(audience)
    with opened() as bot:
        base = _base_of(voice, bot)
        settings = bot.settings
    changed = {"trial_share": trial_share, "taste_after": TASTE_AFTER, "swap": "auto", "train_threads": 1}
    order = Order(base, voice, rounds, judged, exam, probe, settings.model_copy(update=changed))
    told = run(order, people, seeds=seeds, strategies=chosen, out=out, say=say, source=source)
    if as_json:
        tell(told)
        return
    for name, figure in told["figures"].items():
        print(f"{name:20s} {figure}")


def _audience(file: Path | None) -> "tuple[Audience, str]":
    """The audience, and its text. BadUse for a file that is none."""
    from lab.simulate import people

    try:
        found = people.load(file)
    except (ValueError, SyntaxError, ImportError) as error:
        raise BadUse(str(error)) from None
    return found, file.read_text(encoding="utf-8") if file else ""


def _base_of(voice: str, bot: "Bot") -> Path:
    """The folder of a voice's base. Raises UnknownVoice."""
    from app.store.versions import Versions

    with bot.reads(Versions) as versions:
        return bot.shelf.fetch(versions.one(voice, 0).folder)

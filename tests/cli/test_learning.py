"""The loop from the shell: what the next run would teach, and the simulation."""

import json
from pathlib import Path

import pytest

from app.bootstrap import Bot, now
from app.store.ticks import Ticks
from app.store.versions import Versions
from tests.cli.conftest import Shell
from tests.support.world import LINES, World


def test_a_lesson_is_told_and_written(poembot: Shell, bot: Bot, tmp_path: Path) -> None:
    """Its texts with their weights, and all that was judged; nobody's id is in the file."""
    world = World(bot.sessions)
    with bot.reads(Versions) as versions:
        ann, base = world.visitor("ann-of-the-cookie"), versions.champion("sibot").id
    lines = world.lines(world.poem(ann, base))
    with bot.transaction() as session:
        Ticks(session).set(lines[1], ann, on=True, address="", now=now())

    said = poembot("lesson", "--voice", "sibot", "--out", str(tmp_path / "lesson.json"), "--json")
    plain = poembot("lesson", "--voice", "sibot")

    assert said.status == plain.status == 0, said.err + plain.err
    assert (said.json["ticks"], said.json["texts"], said.json["judged"]) == (1, 1, 5)
    assert LINES[1] in plain.out
    written = (tmp_path / "lesson.json").read_text(encoding="utf-8")
    assert json.loads(written)["hash"] == said.json["hash"]
    assert json.loads(written)["judged"] == [
        [0, slot, text, slot == 1, -10.0 - slot] for slot, text in enumerate(LINES)
    ]
    assert ann not in written


@pytest.mark.nightly
def test_a_small_simulation_is_told_in_one_line(poembot: Shell, tmp_path: Path) -> None:
    """In the contract's shape, with its chart beside it; how far it is goes to stderr."""
    out = tmp_path / "out"
    order = ["--rounds", "1", "--judged", "10", "--seeds", "1", "--exam", "10", "--probe", "0", "--strategies", "none"]

    said = poembot("simulate", *order, "--out", str(out), "--json")

    assert said.status == 0, said.err
    assert set(said.json) == {"rounds", "seeds", "judged", "strategies", "figures"}
    assert set(said.json["strategies"]["none"]) == {"tick_rate", "low", "high", "variety"}
    assert "none 0: round 1" in said.err
    assert (out / "tick_rate.svg").is_file()

"""The threat model names a test for every threat, and each of them is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "docs" / "security.md"


def rows() -> list[list[str]]:
    """The cells of every threat."""
    lines = [line for line in MODEL.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "threat" and not row[0].startswith("---")]


def named_in(file: Path) -> set[str]:
    """The tests of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_threat_is_held_by_a_test_that_exists() -> None:
    """A test that was renamed or dropped leaves its threat open: the page must say what holds it now."""
    assert len(rows()) > 30
    for threat, _, held in rows():
        file, test = re.fullmatch(r"`(tests/[\w/]+\.py)::(\w+)`", held).groups()  # type: ignore[union-attr]
        assert test in named_in(ROOT / file), threat

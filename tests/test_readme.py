"""The README is true: what it names is there, and what is there it names."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NOT_OURS = {"__pycache__", "build", "dist", "node_modules", "poem_bot.egg-info"}


def tree() -> set[str]:
    """The paths that the README's tree names."""
    block = README[README.index("\napp/ ") : README.index("```", README.index("\napp/ "))]
    named, room = set[str](), ""
    for line in block.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            room = name
        named.add(name if name == room else room + name)
    return named


def test_the_tree_names_what_is_there() -> None:
    """A path that moved is a broken promise to a newcomer."""
    assert [path for path in sorted(tree()) if not (ROOT / path).exists()] == []


def test_every_room_is_in_the_tree() -> None:
    """Top-level folders, and the rooms of the site."""
    rooms = {
        f"{folder.relative_to(ROOT)}/"
        for parent in (ROOT, ROOT / "app")
        for folder in parent.iterdir()
        if folder.is_dir() and folder.name not in NOT_OURS and not folder.name.startswith(".")
    }
    assert rooms - tree() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """Within the project; other sites are their own business."""
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]

    assert [link for link in local if not (document.parent / link).exists()] == []


TOLD = [ROOT / "README.md", ROOT / "docs" / "lecture.md", ROOT / "docs" / "tutorials" / "your-own-voice.md"]
WORDS = "add|publish|hide|remove|create|token|hello|write|read sheet|read score"
COMMAND = re.compile(rf"poembot ([a-z]+(?: (?:{WORDS}))?)((?: [^\n`]*)?)")


@pytest.mark.parametrize("document", TOLD, ids=lambda path: path.stem)
def test_its_commands_exist(document: Path) -> None:
    """Every `poembot` command that a reader is told to give is one, with the options that are named."""
    named: dict[str, set[str]] = {}
    for command, rest in COMMAND.findall(document.read_text(encoding="utf-8")):
        named.setdefault(command, set()).update(re.findall(r"--[a-z][a-z-]+", rest))
    assert len(named) >= 5
    for command, options in named.items():
        words = command.split()
        shown = subprocess.run(
            [sys.executable, "-m", "app.cli", *words, "--help"], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert shown.returncode == 0, f"poembot {command}: {shown.stderr}"
        assert [option for option in options if option not in shown.stdout] == [], f"poembot {command}"


def test_its_make_targets_exist() -> None:
    """And the Makefile explains each of its own."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE).group(1).split())  # type: ignore[union-attr]

    assert phony == targets
    assert set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE)) <= targets


ROOMS = "app|docs|lab|migrations|models|templates|tests|worker"
PLACE = re.compile(rf"`((?:{ROOMS})/[\w./-]+)(?:::?([\w.]+))?`")
MODULE = re.compile(r"python -m ((?:lab|models)[\w.]+)")
HISTORY = {"CHANGELOG.md", "log.md", "decisions"}
"""They name what there was."""
PRESENT = [file for file in DOCUMENTS if not HISTORY & {file.name, file.parent.name}]


@pytest.mark.parametrize("document", PRESENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_places_it_names_exist(document: Path) -> None:
    """Every path, `file.py:name` and `python -m module`, so that what was renamed is renamed there too."""
    text = document.read_text(encoding="utf-8")
    missing = [file for file, _ in PLACE.findall(text) if not (ROOT / file).exists()]
    gone = [
        f"{file}:{name}" for file, name in PLACE.findall(text) if name and not (file in missing or defines(file, name))
    ]
    modules = [name for name in MODULE.findall(text) if not (ROOT / f"{name.replace('.', '/')}.py").is_file()]

    assert missing + gone + modules == []


def test_the_tour_names_places() -> None:
    """Else the test before would find nothing wrong in it."""
    places = PLACE.findall((ROOT / "docs" / "tour.md").read_text(encoding="utf-8"))

    assert sum(bool(name) for _, name in places) > 60


def defines(file: str, name: str) -> bool:
    """Does a file define that name? Only of Python files is it known."""
    return not file.endswith(".py") or name in names(file)


def names(file: str) -> set[str]:
    """What a module defines, and what its classes do, with the name of the class before it."""
    found = set[str]()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        found |= defined(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for inner in node.body for name in defined(inner)}
    return found


def defined(node: ast.stmt) -> set[str]:
    """The names that a statement gives to something."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}

"""requirements.lock: what make, the images and CI install, and what is asked of it."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from cyclonedx.model.bom import Bom
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PINS = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()[1:])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def script(name: str) -> ModuleType:
    """A script of .ci."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_is_locked_within_its_range() -> None:
    """A dependency that was added without `make lock` is found here. PyTorch alone stays a range."""
    extras = PROJECT["optional-dependencies"]
    asked = [Requirement(line) for line in [*PROJECT["dependencies"], *extras["dev"]]]
    wrong = [str(one) for one in asked if PINS.get(canonicalize_name(one.name), "none") not in one.specifier]

    assert wrong == []
    assert "torch" not in PINS


def test_whoever_installs_does_so_by_the_lock() -> None:
    """Each line that installs from the index names it, PyTorch's own aside."""
    makefile, dockerfile = ((ROOT / name).read_text("utf-8") for name in ("Makefile", "Dockerfile"))
    lines = re.findall(r"pip install .*", makefile + dockerfile)
    free = [line for line in lines if "--constraint requirements.lock" not in line]

    assert len(lines) > len(free)
    assert [line for line in free if "/tmp/learn" not in line and "--no-deps" not in line and "`" not in line] == []


def test_the_audit_says_loudly_what_it_could_not_ask(capsys: pytest.CaptureFixture[str]) -> None:
    """Silence would read as "safe"; a package with a hole fails the check."""
    audit = script("audit")
    safe = {"name": "safe", "version": "1", "vulns": []}
    hole = {"name": "open", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    strange = {"name": "strange", "skip_reason": "not found"}

    assert (audit.report([], "no route"), capsys.readouterr().err.count("NOTHING WAS AUDITED (no route)")) == (0, 1)
    assert (audit.report([strange], ""), capsys.readouterr().err.count("NOTHING WAS AUDITED")) == (0, 1)
    assert (audit.report([safe, strange], ""), capsys.readouterr().err.count("NOT AUDITED")) == (0, 1)
    assert (audit.report([safe], ""), capsys.readouterr().err) == (0, "")
    assert (audit.report([safe, hole], ""), capsys.readouterr().err.count("CVE-1, mended in 2")) == (1, 1)
    assert "fastapi==" in audit.locked()


def test_ci_ends_with_what_the_audit_could_not_ask(tmp_path: Path) -> None:
    """In the midst of a thousand lines nobody would see it; a run that never came so far says so too."""
    place = tmp_path / "project"
    (place / ".ci").mkdir(parents=True)
    for name in ("run", "audit.py"):
        shutil.copy(ROOT / ".ci" / name, place / ".ci" / name)
    say = "import audit; audit.report([], 'no route')"
    endings = {
        f'@cd .ci && {sys.executable} -c "{say}"': "audit: COULD NOT ASK, so NOTHING WAS AUDITED (no route).",
        f'@cd .ci && {sys.executable} -c "{say.replace("[]", "[dict(name=1)]")}"': "audit: 1 packages were asked about",
        "@false": "audit: IT DID NOT RUN",
    }
    for target, ending in endings.items():
        (place / "Makefile").write_text(f"test:\n\t{target}\n", "utf-8")
        done = subprocess.run([place / ".ci" / "run"], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is ("false" not in target)
        assert ending in done.stdout, done


def test_what_ships_is_listed_with_its_licence() -> None:
    """Every package that running needs is in the SBOM, in the lock's version, under a licence that is named."""
    lock, bom = script("lock"), json.loads((ROOT / "docs" / "operations" / "sbom.json").read_text("utf-8"))
    listed = {one["name"]: one for one in bom["components"]}

    assert {name: one["version"] for name, one in listed.items()} == {name: PINS[name] for name in listed}
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} <= set(listed)
    assert set(lock.shipped()) <= set(listed) | {"colorama", "tzdata"}  # Windows' own
    assert all(one["licenses"][0]["expression"] for one in listed.values())
    assert not {"pytest", "mypy"} & set(listed)
    assert Bom.from_json(bom) is not None  # type: ignore[attr-defined]
    told = (ROOT / "docs" / "operations" / "licences.md").read_text("utf-8")
    assert told == lock.listing(
        {name: (one["version"], one["licenses"][0]["expression"]) for name, one in listed.items()}
    )

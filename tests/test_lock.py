"""requirements.lock: what make, the images and CI install, and what is asked of it."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
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
    asked = [Requirement(line) for line in [*PROJECT["dependencies"], *extras["lab"], *extras["dev"]]]
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

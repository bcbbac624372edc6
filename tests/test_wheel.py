"""The wheel holds all that a site needs: installed from it, in an empty folder, `poembot serve` serves a poem."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.support.deployment import Started, until

ROOT = Path(__file__).parents[1]
PACKED = ("app", "worker", "models", "lab", "templates", "migrations", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


def pip(*command: str | Path) -> None:
    """Run pip without a network."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PIP_NO_INDEX": "1"},
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree: building leaves things behind."""
    folder = tmp_path_factory.mktemp("tree")
    for name in PACKED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        else:
            shutil.copy(ROOT / name, folder / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", folder)
    (made,) = (folder / "dist").glob("poem_bot-*.whl")
    return made


def test_it_holds_the_site_and_not_the_laboratory(wheel: Path) -> None:
    """Every file of the rooms that ship; no lab, no tests, nothing compiled."""
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    shipped = {
        file.relative_to(ROOT).as_posix()
        for room in ("app", "worker", "models", "templates", "migrations")
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert held == shipped


def test_installed_from_it_a_site_serves_a_poem(wheel: Path, tmp_path: Path) -> None:
    """In an environment that borrows what is installed here but has this project from the wheel alone."""
    venv.create(tmp_path / "venv", with_pip=False)
    python, poembot = tmp_path / "venv" / "bin" / "python", tmp_path / "venv" / "bin" / "poembot"
    pip("--python", python, "install", "--no-deps", wheel)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(tmp_path / "venv")}))
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}

    helped = subprocess.run([poembot, "--help"], cwd=empty, env=environment, capture_output=True, text=True, check=True)
    refused = subprocess.run(
        [poembot, "lab", "hello"], cwd=empty, env=environment, capture_output=True, text=True, check=False
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [poembot, "serve", "--port", "0"],
            cwd=empty,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    site = Started(process, tmp_path / "log")
    try:
        said = "poembot: http"
        (line,) = until("it answers", lambda: [line for line in site.told().splitlines() if line.startswith(said)])
        address = line.removeprefix("poembot: ")
        page = until("the page is there", lambda: _page(address))
        poem = httpx.post(f"{address}/api/v1/voices/sibot/poems", json={}, headers={"Origin": address}, timeout=None)
        until("there is a worker", lambda: site.child("worker"))
    finally:
        status = site.stop()

    assert all(f"\n  {name} " not in helped.stdout for name in ("lab", "bench", "simulate"))
    assert refused.stderr == "poembot: this command is part of the lab, which only a checkout of the project has\n"
    assert "<main" in page
    assert (poem.status_code, len(poem.json()["lines"])) == (201, 5)
    assert [file.name for file in empty.iterdir()] == [".poembot"]
    assert status == 0, site.told()


def _page(address: str) -> str | None:
    try:
        page = httpx.get(f"{address}/sibot", timeout=None)
    except httpx.TransportError:
        return None
    return page.text if page.status_code == 200 else None

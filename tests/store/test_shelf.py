"""The shelf: a version folder lies on it whole or not at all, in a folder as in an object store."""

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from app.actions import versions as actions
from app.domain.errors import BrokenFolder
from app.store.shelf import WHOLE, Shelf
from app.store.versions import Retention
from tests.support.world import World

KEY = "sibot/tiny-1/run-1-1"


@pytest.fixture(params=["folder", "object-store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A plain folder, then a store that only fsspec knows."""
    if request.param == "folder":
        yield str(tmp_path / "shelf")
        return
    name = f"memory://{uuid.uuid4()}"
    yield name
    store = fsspec.filesystem("memory")
    if store.exists(name):
        store.rm(name, recursive=True)


@pytest.fixture
def shelf(url: str, tmp_path: Path) -> Shelf:
    """An empty shelf, and one shipped base beside it."""
    shipped = tmp_path / "shipped"
    (shipped / "sibot").mkdir(parents=True)
    (shipped / "sibot" / "meta.json").write_text("base")
    return Shelf(url, home=tmp_path / "home", shipped=shipped)


def folder(shelf: Shelf, text: str = "one") -> Path:
    """A finished version folder in the shelf's scratch place."""
    made = shelf.scratch() / "version"
    (made / "verse").mkdir(parents=True)
    (made / "meta.json").write_text(text)
    (made / "verse" / "a.txt").write_text("봄비")
    return made


def test_what_is_placed_can_be_fetched(shelf: Shelf) -> None:
    """With all its files, under its key; the scratch folder is used up."""
    made = folder(shelf)
    shelf.place(made, KEY)

    found = shelf.fetch(KEY)

    assert (found / "meta.json").read_text() == "one"
    assert (found / "verse" / "a.txt").read_text() == "봄비"
    assert shelf.exists(KEY)
    assert not made.exists()


def test_another_machine_finds_it_too(url: str, shelf: Shelf, tmp_path: Path) -> None:
    """A web with a home of its own fetches what a worker placed."""
    shelf.place(folder(shelf), KEY)
    elsewhere = Shelf(url, home=tmp_path / "another home")

    assert (elsewhere.fetch(KEY) / "verse" / "a.txt").read_text() == "봄비"


def test_what_a_killed_process_left_half_made_goes(shelf: Shelf, url: str, tmp_path: Path) -> None:
    """At once, by whoever asks; what a living process is making stays, its own and another's."""
    code = (
        "import sys, pathlib; from app.store.shelf import Shelf\n"
        "shelf = Shelf(sys.argv[1], home=pathlib.Path(sys.argv[2]))\n"
        "print(shelf.scratch(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, url, str(tmp_path / "home")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs, mine = Path(other.stdout.readline().strip()), shelf.scratch()

        assert shelf.sweep_dead() == 0
        assert theirs.is_dir()
        other.kill()
        other.wait()
        assert shelf.sweep_dead() == 1

    assert not theirs.exists()
    assert mine.is_dir()
    assert shelf.sweep_dead() == 0


def test_a_key_is_used_once(shelf: Shelf) -> None:
    """A version is immutable: nothing is ever written over it."""
    shelf.place(folder(shelf), KEY)

    with pytest.raises(FileExistsError):
        shelf.place(folder(shelf, "two"), KEY)

    assert (shelf.fetch(KEY) / "meta.json").read_text() == "one"


def test_what_is_not_there_is_said_so(shelf: Shelf) -> None:
    """A missing folder is broken, not a crash deep inside."""
    assert not shelf.exists(KEY)
    with pytest.raises(BrokenFolder):
        shelf.fetch(KEY)


def test_what_is_removed_is_gone(shelf: Shelf) -> None:
    """Saying it twice changes nothing."""
    shelf.place(folder(shelf), KEY)
    for _ in range(2):
        shelf.remove(KEY)
        assert not shelf.exists(KEY)
    with pytest.raises(BrokenFolder):
        shelf.fetch(KEY)


def test_half_an_upload_does_not_count(tmp_path: Path) -> None:
    """A worker that died while it uploaded left files, but not the mark that they are whole."""
    name = f"memory://{uuid.uuid4()}"
    first = Shelf(name, home=tmp_path / "one")
    first.place(folder(first), KEY)
    store = fsspec.filesystem("memory")
    store.rm(f"{name}/{KEY}/{WHOLE}")

    second = Shelf(name, home=tmp_path / "two")

    assert not second.exists(KEY)
    with pytest.raises(BrokenFolder):
        second.fetch(KEY)
    store.rm(name, recursive=True)


def test_a_shipped_base_is_found_and_stays(shelf: Shelf) -> None:
    """`base:sibot` is the project's own folder, which no one removes."""
    assert (shelf.fetch("base:sibot") / "meta.json").read_text() == "base"
    with pytest.raises(ValueError, match="not removed"):
        shelf.remove("base:sibot")
    assert shelf.exists("base:sibot")


@pytest.mark.parametrize("key", ["", ".", "..", "../home", "/etc", "a/../../b", "base:", "base:..", "base:../shelf"])
def test_no_key_leads_off_the_shelf(shelf: Shelf, key: str) -> None:
    """Neither to read, nor to write, nor to remove."""
    for deed in (shelf.fetch, shelf.exists, shelf.remove):
        with pytest.raises((ValueError, BrokenFolder)):
            deed(key)
    with pytest.raises((ValueError, FileExistsError)):
        shelf.place(folder(shelf), key)


def test_a_link_does_not_lead_off_the_shelf(tmp_path: Path) -> None:
    """A symbolic link laid on the shelf by somebody else is not followed out of it."""
    shelf = Shelf(str(tmp_path / "shelf"), home=tmp_path)
    (tmp_path / "secret").mkdir()
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(ValueError, match="off the shelf"):
        shelf.fetch("link")


def test_scratch_folders_are_on_the_shelfs_own_disk(tmp_path: Path) -> None:
    """So that placing one is a rename, which is whole or nothing."""
    shelf = Shelf(str(tmp_path / "shelf"), home=tmp_path / "home")
    scratch = shelf.scratch()

    assert scratch.is_relative_to(tmp_path / "shelf")
    assert shelf.scratch() != scratch
    shutil.rmtree(tmp_path / "shelf")


def test_a_web_forgets_its_copies_of_what_was_pruned_elsewhere(url: str, shelf: Shelf, world: World) -> None:
    """A cache that only grew would fill a web's disk; what the shelf still has stays, and so does a plain folder."""
    other = KEY.replace("run-1", "run-2")
    world.voice()
    for key in (KEY, other):
        shelf.place(folder(shelf), key)
        world.version(folder=key)
    with world.transaction() as session:
        pruned = Retention(session).prune("sibot", Retention(session).taught("sibot")[1:])
    remote = "://" in url

    assert pruned == [KEY]
    assert actions.forget_pruned(replace(world.bot(), shelf=shelf)) == (1 if remote else 0)
    assert shelf.cached() == ([other] if remote else [])
    assert shelf.exists(other)

"""The keeper's tools in the shell: a backup, and what it takes to put it back."""

import shutil
from pathlib import Path

from app.bootstrap import Bot
from tests.cli.conftest import Shell


def test_a_backup_can_be_put_back_from_the_shell(poembot: Shell, bot: Bot, tmp_path: Path) -> None:
    """One command each; what would lose something asks for --yes, what can't be right says why in a line."""
    folder = tmp_path / "backup"
    assert poembot("admin", "create", "root", "--password-stdin", stdin="a long password\n").status == 0
    taken = poembot("backup", folder, "--json")
    again = poembot("backup", folder)
    refused = poembot("restore", folder)
    done = poembot("restore", folder, "--yes", "--json")
    fresh = poembot("restore", folder, home=str(tmp_path / "new home"))
    (folder / "tables" / "admins.jsonl").unlink()
    torn = poembot("restore", folder, "--yes")

    assert taken.status == done.status == fresh.status == 0, (taken, done, fresh)
    assert taken.json["tables"]["admins"] == done.json["tables"]["admins"] == 1
    assert taken.json["missing"] == []
    assert (again.status, "is there already" in again.complaint) == (2, True)
    assert (refused.status, "--yes" in refused.complaint) == (1, True)
    assert (torn.status, "admins.jsonl is missing" in torn.complaint) == (1, True)
    assert poembot("restore", tmp_path / "nowhere").status == 2


def test_a_backup_says_what_is_not_on_the_shelf(poembot: Shell, tmp_path: Path, shipped: Path) -> None:
    """All else is kept, and the status tells the script that runs it every night."""
    home = tmp_path / "home"
    add = ("voice", "add", "haiku", "--language", "en", "--title", "H", "--folder", shipped / "sibot")
    adopted = poembot(*add, home=str(home))
    shutil.rmtree(next((home / "shelf" / "haiku").iterdir()) / "base")
    taken = poembot("backup", tmp_path / "backup", "--json", home=str(home))

    assert adopted.status == 0, adopted
    assert taken.status == 1
    assert "haiku" in taken.err.splitlines()[-1]
    assert len(taken.json["missing"]) == 1
    assert poembot("restore", tmp_path / "backup", "--yes", home=str(home)).status == 0

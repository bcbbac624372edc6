"""Retention: what leaves the shelf, and what never does."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from app.actions import versions as actions
from app.domain.errors import UnknownVersion
from app.domain.version import Version, VersionStatus
from app.store.shelf import Shelf
from app.store.versions import Retention, Versions
from tests.support.world import World


@pytest.fixture
def versions(world: World) -> list[int]:
    """Ids of version 0, which serves, and of the taught versions 1 to 6."""
    return [world.voice(), *(world.version(folder=f"sibot/tiny-1/run-{n}-1")[0] for n in range(1, 7))]


def promote(world: World, number: int) -> None:
    """Have a version serve."""
    with world.transaction() as session:
        Versions(session).promote("sibot", number, by="gate", reason="", now=world.clock.now)


def prune(world: World, keep: int, live: Collection[int] = ()) -> list[str]:
    """What left the shelf, by number of its run."""
    gone = actions.prune(world.bot(keep_versions=keep), live=live)
    return [folder.removeprefix("sibot/tiny-1/run-").removesuffix("-1") for folder in gone]


def test_only_the_newest_versions_keep_their_folders(world: World, versions: list[int]) -> None:
    """Versions past KEEP_VERSIONS are pruned; their rows stay, and so does the base."""
    assert prune(world, keep=2) == ["1", "2", "3", "4"]

    with world.reading() as session:
        kept = {version.number: version.status for version in Versions(session).of_voice("sibot")}
    assert kept.pop(0) is VersionStatus.BASE
    assert [kept[n] is VersionStatus.PRUNED for n in range(1, 7)] == [True] * 4 + [False] * 2
    assert prune(world, keep=2) == []


def test_keeping_none_means_keeping_all(world: World, versions: list[int]) -> None:
    """KEEP_VERSIONS=0 turns pruning off."""
    assert prune(world, keep=0) == []


def test_the_champion_and_its_rollbacks_stay(world: World, versions: list[int]) -> None:
    """Neither the version that serves, nor the two that a rollback leads to, is pruned, however old."""
    for number in (1, 2, 3):
        promote(world, number)
    world.clock.forward(hours=2)

    assert prune(world, keep=1) == ["4", "5"]
    promote(world, 6)
    world.clock.forward(hours=2)
    assert prune(world, keep=1) == ["1"]

    assert [actions.rollback(world.bot(), "sibot", by="shell") for _ in range(2)] == [3, 2]


def test_what_served_a_moment_ago_stays(world: World, versions: list[int]) -> None:
    """A version that was replaced within the hour may still be loading in some web process."""
    for number in (1, 2, 3, 4):
        promote(world, number)

    assert prune(world, keep=1) == ["5"]
    world.clock.forward(hours=2)
    assert prune(world, keep=1) == ["1"]


def test_what_a_web_has_in_memory_stays(world: World, versions: list[int]) -> None:
    """A version that only finishes its poems is not pruned under them."""
    assert prune(world, keep=2, live={versions[2]}) == ["1", "3", "4"]
    assert prune(world, keep=2) == ["2"]


def test_a_pruned_version_never_serves(world: World, versions: list[int]) -> None:
    """Promotion of a version whose folder went is refused, whatever the caller had read before."""
    with world.transaction() as session:
        Versions(session).one("sibot", 1)
        Retention(session).prune("sibot", [versions[1]])
        with pytest.raises(UnknownVersion):
            Versions(session).promote("sibot", 1, by="shell", reason="", now=world.clock.now)
    with world.reading() as session:
        assert Versions(session).champion("sibot").number == 0


@pytest.mark.parametrize("status", [VersionStatus.REJECTED, VersionStatus.UNDECIDED])
def test_an_admin_s_word_brings_no_folder_back(
    world: World, monkeypatch: pytest.MonkeyPatch, status: VersionStatus
) -> None:
    """A version that is pruned between the look at it and the lock is refused, not admitted."""

    class Pruned(Versions):
        """Versions of which one is pruned as soon as it was looked at."""

        def one(self, voice: str, number: int) -> Version:
            """As it was before that."""
            version = super().one(voice, number)
            Retention(self._session).prune(voice, [version.id])
            return version

    world.voice()
    _, number = world.version(folder="sibot/tiny-1/run-1-1", status=status)
    monkeypatch.setattr(actions, "Versions", Pruned)

    with pytest.raises(UnknownVersion):
        actions.promote(world.bot(), "sibot", number, by="root", override=True, reason="I like it")


@pytest.mark.parametrize("turn", range(6))
def test_promotion_and_pruning_do_not_cross(world: World, versions: list[int], turn: int) -> None:
    """Of a promotion and a pruning at the same moment one wins: the champion always has its folder."""
    start = Barrier(2)

    def promoting() -> bool:
        start.wait()
        try:
            promote(world, 1)
        except UnknownVersion:
            return False
        return True

    def pruning() -> list[str]:
        start.wait()
        return prune(world, keep=2)

    with ThreadPoolExecutor(2) as pool:
        promoted, pruned = pool.submit(promoting), pool.submit(pruning)
    with world.reading() as session:
        champion = Versions(session).champion("sibot")
    assert champion.status is not VersionStatus.PRUNED
    assert champion.number == (1 if promoted.result() else 0)
    assert ("1" in pruned.result()) is not promoted.result()


def test_strays_are_found_by_age(world: World, tmp_path: Path) -> None:
    """What a killed worker left is known by its place and age; what versions own is known by the table."""
    shelf = Shelf(str(tmp_path / "shelf"), home=tmp_path)
    world.voice()
    world.version(folder="sibot/tiny-1/run-1-1")
    for key in ("sibot/tiny-1/run-1-1", "sibot/tiny-1/run-2-1"):
        scratch = shelf.scratch()
        (scratch / "meta.json").write_text("{}")
        shelf.place(scratch, key)
    half = shelf.scratch()
    later = world.clock.now.max.replace(tzinfo=world.clock.now.tzinfo)

    assert shelf.strays(world.clock.now - timedelta(days=9999)) == []
    found = shelf.strays(later)
    assert found == ["sibot/tiny-1/run-1-1", "sibot/tiny-1/run-2-1"]
    with world.reading() as session:
        assert Retention(session).kept(found) == {"sibot/tiny-1/run-1-1"}
    assert shelf.sweep_scratch(later) == 1
    assert not half.exists()

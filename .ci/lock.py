"""Writes requirements.lock: the versions that are installed here, of all that the project and its tests stand on.

    make lock

`make`, the images and `.ci/run` install with it as pip's constraints. PyTorch, and what only it brings, is not in it:
which build of it fits depends on the machine, so it stays the range of pyproject.toml. There are no hashes for the
same reason: each platform and Python has files of its own.
"""

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
OPEN = {"torch", "pip"}
"""Left to their ranges, with what only they need; pip is the environment's own."""
HEAD = "# Made by `make lock`: pip's constraints for make, the images and CI. PyTorch stays a range (pyproject.toml).\n"


def asked() -> list[Requirement]:
    """What pyproject.toml names for this platform, for running and for testing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["lab"], *extras["dev"]]
    return [needed for needed in map(Requirement, lines) if needed.marker is None or needed.marker.evaluate()]


def needs(requirement: Requirement) -> Iterator[Requirement]:
    """What an installed package stands on, with the extras that it was asked for."""
    for needed in map(Requirement, distribution(requirement.name).requires or ()):
        if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in {"", *requirement.extras}):
            yield needed


def pins() -> dict[str, str]:
    """Version by name, of everything within reach. PackageNotFoundError for what should be installed and is not."""
    found: dict[str, str] = {}
    ahead, seen = asked(), set[tuple[str, frozenset[str]]]()
    while ahead:
        requirement = ahead.pop()
        one = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if one in seen or one[0] in OPEN:
            continue
        seen.add(one)
        found[one[0]] = distribution(one[0]).version
        ahead += needs(requirement)
    return found


def main() -> None:
    """Write the lock."""
    found = pins()
    LOCK.write_text(HEAD + "".join(f"{name}=={found[name]}\n" for name in sorted(found)), encoding="utf-8")
    sys.stderr.write(f"{len(found)} versions in {LOCK.name}\n")


if __name__ == "__main__":
    main()

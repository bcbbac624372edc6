"""Writes requirements.lock: the versions that are installed here, of all that the project and its tests stand on.

    make lock

`make`, the images and `.ci/run` install with it as pip's constraints. PyTorch, and what only it brings, is not in it:
which build of it fits depends on the machine, so it stays the range of pyproject.toml. There are no hashes for the
same reason: each platform and Python has files of its own.

And from it, into docs/operations/, what ships: an SBOM (CycloneDX) and the list of licences. That is what pyproject
needs to run, with all that stands on it, not what the tests need. A package whose licence its own data do not say
clearly has it in KNOWN, read by a person; one that is in neither stops this.
"""

import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
FOLDER = ROOT / "docs" / "operations"
SBOM, LICENCES = FOLDER / "sbom.json", FOLDER / "licences.md"
OPEN = {"torch", "pip"}
"""Left to their ranges, with what only they need; pip is the environment's own."""
HEAD = "# Made by `make lock`: pip's constraints for make, the images and CI. PyTorch stays a range (pyproject.toml).\n"
KNOWN = {
    "amqp": "BSD-3-Clause",
    "babel": "BSD-3-Clause",
    "billiard": "BSD-3-Clause",
    "click-plugins": "BSD-3-Clause",
    "flatbuffers": "Apache-2.0",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "prompt-toolkit": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "pylopdf-fonts-ko": "OFL-1.1",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "uvloop": "MIT OR Apache-2.0",
    "vine": "BSD-3-Clause",
}
CLEAR = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
}
"""Classifiers that mean one licence."""
SPDX = re.compile(r"MIT|ISC|BSD-[23]-Clause|Apache-2\.0|PSF-2\.0|MPL-2\.0")
"""What stands in the old free field and is an identifier all the same."""
ALSO = """
Beside the packages ship:

- the program itself (MIT), the base voices' verse (CC0-1.0) and networks (CC BY-SA 4.0): `LICENSE` and the model cards;
- Swagger UI (Apache-2.0), in `fastapi-offline`, and Noto Serif KR (OFL-1.1), in `pylopdf-fonts-ko`;
- in the worker's image PyTorch (BSD-3-Clause) with what it brings, in the build that fits the machine.

Postgres, Redis, Caddy and Prometheus are images of their own, which the keeper fetches, each named by its digest in
`docker-compose.yml` and keeping.md. A digest is renewed with `docker buildx imagetools inspect IMAGE:TAG`.
"""


def asked(*extras: str) -> list[Requirement]:
    """What pyproject.toml names for this platform: for running, and with those *extras*."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [needed for needed in map(Requirement, lines) if needed.marker is None or needed.marker.evaluate()]


def needs(requirement: Requirement) -> list[Requirement]:
    """What an installed package stands on, with the extras that it was asked for."""
    return [
        needed
        for needed in map(Requirement, distribution(requirement.name).requires or ())
        if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in {"", *requirement.extras})
    ]


def within_reach(ahead: Sequence[Requirement]) -> dict[str, list[str]]:
    """By name of each package that those need, what it stands on. PackageNotFoundError for one that is missing."""
    left, found, seen = list(ahead), dict[str, set[str]](), set[tuple[str, frozenset[str]]]()
    while left:
        requirement = left.pop()
        name = str(canonicalize_name(requirement.name))
        one = name, frozenset(requirement.extras)
        if one in seen or name in OPEN:
            continue
        seen.add(one)
        stands_on = needs(requirement)
        found.setdefault(name, set()).update(str(canonicalize_name(other.name)) for other in stands_on)
        left += stands_on
    return {name: sorted(found[name]) for name in sorted(found)}


def pins() -> dict[str, str]:
    """Version by name, of everything within reach."""
    return {name: distribution(name).version for name in within_reach(asked("dev"))}


def shipped() -> dict[str, list[str]]:
    """By name of each package that ships, what it stands on."""
    return within_reach(asked())


def licence(name: str) -> str:
    """The SPDX expression of a package's licence. SystemExit for one that says none clearly."""
    told = distribution(name).metadata
    if name in KNOWN:
        return KNOWN[name]
    if expression := told.get("License-Expression"):
        return str(expression)
    classes = {str(one).rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if "License ::" in one}
    if len(classes) == 1 and (clear := CLEAR.get(next(iter(classes)))):
        return clear
    if SPDX.fullmatch(free := str(told.get("License") or "").strip()):
        return free
    raise SystemExit(f"what is the licence of {name}? Read it, and put it into KNOWN of .ci/lock.py")


def bom(stands_on: Mapping[str, list[str]], versions: Mapping[str, str]) -> dict[str, object]:
    """The SBOM."""

    def ref(name: str) -> str:
        return f"pkg:pypi/{name}@{versions[name]}"

    components = [
        {
            "type": "library",
            "bom-ref": ref(name),
            "name": name,
            "version": versions[name],
            "purl": ref(name),
            "licenses": [{"expression": licence(name)}],
        }
        for name in stands_on
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "poem-bot", "name": "poem-bot"}},
        "components": components,
        "dependencies": [{"ref": ref(name), "dependsOn": [ref(one) for one in on]} for name, on in stands_on.items()],
    }


def listing(packages: Mapping[str, tuple[str, str]]) -> str:
    """The page for people: the packages under each licence, the commonest licence first."""
    under: dict[str, list[str]] = {}
    for name, (version, named) in packages.items():
        under.setdefault(named, []).append(f"{name} {version}")
    ranked = sorted(under.items(), key=lambda one: (-len(one[1]), one[0]))
    head = "# Licences of what ships\n\nMade by `make lock`, from the lock; `sbom.json` is the same for machines.\n\n"
    rows = "".join(f"| {named} | {', '.join(names)} |\n" for named, names in ranked)
    return f"{head}| licence | packages |\n|---|---|\n{rows}{ALSO}"


def main() -> None:
    """Write the lock, the SBOM and the licences."""
    versions, stands_on = pins(), shipped()
    LOCK.write_text(HEAD + "".join(f"{name}=={versions[name]}\n" for name in sorted(versions)), encoding="utf-8")
    SBOM.write_text(json.dumps(bom(stands_on, versions), indent=1) + "\n", "utf-8")
    LICENCES.write_text(listing({name: (versions[name], licence(name)) for name in stands_on}), "utf-8")
    sys.stderr.write(f"{len(versions)} versions in {LOCK.name}, {len(stands_on)} of them in {SBOM.name}\n")


if __name__ == "__main__":
    main()

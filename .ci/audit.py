"""Asks pip-audit whether any installed package is known to be unsafe.

What is known lies in the network. Where it cannot be asked this says so and fails nothing: a check that needs the
network must not keep anybody from working without it.
"""

import json
import subprocess
import sys
from pathlib import Path

PATIENCE = 120
"""Seconds."""


def say(text: str) -> None:
    """A line for whoever runs the checks."""
    sys.stderr.write(f"pip-audit: {text}\n")


def ask() -> tuple[list[dict[str, object]], str]:
    """What is known of every installed package; why nothing is, if so."""
    command = [str(Path(sys.executable).parent / "pip-audit"), "--local", "--progress-spinner=off", "--format=json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603
        return json.loads(done.stdout)["dependencies"], ""
    except subprocess.TimeoutExpired:
        return [], f"no answer within {PATIENCE} s"
    except (ValueError, KeyError):
        return [], (done.stderr.strip().splitlines() or ["it said nothing"])[-1]


def main() -> int:
    """1 when a package is known to be unsafe."""
    packages, why = ask()
    audited = [package for package in packages if "skip_reason" not in package]
    unsafe = [package for package in audited if package["vulns"]]
    for package in unsafe:
        for hole in package["vulns"]:
            mended = ", ".join(hole["fix_versions"]) or "no release yet"
            say(f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}")
    if not audited:
        reason = why or f"the index knows nothing of any of {len(packages)} packages"
        say(f"COULD NOT ASK, so nothing was audited ({reason}). Run `make check` where there is a network.")
    return bool(unsafe)


if __name__ == "__main__":
    sys.exit(main())

"""Asks pip-audit whether any version in requirements.lock is known to be unsafe, and PyTorch as it is installed here.

What is known lies in the network. Where it cannot be asked, or does not know a package, this says so loudly and fails
nothing: a check that needs the network must not keep anybody from working without it. `.ci/run` repeats it at its end.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PATIENCE = 120
"""Seconds."""
LOCK = Path(__file__).parents[1] / "requirements.lock"


def say(text: str) -> None:
    """A line for whoever runs the checks; for CI also into the file that it shows at the end."""
    sys.stderr.write(f"pip-audit: {text}\n")
    note(text)


def note(text: str) -> None:
    """A line into AUDIT_REPORT, if CI wants one."""
    if report := os.environ.get("AUDIT_REPORT"):
        with Path(report).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def locked() -> str:
    """What is asked about: the lock, and the PyTorch that lies beside it, which no lock can name."""
    try:
        torch = f"torch=={version('torch').partition('+')[0]}\n"  # the index knows no local builds
    except PackageNotFoundError:
        torch = ""
    return LOCK.read_text(encoding="utf-8") + torch


def ask() -> tuple[list[dict[str, object]], str]:
    """What is known of every version; why nothing is, if so."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(locked())
        file.flush()
        command = [str(Path(sys.executable).parent / "pip-audit"), "--requirement", file.name, "--no-deps"]
        command += ["--disable-pip", "--progress-spinner=off", "--format=json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603
            return json.loads(done.stdout)["dependencies"], ""
        except subprocess.TimeoutExpired:
            return [], f"no answer within {PATIENCE} s"
        except (ValueError, KeyError):
            return [], (done.stderr.strip().splitlines() or ["it said nothing"])[-1]


def report(packages: list[dict[str, object]], why: str) -> int:
    """1 when a package is known to be unsafe. Says of how many nothing is known."""
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    unsafe = [package for package in packages if package.get("vulns")]
    for package in unsafe:
        for hole in package["vulns"]:  # type: ignore[attr-defined]
            mended = ", ".join(hole["fix_versions"]) or "no release yet"
            say(f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}")
    if len(unknown) == len(packages):
        reason = why or f"the index knows nothing of any of {len(packages)} packages"
        say(f"COULD NOT ASK, so NOTHING WAS AUDITED ({reason}). Run `make check` where there is a network.")
    elif unknown:
        say(f"NOT AUDITED, since the index does not know them: {', '.join(map(str, unknown))}")
    note(f"{len(packages) - len(unknown)} packages were asked about; {len(unsafe)} are known to be unsafe.")
    return bool(unsafe)


if __name__ == "__main__":
    sys.exit(report(*ask()))

"""The JSON API keeps what its OpenAPI says: schemathesis asks for everything in every way, with all of its checks."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from tests.support.patience import PATIENCE

SECONDS = 24
"""The most for each of the two askers."""
CONFIG = """
generation.deterministic = true
generation.max-examples = 10
phases.stateful.max-steps = 12

[auth.openapi.HTTPBearer]
bearer = "TOKEN"

# No schema can say what text is: a poem of marks, or of nothing but spaces, is refused with a reason.
[[operations]]
include-name = "POST /api/v1/voices/{voice}/submissions"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]

[[operations]]
include-name = "POST /api/v1/admin/submissions/{submission}/reject"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 404, 409, 422]

[[operations]]
include-name = "POST /api/v1/voices/{voice}/poems"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 422]
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nothing is refused for coming too often."""
    return settings.model_copy(update={"limits": "off"})


def ask(site: str, folder: Path, token: str) -> None:
    """Have schemathesis ask *site* for everything; what it found wrong is the failure."""
    (folder / "schemathesis.toml").write_text(CONFIG.replace("TOKEN", token))
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{site}/api/openapi.json"]
    done = subprocess.run(
        # A poem that was withdrawn says so, at its address: nothing else of ours is deleted and read.
        [*command, "--checks=all", "--exclude-checks=use_after_free", f"--max-time={SECONDS}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]


@pytest.mark.slow
def test_the_api_keeps_its_word_to_anybody(site: str, tmp_path: Path) -> None:
    """What a stranger may ask, and what he may not: his token is none."""
    ask(site, tmp_path, "of nobody")


@pytest.mark.slow
@pytest.mark.nightly
def test_the_api_keeps_its_word_to_admins(site: str, tmp_path: Path, bearer: dict[str, str]) -> None:
    """The same with a token that opens the desk."""
    ask(site, tmp_path, bearer["authorization"].removeprefix("Bearer "))

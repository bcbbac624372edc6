"""What a process that writes poems does without."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.voices import a_version

ROOT = Path(__file__).parents[2]
WRITES = """
import sys
from pathlib import Path
from app.domain.poem import Wish
from app.domain.version import Serving
from app.engine.engine import Engine
from app.settings import Settings

champion = Serving("sibot", 1, 0, "key", "base")
engine = Engine(champions=lambda: [champion], fetch=lambda key: Path({folder!r}), settings=Settings())
engine.start()
assert len(engine.write("sibot", Wish()).lines) == 5
engine.close()
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {heavy!r}))
"""


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_poem_is_written_without_torch(tmp_path: Path, precision: str) -> None:
    """Nor is a database, a web framework or a queue loaded; nor, in the usual precision, what builds graphs."""
    heavy = {"torch", "sqlalchemy", "fastapi", "celery", "sympy"} | ({"onnx"} if precision == "int8" else set())
    code = WRITES.format(folder=str(a_version(tmp_path / "v")), heavy=heavy)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"POEMBOT_PRECISION": precision, "POEMBOT_HOME": str(tmp_path), "PATH": ""},
    )

    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[]"]), done.stderr

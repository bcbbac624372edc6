"""Bootstrap: what a deployment chooses reaches the part that goes by it."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import build, build_engine
from app.domain.version import Serving
from app.settings import Settings


def test_the_engine_goes_by_every_setting_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has another value than its default, and than the other's: one that is dropped or mixed up is missed."""
    style = {"candidates": 5, "taste_share": 0.25, "taste_temperature": 0.75}
    chosen = Settings(_env_file=None, home=tmp_path, **style, slots=7, queue=9, engine_threads=3, precision="fp32")
    monkeypatch.setattr("app.engine.engine.load", lambda *_, **options: options)

    with closing(build(chosen)) as bot, closing(build_engine(bot)) as engine:
        taste, batcher = engine._taste_policy, engine._batcher

        assert engine._settings is chosen
        assert (taste.candidates, taste._share, taste._temperature) == (5, 0.25, 0.75)
        assert (engine._candidates, batcher._rows, batcher._rows_per_poem, batcher._queue) == (5, 7, 5, 9)
        assert batcher._taste_policy is taste
        loaded: Any = engine._load(Serving("sibot", 0, 0, "base", "tiny"), tmp_path)
        assert loaded == {"precision": "fp32", "rows": 7, "threads": 3, "candidates": 5}

"""Settings: what a deployment chooses, and what it is not allowed to."""

import re
import resource
import signal
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.run import Schedule
from app.domain.trial import TrialRules
from app.settings import WEAKEST_SECRET, Settings, example

ROOT = Path(__file__).parents[1]


def settings(home: Path, **values: Any) -> Settings:
    """Settings as a deployment without an `.env` has them."""
    return Settings(_env_file=None, home=home, **values)


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """Cookies stay valid over a restart, and no other user can forge one."""
    first = settings(tmp_path / "home").secret()
    again = settings(tmp_path / "home").secret()

    assert first == again
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "home" / "secret").stat().st_mode) == 0o600


def test_a_given_secret_is_used_as_it_is(tmp_path: Path) -> None:
    """Several webs share one secret through their environment."""
    assert settings(tmp_path, secret_key="k" * 40).secret() == "k" * 40
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [({"secret_key": "short"}, "too weak"), ({"secret_key": "k" * 40, "limits": "off"}, "refused in production")],
)
def test_production_refuses_what_is_only_fit_for_development(
    tmp_path: Path, values: dict[str, Any], complaint: str
) -> None:
    """A weak secret or a site without limits does not start in production."""
    settings(tmp_path, env="development", **values)
    with pytest.raises(ValidationError, match=complaint):
        settings(tmp_path, env="production", **values)


def test_the_default_is_embedded(tmp_path: Path) -> None:
    """Without a word of configuration everything lives in HOME."""
    chosen = settings(tmp_path)

    assert chosen.embedded
    assert chosen.database == f"sqlite:///{tmp_path}/poembot.db"
    assert chosen.broker == "filesystem://"
    assert chosen.shelf == str(tmp_path / "shelf")


def test_the_environment_is_read_with_our_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """POEMBOT_DATABASE_URL chooses the database; DATABASE_URL, which may be somebody else's, does not."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:////elsewhere.db")
    monkeypatch.setenv("POEMBOT_DATABASE_URL", "postgresql+psycopg://poet@127.0.0.1/poems")

    chosen = settings(tmp_path)

    assert chosen.database == "postgresql+psycopg://poet@127.0.0.1/poems"
    assert not chosen.embedded


def test_a_secret_may_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker lays them: nobody who lists processes or inspects a container sees it. The environment wins."""
    monkeypatch.setenv("POEMBOT_SECRETS", str(tmp_path))
    (tmp_path / "poembot_secret_key").write_text("k" * 40 + "\n")
    (tmp_path / "poembot_database_password").write_text("p/w:@\n")
    (tmp_path / "poembot_broker_password").write_text("r" * 8)
    chosen = settings(
        tmp_path, database_url="postgresql+psycopg://poet@db:5432/poems", broker_url="redis://redis:6379/0"
    )

    assert chosen.secret() == "k" * 40
    assert chosen.database == "postgresql+psycopg://poet:p%2Fw%3A%40@db:5432/poems"
    assert chosen.broker == "redis://:rrrrrrrr@redis:6379/0"
    monkeypatch.setenv("POEMBOT_SECRET_KEY", "e" * 40)
    assert settings(tmp_path).secret() == "e" * 40
    assert settings(tmp_path, database_url="postgresql+psycopg://a:b@db/poems").database.count("b@db") == 1


def test_a_full_disk_leaves_no_empty_secret(tmp_path: Path) -> None:
    """An empty key would sign for everybody: what cannot be written whole is made at the next start."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            settings(tmp_path).secret()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert list(tmp_path.iterdir()) == []
    assert len(settings(tmp_path).secret()) >= 32


def test_rules_are_made_of_the_settings(tmp_path: Path) -> None:
    """When a trial is over, and when a run starts by itself; 0 hours are never."""
    chosen = settings(tmp_path, trial_days=3, trial_impressions=500, retrain_every=6, retrain_after=7)

    assert chosen.trial_rules == TrialRules(longest=timedelta(days=3), impressions=500)
    assert chosen.schedule == Schedule(every=timedelta(hours=6), after=7)
    assert settings(tmp_path, retrain_every=0).schedule.every is None


def test_every_setting_is_explained() -> None:
    """The help text is the documentation, so there is no setting without."""
    unexplained = [name for name, field in Settings.model_fields.items() if not field.description]

    assert unexplained == []


def test_the_example_is_current() -> None:
    """`.env.example` is what `python -m app.settings` prints."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example()


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    """Copied to `.env` as it is, it leaves every default; uncommented, it still says the defaults."""
    as_it_is, uncommented = tmp_path / "as-it-is", tmp_path / "uncommented"
    as_it_is.write_text(example(), encoding="utf-8")
    uncommented.write_text(re.sub(r"^#(?=POEMBOT_)", "", example(), flags=re.MULTILINE), encoding="utf-8")

    defaults = Settings(_env_file=None)
    assert Settings(_env_file=as_it_is) == defaults
    assert Settings(_env_file=uncommented) == defaults


def test_in_production_readers_know_whom_to_ask(tmp_path: Path) -> None:
    """The settings that name the operator are missed in production only, and each by its name."""
    secret = "s" * WEAKEST_SECRET
    assert settings(tmp_path).unnamed == ()
    assert settings(tmp_path, env="production", secret_key=secret).unnamed == ("POEMBOT_OPERATOR", "POEMBOT_CONTACT")
    named = settings(tmp_path, env="production", secret_key=secret, operator="The Poets", contact="us@example.org")
    assert named.unnamed == ()

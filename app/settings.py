"""The settings: environment variables with the prefix POEMBOT_, each with its help text.

A setting may also be a file of that name (`poembot_secret_key`) in the folder POEMBOT_SECRETS, where Docker puts
secrets; an environment variable takes precedence. `.env.example` is generated from the help texts
(`python -m app.settings`).
"""

import hashlib
import hmac
import os
import secrets
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.run import Schedule
from app.domain.trial import TrialRules

WEAKEST_SECRET = 32
SECRETS = "/run/secrets"
"""Default of POEMBOT_SECRETS, the folder of secrets as files."""


class Settings(BaseSettings):
    """The configuration of a deployment."""

    model_config = SettingsConfigDict(env_prefix="POEMBOT_", env_file=".env", extra="ignore", frozen=True)

    def __init__(self, **values: Any) -> None:
        folder = Path(os.environ.get("POEMBOT_SECRETS", SECRETS))
        super().__init__(**({"_secrets_dir": folder} if folder.is_dir() else {}) | values)

    home: Annotated[Path, Field(description="Where run-time data lives: database, queue, versions, secret.")] = Path(
        ".poembot"
    )
    env: Annotated[
        Literal["development", "production"],
        Field(description="`production` insists on a strong secret, on limits, and marks cookies Secure."),
    ] = "development"
    database_url: Annotated[
        str,
        Field(
            description="SQLAlchemy URL; empty: SQLite in HOME. Scaled: postgresql+psycopg://user:password@host/name."
        ),
    ] = ""
    database_password: Annotated[
        str, Field(description="For a DATABASE_URL that has none: the place for a password that lies in a file.")
    ] = ""
    broker_url: Annotated[
        str, Field(description="Celery broker; empty: the file system in HOME. Scaled: redis://host:6379/0.")
    ] = ""
    broker_password: Annotated[str, Field(description="The same for BROKER_URL.")] = ""
    shelf_url: Annotated[
        str, Field(description="Where versions are kept, a folder or an fsspec URL; empty: HOME/shelf.")
    ] = ""
    secret_key: Annotated[
        str, Field(description="Signs cookies and forms; empty: made once and kept in HOME. At least 32 characters.")
    ] = ""
    default_voice: Annotated[str, Field(description="The voice for visitors whose language no voice speaks.")] = "sibot"
    retrain_every: Annotated[
        float, Field(ge=0, description="Hours between scheduled runs, if there is anything new; 0: never.")
    ] = 24
    retrain_after: Annotated[
        int, Field(ge=0, description="Start a run after so many new ticks and approved submissions; 0: never.")
    ] = 100
    swap: Annotated[
        Literal["auto", "ask"],
        Field(description="`auto`: what the gate, or its trial, admits serves at once; `ask`: when the admin says so."),
    ] = "auto"
    trial_share: Annotated[
        float,
        Field(ge=0, le=0.9, description="Share of the poems a version on trial writes; 0: no trial, the gate decides."),
    ] = 0.3
    trial_days: Annotated[
        float, Field(gt=0, description="Days after which a trial that has decided nothing is left to the admin.")
    ] = 14
    trial_impressions: Annotated[
        int, Field(ge=100, description="Lines read after which a trial that has decided nothing is left to the admin.")
    ] = 20_000
    taste_after: Annotated[
        int, Field(ge=0, description="Learn readers' taste anew after so many new ticks; 0: never, and use none.")
    ] = 50
    taste_share: Annotated[
        float, Field(ge=0, le=1, description="Share of the poems written by taste; the others show what it is worth.")
    ] = 0.9
    taste_temperature: Annotated[
        float, Field(gt=0, description="How freely taste chooses: of two lines 1 apart in log-odds, e^(1/T) to 1.")
    ] = 0.4
    candidates: Annotated[
        int, Field(ge=1, le=64, description="Most ways a line is drawn, by a lone reader; a voice may ask for fewer.")
    ] = 64
    auto_approve: Annotated[
        bool, Field(description="Take submissions that pass the automatic checks without a moderator.")
    ] = False
    limits: Annotated[
        Literal["on", "off"], Field(description="Rate limits; `off` is for tests and benches, refused in production.")
    ] = "on"
    keep_versions: Annotated[
        int,
        Field(ge=0, description="Taught versions of a voice whose folders stay, the newest; 0: all. Served ones stay."),
    ] = 20
    keep_visitors: Annotated[
        int,
        Field(ge=0, description="Days after which a visitor who never came back is erased, gifts and all; 0: never."),
    ] = 0
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Field(description="What the worker trains on; `auto`: CUDA where there is one.")
    ] = "auto"
    train_threads: Annotated[
        int, Field(ge=1, description="Torch threads of a training on the CPU; 1 leaves the site its share.")
    ] = 1
    engine_threads: Annotated[int, Field(ge=1, description="ONNX Runtime threads of a web process.")] = 1
    precision: Annotated[
        Literal["int8", "fp32"], Field(description="Arithmetic of the engine; int8 is several times faster.")
    ] = "int8"
    slots: Annotated[int, Field(ge=1, le=1024, description="Lines that one web process writes at the same time.")] = 192
    queue: Annotated[int, Field(ge=1, description="Poems that may wait for a slot before the site answers 503.")] = 256
    hosts: Annotated[
        str, Field(description="Comma-separated names that the site answers to; empty: whatever it is called by.")
    ] = ""
    trusted_proxies: Annotated[
        str, Field(description="Comma-separated addresses whose X-Forwarded-For is believed; empty: none.")
    ] = ""
    lease: Annotated[
        float, Field(gt=0, description="Seconds a silent worker keeps its run before it is taken up anew.")
    ] = 60
    attempts: Annotated[int, Field(ge=1, description="Times a run is taken up before it counts as failed.")] = 3
    lesson_steps: Annotated[int, Field(ge=1, description="Most training steps of a run.")] = 240
    dreams: Annotated[
        int,
        Field(ge=0, description="Poems the base writes for a run, to be taught more of what readers like; 0: none."),
    ] = 2400
    run_minutes: Annotated[
        float, Field(ge=0, description="Minutes that a run may take: steps and dreams are cut to fit; 0: all it needs.")
    ] = 5
    samples: Annotated[int, Field(ge=20, description="Lines an examination has each version write.")] = 500

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.env == "production":
            if 0 < len(self.secret_key) < WEAKEST_SECRET:
                raise ValueError(f"POEMBOT_SECRET_KEY is too weak for production: {WEAKEST_SECRET} characters at least")
            if self.limits == "off":
                raise ValueError("POEMBOT_LIMITS=off is refused in production")
        return self

    @property
    def names(self) -> frozenset[str]:
        """The host names that the site answers to; empty: all."""
        return frozenset(name.strip().lower() for name in self.hosts.split(",")) - {""}

    @property
    def trial_rules(self) -> TrialRules:
        """The rules for ending a trial."""
        return TrialRules(longest=timedelta(days=self.trial_days), impressions=self.trial_impressions)

    @property
    def schedule(self) -> Schedule:
        """The rules for starting runs automatically."""
        return Schedule(
            every=timedelta(hours=self.retrain_every) if self.retrain_every else None, after=self.retrain_after
        )

    @property
    def database(self) -> str:
        """The database's URL."""
        return (
            _with_password(self.database_password, self.database_url)
            or f"sqlite:///{self.home.absolute() / 'poembot.db'}"
        )

    @property
    def embedded(self) -> bool:
        """Is the database SQLite, which belongs to this machine alone?"""
        return self.database.startswith("sqlite")

    @property
    def broker(self) -> str:
        """The broker's URL."""
        return _with_password(self.broker_password, self.broker_url) or "filesystem://"

    @property
    def shelf(self) -> str:
        """The shelf's URL or folder."""
        return self.shelf_url or str(self.home.absolute() / "shelf")

    def secret(self) -> str:
        """The signing secret; generated and stored in HOME (mode 600) when it is first needed."""
        if self.secret_key:
            return self.secret_key
        kept = self.home / "secret"
        if not kept.exists():
            self._make_secret(kept)
        return kept.read_text(encoding="ascii")

    def secret_mark(self) -> str:
        """A short hash of the secret, to compare web processes: all must use the same secret."""
        return hmac.new(self.secret().encode(), b"mark of the secret", hashlib.sha256).hexdigest()[:12]

    def _make_secret(self, kept: Path) -> None:
        """Write a complete file and link it into place, so that no other process reads a partial secret."""
        self.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.home, encoding="ascii") as file:  # mode 600
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was faster
                os.link(file.name, kept)


def _with_password(password: str, url: str) -> str:
    """*url* with the password added, unless it contains one."""
    parts = urlsplit(url)
    if not password or not parts.netloc or parts.password:
        return url
    user, host = parts.username or "", parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def example() -> str:
    """The text of `.env.example`: every setting with its help text and its default, commented out."""
    blocks = ["# What a deployment may choose. Copy to `.env` and uncomment what you change.\n"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = str(default).lower() if isinstance(default, bool) else default
        blocks.append(f"# {field.description}\n#POEMBOT_{name.upper()}={shown}\n")
    return "\n".join(blocks)


if __name__ == "__main__":
    sys.stdout.write(example())

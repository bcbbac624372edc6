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

    home: Annotated[Path, Field(description="Folder of run-time data: database, queue, versions, secret.")] = Path(
        ".poembot"
    )
    env: Annotated[
        Literal["development", "production"],
        Field(description="`production` requires a strong secret and rate limits, and marks cookies Secure."),
    ] = "development"
    database_url: Annotated[
        str,
        Field(
            description="SQLAlchemy URL; empty: SQLite in HOME. Scaled: postgresql+psycopg://user:password@host/name."
        ),
    ] = ""
    database_password: Annotated[
        str, Field(description="Password for a DATABASE_URL without one; so that the password can be a file.")
    ] = ""
    broker_url: Annotated[
        str, Field(description="Celery broker; empty: the file system in HOME. Scaled: redis://host:6379/0.")
    ] = ""
    broker_password: Annotated[str, Field(description="Password for a BROKER_URL without one.")] = ""
    shelf_url: Annotated[
        str, Field(description="Where versions are stored, a folder or an fsspec URL; empty: HOME/shelf.")
    ] = ""
    secret_key: Annotated[
        str, Field(description="Signs cookies and forms, 32 characters at least; empty: generated and stored in HOME.")
    ] = ""
    default_voice: Annotated[str, Field(description="The voice for visitors whose language no voice speaks.")] = "sibot"
    retrain_every: Annotated[
        float, Field(ge=0, description="Hours between scheduled runs, if there is new feedback; 0: never.")
    ] = 24
    retrain_after: Annotated[
        int, Field(ge=0, description="Number of new ticks and approved submissions that starts a run; 0: never.")
    ] = 100
    swap: Annotated[
        Literal["auto", "ask"],
        Field(
            description="`auto`: a version that wins its trial, or passes the gate, is promoted; `ask`: by the admin."
        ),
    ] = "auto"
    trial_share: Annotated[
        float,
        Field(ge=0, le=0.9, description="Share of the poems that a challenger writes; 0: no trials, the gate decides."),
    ] = 0.3
    trial_days: Annotated[
        float, Field(gt=0, description="Days after which an undecided trial ends and is left to the admin.")
    ] = 14
    trial_impressions: Annotated[
        int, Field(ge=100, description="Impressions after which an undecided trial ends and is left to the admin.")
    ] = 20_000
    taste_after: Annotated[
        int, Field(ge=0, description="Number of new ticks after which taste is trained again; 0: no taste is used.")
    ] = 50
    taste_share: Annotated[
        float, Field(ge=0, le=1, description="Share of the poems written with taste; the others are the control group.")
    ] = 0.9
    taste_temperature: Annotated[
        float, Field(gt=0, description="Temperature of the choice by taste: log-odds 1 apart are chosen e^(1/T) to 1.")
    ] = 0.8
    candidates: Annotated[
        int, Field(ge=1, le=64, description="Most candidates for a line; a voice may use fewer, and a busy site does.")
    ] = 64
    drafts: Annotated[
        int,
        Field(
            ge=0,
            le=5000,
            description="Most drafts in the drawer of a version, written while nobody waits; 0: all poems live.",
        ),
    ] = 300
    auto_approve: Annotated[
        bool, Field(description="Approve submissions that pass the automatic checks, without a moderator.")
    ] = False
    limits: Annotated[
        Literal["on", "off"], Field(description="Rate limits; `off` is for tests and benchmarks, not for production.")
    ] = "on"
    keep_versions: Annotated[
        int,
        Field(
            ge=0, description="Newest taught versions of a voice whose folders are kept; 0: all. Used ones are kept."
        ),
    ] = 20
    keep_visitors: Annotated[
        int,
        Field(ge=0, description="Days without a visit after which a visitor's data are deleted; 0: never."),
    ] = 0
    operator: Annotated[
        str, Field(description="Who runs this site, a person or an organization: named on /privacy.")
    ] = ""
    contact: Annotated[
        str, Field(description="Where readers can reach the operator, an e-mail address or a URL: shown on /privacy.")
    ] = ""
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Field(description="Device for training; `auto`: CUDA if available.")
    ] = "auto"
    train_threads: Annotated[
        int, Field(ge=1, description="Torch threads for training on the CPU; 1 leaves CPU time for the site.")
    ] = 1
    engine_threads: Annotated[int, Field(ge=1, description="ONNX Runtime threads of a web process.")] = 1
    precision: Annotated[
        Literal["int8", "fp32"], Field(description="Number format of the engine; int8 is several times faster.")
    ] = "int8"
    slots: Annotated[int, Field(ge=1, le=1024, description="Lines that one web process writes at the same time.")] = 256
    queue: Annotated[int, Field(ge=1, description="Poems that may wait for a slot before the site answers 503.")] = 256
    hosts: Annotated[str, Field(description="Comma-separated host names that the site answers to; empty: all.")] = ""
    trusted_proxies: Annotated[
        str, Field(description="Comma-separated addresses whose X-Forwarded-For is trusted; empty: none.")
    ] = ""
    lease: Annotated[
        float, Field(gt=0, description="Seconds after which another worker may take the run of a silent worker.")
    ] = 60
    attempts: Annotated[int, Field(ge=1, description="Attempts without progress after which a run has failed.")] = 3
    lesson_steps: Annotated[int, Field(ge=1, description="Most training steps of a run.")] = 240
    dreams: Annotated[
        int,
        Field(ge=0, description="Poems that the base writes as training data of a run (dreams); 0: none."),
    ] = 2400
    run_minutes: Annotated[
        float, Field(ge=0, description="Time limit of a run in minutes: steps and dreams are reduced to fit; 0: none.")
    ] = 5
    samples: Annotated[int, Field(ge=20, description="Lines that each version writes for the gate's evaluation.")] = 500

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.env == "production":
            if 0 < len(self.secret_key) < WEAKEST_SECRET:
                raise ValueError(f"POEMBOT_SECRET_KEY is too weak for production: {WEAKEST_SECRET} characters at least")
            if self.limits == "off":
                raise ValueError("POEMBOT_LIMITS=off is refused in production")
        return self

    @property
    def unnamed(self) -> tuple[str, ...]:
        """In production: the settings without which readers do not know whom to ask about their data."""
        asked = {"POEMBOT_OPERATOR": self.operator, "POEMBOT_CONTACT": self.contact}
        return tuple(name for name, value in asked.items() if self.env == "production" and not value.strip())

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

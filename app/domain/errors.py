"""Errors of the domain.

PoemBotError
├── Unknown               asked for by a name we do not have
│   ├── UnknownVoice
│   ├── UnknownPoem
│   ├── UnknownLine       or one this visitor was never shown
│   ├── UnknownSubmission
│   ├── UnknownPiece      or one that is somebody else's, and not yet approved
│   ├── UnknownRun
│   ├── UnknownVersion
│   ├── UnknownAdmin
│   └── UnknownKey
├── Unfit                 a text we cannot take, with the reason as `code`
├── NothingToUndo         no older version to roll back to
├── TurnedAway            a swap was asked for a version that failed its gate
├── LeaseLost             another worker has taken this run
├── Cancelled             the admin stopped this run
├── Crowded               too many passwords are looked at; come back in `retry_after` seconds
├── EngineFull            too many readers wait; come back in `retry_after` seconds
├── EngineFailed          the network could not write this poem
└── BrokenFolder          a version folder is missing, torn or altered

Messages are for logs and shells, in English; pages translate `code`.
"""

from app.domain.gate import Verdict


class PoemBotError(Exception):
    """Anything the domain says no to."""

    code = "error"


class Unknown(PoemBotError):
    """Asked for by a name we do not have."""

    code = "unknown"

    def __init__(self, name: object) -> None:
        super().__init__(f"{type(self).__name__.removeprefix('Unknown').lower()} {name} is not known here")
        self.name = name


class UnknownVoice(Unknown):
    """No voice of that slug."""

    code = "unknown_voice"


class UnknownPoem(Unknown):
    """No poem of that id."""

    code = "unknown_poem"


class UnknownLine(Unknown):
    """No line of that id, or one this visitor was never shown."""

    code = "unknown_line"


class UnknownSubmission(Unknown):
    """No submission of that token or id."""

    code = "unknown_submission"


class UnknownPiece(Unknown):
    """No piece of that id that this visitor may see."""

    code = "unknown_piece"


class UnknownRun(Unknown):
    """No run of that id."""

    code = "unknown_run"


class UnknownVersion(Unknown):
    """No version of that number, or its folder is gone."""

    code = "unknown_version"


class UnknownAdmin(Unknown):
    """No admin of that name."""

    code = "unknown_admin"


class UnknownKey(Unknown):
    """No key of that id opens the desk."""

    code = "unknown_key"


class Unfit(PoemBotError):
    """A text that cannot be taken; `code` says why (`too_short`, `too_long`, `empty`, `not_text`, …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NothingToUndo(PoemBotError):
    """There is no older version to roll back to."""

    code = "nothing_to_undo"

    def __init__(self, voice: str) -> None:
        super().__init__(f"{voice} has no earlier version to go back to")


class TurnedAway(PoemBotError):
    """A swap was asked for a version that did not pass its gate."""

    code = "turned_away"

    def __init__(self, number: int, verdict: Verdict) -> None:
        super().__init__(f"version {number} did not pass the gate: {', '.join(verdict.reasons) or 'not examined'}")
        self.verdict = verdict


class LeaseLost(PoemBotError):
    """Another worker has taken this run, or it has ended: nothing more may be written for it."""

    code = "lease_lost"

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} is held by somebody else")


class Cancelled(PoemBotError):
    """The admin stopped this run."""

    code = "cancelled"

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} was cancelled")


class Crowded(PoemBotError):
    """Too many passwords are looked at already."""

    code = "limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many log in at once; try again in {retry_after} s")
        self.retry_after = retry_after


class EngineFull(PoemBotError):
    """Too many readers wait already."""

    code = "engine_full"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many readers wait; try again in {retry_after} s")
        self.retry_after = retry_after


class EngineFailed(PoemBotError):
    """The network could not write this poem; others go on."""

    code = "engine_failed"


class BrokenFolder(PoemBotError):
    """A version folder is missing, torn or altered."""

    code = "broken_folder"

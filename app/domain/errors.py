"""Errors of the domain.

PoemBotError
├── Unknown               there is nothing of that name or id
│   ├── UnknownVoice
│   ├── UnknownPoem
│   ├── UnknownLine       also a line that was not shown to this visitor
│   ├── UnknownSubmission
│   ├── UnknownPiece      also a piece of somebody else that is not approved
│   ├── UnknownRun
│   ├── UnknownVersion
│   ├── UnknownAdmin
│   └── UnknownKey
├── Unfit                 invalid input; `code` is the reason
├── NothingToUndo         there is no older version to roll back to
├── TurnedAway            the version to promote did not pass the gate
├── LeaseLost             another worker has taken this run
├── Cancelled             an admin has cancelled this run
├── Crowded               too many logins at once; retry after `retry_after` seconds
├── EngineFull            the queue of the engine is full; retry after `retry_after` seconds
├── EngineFailed          the engine could not write this poem
└── BrokenFolder          a version folder is missing or corrupt

Messages are for logs and shells, in English; pages translate `code`.
"""

from app.domain.gate import Verdict


class PoemBotError(Exception):
    """Base class of all errors of the domain."""

    code = "error"


class Unknown(PoemBotError):
    """There is nothing of that name or id."""

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
    """No line of that id, or it was not shown to this visitor."""

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
    """No version of that number, or it was pruned."""

    code = "unknown_version"


class UnknownAdmin(Unknown):
    """No admin of that name."""

    code = "unknown_admin"


class UnknownKey(Unknown):
    """No valid key of that id."""

    code = "unknown_key"


class Unfit(PoemBotError):
    """Invalid input; `code` says why (`too_short`, `too_long`, `empty`, `not_text`, …)."""

    def __init__(self, code: str, message: str, *, sign: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.sign = sign
        """The name of the character that was refused, if it was one."""


class NothingToUndo(PoemBotError):
    """There is no older version to roll back to."""

    code = "nothing_to_undo"

    def __init__(self, voice: str) -> None:
        super().__init__(f"{voice} has no earlier version to go back to")


class TurnedAway(PoemBotError):
    """The version to promote did not pass the gate."""

    code = "turned_away"

    def __init__(self, number: int, verdict: Verdict) -> None:
        super().__init__(f"version {number} did not pass the gate: {', '.join(verdict.reasons) or 'not examined'}")
        self.verdict = verdict


class LeaseLost(PoemBotError):
    """Another worker has taken this run, or it has ended: this worker may not write to it any more."""

    code = "lease_lost"

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} is held by somebody else")


class Cancelled(PoemBotError):
    """An admin has cancelled this run."""

    code = "cancelled"

    def __init__(self, run: int) -> None:
        super().__init__(f"run {run} was cancelled")


class Crowded(PoemBotError):
    """Too many logins are being checked at the moment."""

    code = "limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many log in at once; try again in {retry_after} s")
        self.retry_after = retry_after


class EngineFull(PoemBotError):
    """The queue of the engine is full."""

    code = "engine_full"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many readers wait; try again in {retry_after} s")
        self.retry_after = retry_after


class EngineFailed(PoemBotError):
    """The engine could not write this poem; other poems are not affected."""

    code = "engine_failed"


class BrokenFolder(PoemBotError):
    """A version folder is missing or corrupt."""

    code = "broken_folder"

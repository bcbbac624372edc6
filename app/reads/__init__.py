"""Read models: one function for each thing that a page, a command, the worker or the lab shows or looks up.

Each function reads in one read-only transaction and returns frozen values; the guessing game uses two, because the
engine writes between them. Callers see neither tables nor transactions. What is read only in order to be changed
belongs to the action that changes it (`app/actions`).
"""

from app.reads import (  # noqa: F401 - `from app import reads` brings them all
    anthology,
    desk,
    drafts,
    guesses,
    health,
    poems,
    runs,
    versions,
    visitors,
    voices,
)

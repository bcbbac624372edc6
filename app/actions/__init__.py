"""Actions: one function for each thing that can happen, as `actions.versions.promote(bot, "sibot", 3, by="keeper")`.

An action contains everything that belongs to it: the transaction, the rule it applies (`app/domain`), the audit entry,
the message to the workers. Pages, JSON API, command line, worker and simulation call the same functions, and nothing
else opens a transaction that writes. An action commits before it returns.
"""

from app.actions import (  # noqa: F401 - `from app import actions` brings them all
    admins,
    deployment,
    drafts,
    guesses,
    poems,
    runs,
    submissions,
    tastes,
    ticks,
    trials,
    versions,
    visitors,
    voices,
)

"""What can happen, a function each: `actions.versions.promote(bot, "sibot", 3, by="keeper")`.

An action holds everything that belongs to it: the transaction, the rule it asks (`app/domain`), the entry in the audit
log, the message to the workers. Pages, JSON, command line, worker and simulation call the same function, and nobody
else opens a transaction that writes. It commits before it returns.
"""

from app.actions import (  # noqa: F401 - `from app import actions` brings them all
    admins,
    deployment,
    guesses,
    poems,
    runs,
    submissions,
    tastes,
    ticks,
    trials,
    versions,
    visitors,
)

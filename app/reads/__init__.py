"""What is read, a function for each thing that a page, a command, the worker or the lab shows or looks up.

Each is a named read model: it reads in one transaction (the game in two, since the bot writes in between), which keeps
nothing, and returns frozen values.
Who asks sees neither a table nor a transaction. What is read only to be written belongs to the action that writes it.
"""

from app.reads import (  # noqa: F401 - `from app import reads` brings them all
    admins,
    anthology,
    desk,
    guesses,
    health,
    pieces,
    poems,
    runs,
    submissions,
    versions,
    visitors,
    voices,
)

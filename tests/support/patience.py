"""How long a test waits for what must happen: as long as the suite's limit for one test allows.

`timeout` in pyproject.toml ends a test that hangs; a little before that its own message does, which says on what it
hung. A busy machine is no error: what must be quick is measured by the benches, and no test fails for being slow.
"""

PATIENCE = 540.0
"""Seconds."""

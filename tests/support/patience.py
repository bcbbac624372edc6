"""How long a test waits for an event: a little less than the suite's limit for one test (`timeout` in pyproject.toml).

So a test that hangs ends with its own message, which says what it waited for. No test may fail because the machine is
busy; speed is measured by the benchmarks.
"""

PATIENCE = 540.0
"""Seconds."""

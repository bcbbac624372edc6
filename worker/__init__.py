"""Edge: the worker. It hears a bell, takes a run, has it taught, examined and published, and records how it ended."""

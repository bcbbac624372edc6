"""Edge: the worker. It claims a run, trains, examines and publishes the version, and records how the run ended."""

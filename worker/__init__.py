"""The worker: claims a run, trains a version, examines and publishes it, and records how the run ended."""

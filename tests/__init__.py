"""The tests: `story/` walks the round trip; one folder more for each room."""

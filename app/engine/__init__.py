"""The engine: many readers, one network, no pause. No torch in here, and no database."""

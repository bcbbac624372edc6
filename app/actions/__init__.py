"""The deeds of the round trip, one file each. They take their collaborators as keyword arguments."""

"""The closed loop in small."""

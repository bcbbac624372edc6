"""The closed loop with an artificial audience: the proof that the loop learns."""

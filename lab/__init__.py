"""The laboratory: simulation, benches, recipes of the base voices. It imports everything, and nothing imports it."""

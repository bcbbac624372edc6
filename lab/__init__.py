"""The lab: benchmarks, simulation, and the recipes of the base voices. It imports everything; nothing imports it."""

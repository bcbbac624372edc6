"""The neural networks, and nothing else: no site, no database, no queue.

`vocabulary`, `checkpoint` and `export` need no torch, so that a web process can
read a version folder without loading it.
"""

import os

# GNU OpenMP, under torch, reads it when torch is first imported. A thread that waits for another spins so many times
# before it sleeps: enough when the cores are theirs; by default a hundred times more, which starves whoever shares them
# (docs/log.md).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

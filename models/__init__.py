"""The neural networks, and nothing else: no site, no database, no queue.

`vocabulary`, `checkpoint` and `export` need no torch, so that a web process can
read a version folder without loading it.
"""

"""The domain: the project's concepts and rules, pure functions and frozen values without input or output.

It uses the standard library and `regex` alone. The only file it reads, once, is the block list.
"""

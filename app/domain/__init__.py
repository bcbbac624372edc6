"""The words of the project and its rules, pure: the standard library and `regex` alone, no input, no output.

Only the block list is read from its file, once.
"""

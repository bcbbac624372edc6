"""The words of the project and its rules. Standard library only; no input, no output."""

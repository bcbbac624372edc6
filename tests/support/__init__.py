"""Shared by all tests: real servers, a tiny trained voice, and a bot built over them."""

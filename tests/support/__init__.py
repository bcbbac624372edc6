"""What the tests stand on: real servers, a tiny trained voice, a bot built over them."""

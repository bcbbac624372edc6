"""Pages for readers. All of them work without JavaScript."""

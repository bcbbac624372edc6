"""The readers' pages. All of them work without JavaScript."""

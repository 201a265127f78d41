"""The resident server."""

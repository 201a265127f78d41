"""One file for a group of addresses."""

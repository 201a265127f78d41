"""Neighbour lists and tables, environments of atoms, and the switch function."""

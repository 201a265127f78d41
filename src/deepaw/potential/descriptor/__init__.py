"""Descriptors of atomic environments: one file each, listed in `registry.py`."""

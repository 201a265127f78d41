"""Fitting nets, which map descriptors to atomic quantities: one file each, listed in `registry.py`."""

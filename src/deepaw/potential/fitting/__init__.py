"""Fitting nets, from descriptors to what is predicted: one file each, listed in `registry.py`."""

"""Electrostatics between Gaussian charges on atoms and on Wannier centroids (DPLR)."""

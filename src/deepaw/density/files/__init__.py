"""Density files: VASP's CHGCAR, Gaussian cube, and NumPy arrays, written block by block."""

"""Deep Potentials: energies, forces and virials from trained networks (`docs/potential.md`)."""

"""Fast evaluation of trained potentials: `docs/potential.md`."""

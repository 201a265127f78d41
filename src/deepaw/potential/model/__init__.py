"""What a Deep Potential is made of and predicts, by the equations: `docs/potential.md`."""

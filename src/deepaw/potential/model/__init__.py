"""Models: configuration, weights and reference equations of Deep Potentials (`docs/potential.md`)."""

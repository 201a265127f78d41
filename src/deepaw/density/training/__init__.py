"""Training of density models on DFT densities."""

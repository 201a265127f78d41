"""Evaluation of density models: one dense product per tile of points instead of one tensor product per edge."""

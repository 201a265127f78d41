"""Trained potentials applied: structures given as arrays, comparison with labelled frames, what a model is."""

"""Tabulated pair potentials for short distances, which training data do not cover."""

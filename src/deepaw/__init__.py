"""Deep-learning surrogates for DFT: charge densities and potentials, trained and served."""

__version__ = "0.1.0"

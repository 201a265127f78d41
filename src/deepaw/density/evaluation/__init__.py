"""How far predicted densities are from calculated ones."""

"""Networks of Deep Potentials: embedding nets of one variable and fitting nets of a descriptor."""

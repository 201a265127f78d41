"""The networks Deep Potentials are made of: embedding nets of one variable and fitting nets of a descriptor."""

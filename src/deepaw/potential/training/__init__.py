"""Training of potentials: the sections of input.json, learning rates, the loss."""

"""Data of potentials: systems of deepmd/npy, batches drawn from them, what they hold, where they come from."""

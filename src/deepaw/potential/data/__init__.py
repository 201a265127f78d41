"""Data of potentials: systems in deepmd/npy, sampling of batches, descriptions, conversion of other formats."""

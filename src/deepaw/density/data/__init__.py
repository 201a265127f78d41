"""Training data: structures with the density a calculation gave them."""

"""One process for a device, which holds the models and evaluates pieces of work."""

"""Crystals and molecules: reading them and checking that they make physical sense."""

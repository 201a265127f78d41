"""Training data by GPAW: density, PAW occupancies, energy, forces and stress of many structures.

variants.py      strained, rattled and scaled copies of crystals
settings.py      how they are calculated
calculation.py   the calculation of one
folder.py        the files
lock.py          one writer for a folder
make.py          all of it, in parallel, again after an interruption
"""

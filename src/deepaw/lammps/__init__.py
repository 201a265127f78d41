"""LAMMPS with pair style `deepaw`: finding LAMMPS, building the plugin for it, and the environment it runs in."""

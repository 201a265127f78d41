"""Frames of liquid water with molecules pushed together, labelled by a potential and a repulsion of nuclei.

    python water_pushed.py water/training/box-1 water.safetensors pushed --frames 200

Data of a liquid have no two O nearer than some 2.3 A, so that a potential learns nothing of what keeps them apart, and
in a long simulation two may fall into each other. These frames say what: in each, a molecule of SYSTEM, a deepmd/npy
folder of O and H, is moved towards a neighbour. Labels are those of MODEL, plus the screened repulsion of nuclei
(Ziegler, Biersack and Littmark) between two O and between two H, times STRENGTH, which is 0 at distances that occur in
the data. They are no DFT: a training should give them little weight. Frames with forces above HIGHEST are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase.geometry import find_mic

from deepaw.infer import DeepPot
from deepaw.potential.data.system import Frame, read_system
from deepaw.potential.shortrange.zbl import zbl_energy

FADES = {0: (1.9, 2.45), 1: (0.95, 1.3)}
"""A: where the repulsion of two O, or of two H, begins to fade, and where it is 0."""

NUMBERS = {0: 8, 1: 1}

STRENGTH = 1.5

HIGHEST = 25.0
"""eV/A."""

NEAREST, FARTHEST = 1.3, 2.4
"""A: distances of the O that are pushed together."""

BOND, SHARED, CLOSEST_H = 0.75, 1.35, 0.65
"""A: no H is nearer to an O than the first, none within the second of two O, and no two H are nearer than the third."""


def distances(frame: Frame, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, m, 3), from the atoms `first` to the nearest images of `second`, and their lengths (n, m), A."""
    vectors = frame.coord[second][None] - frame.coord[first][:, None]
    vectors, lengths = find_mic(vectors.reshape(-1, 3), frame.cell)
    return vectors.reshape(len(first), len(second), 3), lengths.reshape(len(first), len(second))


def push(frame: Frame, random: np.random.Generator) -> np.ndarray | None:
    """Coordinates (natoms, 3) with a molecule moved towards a neighbour, and most often turned; None if it has none."""
    oxygen, hydrogen = (np.flatnonzero(frame.types == kind) for kind in (0, 1))
    atom = random.choice(oxygen)
    vectors, lengths = (values[0] for values in distances(frame, np.array([atom]), oxygen))
    near = np.flatnonzero((lengths > 0.1) & (lengths < 3.6))
    arms, reach = (values[0] for values in distances(frame, np.array([atom]), hydrogen))
    bound = reach < 1.3
    if len(near) == 0 or bound.sum() != 2:
        return None
    chosen = random.choice(near)
    coord = frame.coord.copy()
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    if random.random() < 0.7:
        coord[hydrogen[bound]] = coord[atom] + arms[bound] @ rotation.T
    step = vectors[chosen] * (1 - random.uniform(NEAREST, FARTHEST) / lengths[chosen])
    coord[[atom, *hydrogen[bound]]] += step
    return coord


def repulsion(frame: Frame) -> tuple[float, np.ndarray]:
    """Energy (eV) and forces (natoms, 3), eV/A, of the nuclei of like atoms."""
    energy, force = 0.0, np.zeros_like(frame.coord)
    grid = np.linspace(0.4, 2.5, 2101)
    for kind, (begin, end) in FADES.items():
        x = np.clip((grid - begin) / (end - begin), 0, 1)
        curve = STRENGTH * zbl_energy(NUMBERS[kind], NUMBERS[kind], grid) * (x**3 * (-6 * x**2 + 15 * x - 10) + 1)
        slope = np.gradient(curve, grid)
        atoms = np.flatnonzero(frame.types == kind)
        vectors, lengths = distances(frame, atoms, atoms)
        for i, j in zip(*np.nonzero(np.triu(lengths < end, 1)), strict=True):
            energy += np.interp(lengths[i, j], grid, curve)
            pull = np.interp(lengths[i, j], grid, slope) * vectors[i, j] / lengths[i, j]
            force[atoms[i]] += pull
            force[atoms[j]] -= pull
    return energy, force


def is_sound(frame: Frame) -> bool:
    """Whether each H is bound to one O, and no two H lie on each other."""
    oxygen, hydrogen = (np.flatnonzero(frame.types == kind) for kind in (0, 1))
    bonds = distances(frame, oxygen, hydrogen)[1]
    apart = distances(frame, hydrogen, hydrogen)[1] + 10 * np.eye(len(hydrogen))
    return bool(bonds.min() > BOND and ((bonds < SHARED).sum(axis=0) == 1).all() and apart.min() > CLOSEST_H)


def pushed_frames(system: Path, model: Path) -> Iterator[tuple[Frame, float, np.ndarray]]:
    """Yield frames with their energy, eV, and forces, eV/A."""
    source, potential, random = read_system(system, ("O", "H")), DeepPot(model), np.random.default_rng(0)
    while True:
        original = source.frame(int(random.integers(source.nframes)))
        coord = push(original, random)
        frame = None if coord is None else Frame(original.types, coord, original.cell, {})
        if frame is None or not is_sound(frame):
            continue
        energy, force, _ = potential.eval(frame.coord.reshape(1, -1), frame.cell.reshape(1, 9), frame.types)
        extra_energy, extra_force = repulsion(frame)
        forces = force.reshape(-1, 3) + extra_force
        if np.abs(forces).max() < HIGHEST:
            yield frame, float(energy[0, 0]) + extra_energy, forces


def write(system: Path, model: Path, output: Path, frames: int) -> None:
    """Write a system of pushed frames."""
    found = [frame for _, frame in zip(range(frames), pushed_frames(system, model), strict=False)]
    (output / "set.000").mkdir(parents=True)
    arrays = {
        "coord": [frame.coord.ravel() for frame, _, _ in found],
        "box": [frame.cell.ravel() for frame, _, _ in found],
        "energy": [energy for _, energy, _ in found],
        "force": [force.ravel() for _, _, force in found],
    }
    for name, rows in arrays.items():
        np.save(output / "set.000" / f"{name}.npy", np.array(rows))
    (output / "type_map.raw").write_text("O\nH\n")
    (output / "type.raw").write_text("\n".join(map(str, found[0][0].types.tolist())) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--frames", type=int, default=200)
    given = parser.parse_args()
    write(given.system, given.model, given.output, given.frames)
    print(f"{given.output}: {given.frames} frames")

"""Clusters around single molecules of liquid water, as data for water_clusters_se_a_mask.json.

    python water_clusters.py water/training/box-1 clusters/training --frames 20 --molecules 4

SYSTEM is a deepmd/npy folder of O and H with forces. From each frame, some molecules are cut out together with those
whose O is within RADIUS of theirs, the nearest MOST of them. All clusters are filled up to MOST molecules by virtual
atoms: aparam.npy is 1 for atoms and 0 for these. Only the forces on the molecule in the middle are those of the
liquid; atom_pref.npy is 1 for its atoms, and 0 for all others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase.geometry import find_mic

from deepaw.potential.data.system import Frame, read_system


def molecules(frame: Frame) -> np.ndarray:
    """The O of each molecule and its two nearest H, (n, 3)."""
    oxygen, hydrogen = (np.flatnonzero(frame.types == kind) for kind in (0, 1))
    vectors = frame.coord[None, hydrogen] - frame.coord[oxygen, None]
    distances = find_mic(vectors.reshape(-1, 3), frame.cell)[1].reshape(len(oxygen), len(hydrogen))
    return np.concatenate([oxygen[:, None], hydrogen[np.argsort(distances, axis=1)[:, :2]]], axis=1)


def cluster(frame: Frame, atoms: np.ndarray, middle: int, radius: float, most: int) -> dict[str, np.ndarray]:
    """coord and force (3 most, 3), aparam and atom_pref (3 most,): all O first, the molecule in the middle leading."""
    oxygen = frame.coord[atoms[:, 0]]
    apart, distances = find_mic(oxygen - oxygen[middle], frame.cell)
    chosen = np.argsort(distances)[: min(most, int((distances < radius).sum()))]
    arms = find_mic((frame.coord[atoms] - oxygen[:, None]).reshape(-1, 3), frame.cell)[0].reshape(-1, 3, 3)
    coord = apart[chosen, None] + arms[chosen]
    count = len(chosen)
    places = np.concatenate([np.arange(count)[:, None], most + np.arange(2 * count).reshape(-1, 2)], axis=1)
    result = {"coord": np.zeros((3 * most, 3)), "force": np.zeros((3 * most, 3))}
    result |= {"aparam": np.zeros(3 * most), "atom_pref": np.zeros(3 * most)}
    result["coord"][places], result["aparam"][places] = coord, 1.0
    result["force"][places[0]], result["atom_pref"][places[0]] = frame.labels["force"][atoms[middle]], 1.0
    return result


def cut(system: Path, output: Path, frames: int, each: int, radius: float, most: int) -> int:
    """Write the clusters; returns how many there are."""
    source = read_system(system, ("O", "H"))
    random, found = np.random.default_rng(0), []
    for index in np.linspace(0, source.nframes - 1, min(frames, source.nframes)).astype(int).tolist():
        frame = source.frame(index)
        atoms = molecules(frame)
        for middle in random.choice(len(atoms), min(each, len(atoms)), replace=False).tolist():
            found.append(cluster(frame, atoms, middle, radius, most))
    (output / "set.000").mkdir(parents=True)
    for name in found[0]:
        np.save(output / "set.000" / f"{name}.npy", np.array([each[name].ravel() for each in found]))
    (output / "type_map.raw").write_text("O\nH\n")
    (output / "type.raw").write_text("\n".join(["0"] * most + ["1"] * 2 * most) + "\n")
    (output / "nopbc").touch()
    return len(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--frames", type=int, default=100, help="of the system, evenly spread")
    parser.add_argument("--molecules", type=int, default=8, help="clusters of each frame")
    parser.add_argument("--radius", type=float, default=4.5, help="between O and O, A")
    parser.add_argument("--most", type=int, default=16, help="molecules of a cluster")
    given = parser.parse_args()
    written = cut(given.system, given.output, given.frames, given.molecules, given.radius, given.most)
    print(f"{given.output}: {written} clusters of up to {given.most} molecules")

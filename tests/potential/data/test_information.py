"""Description of data sets, broken ones included."""

import numpy as np
import pytest

from deepaw.potential.data.information import describe, open_systems
from potential.systems import water, write_mixed_system, write_system


def test_ranges_of_a_system(tmp_path):
    frames = water(6, molecules=2)
    folder = write_system(tmp_path / "water", frames, sets=2)
    description = describe(open_systems([folder], None), 4.0)
    system = description.systems[0]
    assert (system.name, system.nframes, system.formulas) == (str(folder), 6, ("O2 H4",))
    assert (system.natoms.low, system.natoms.high) == (6, 6)
    assert system.is_periodic
    assert system.labels == ("energy", "force", "virial")
    energy, force, virial = (frames.labels[name] for name in ("energy", "force", "virial"))
    assert (system.energy.low, system.energy.high) == pytest.approx((energy.min() / 6, energy.max() / 6))
    assert system.force_rms == pytest.approx(np.sqrt((force**2).mean()))
    assert system.force_max == pytest.approx(np.linalg.norm(force, axis=2).max())
    assert (system.virial.low, system.virial.high) == pytest.approx((virial.min() / 6, virial.max() / 6))
    lengths, volumes = np.linalg.norm(frames.cell, axis=2), np.abs(np.linalg.det(frames.cell))
    assert (system.lengths.low, system.lengths.high) == pytest.approx((lengths.min(), lengths.max()))
    assert (system.volumes.low, system.volumes.high) == pytest.approx((volumes.min(), volumes.max()))
    assert description.broken == []


def test_what_is_not_there_has_no_range(tmp_path):
    folder = write_system(tmp_path / "molecule", water(2, molecules=1, periodic=False), labels=("energy",))
    system = describe(open_systems([folder], None), 4.0).systems[0]
    assert not system.is_periodic
    assert system.force_rms is system.force_max is system.virial is system.lengths is system.volumes is None


def test_type_maps_are_put_together(tmp_path):
    folders = [
        write_system(tmp_path / "water", water(1, molecules=1), type_map=("H", "O")),
        write_mixed_system(tmp_path / "mixed", [water(1, 1), water(2, 3)], type_map=("C", "O", "H")),
    ]
    description = describe(open_systems(folders, None), 4.0)
    assert description.type_map == ("H", "O", "C")
    assert description.systems[1].formulas == ("H2 O", "H6 O3")
    assert (description.systems[1].natoms.low, description.systems[1].natoms.high) == (3, 9)
    assert open_systems(folders, ["O", "H"])[0].type_map == ("O", "H")


def test_broken_frames_are_all_reported(tmp_path):
    folder = write_system(tmp_path / "water", water(20, molecules=2))
    arrays = {name: np.load(folder / "set.000" / f"{name}.npy") for name in ("coord", "box", "force", "energy")}
    arrays["coord"][1, 4] = np.nan
    arrays["box"][2, :3] = 0
    arrays["force"][3, 7] = -500
    arrays["energy"][4] += 100
    arrays["energy"][5] = np.inf
    arrays["coord"][6, 3:6] = arrays["coord"][6, :3] + 0.1
    arrays["coord"][7, 3:6] = arrays["coord"][7, :3]
    arrays["box"][8] /= 10
    arrays["coord"][9, 0] = 1e9
    for name, array in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    description = describe(open_systems([folder], None), 4.0)
    assert {entry.system for entry in description.broken} == {str(folder)}
    reasons = {entry.frame: entry.reason for entry in description.broken}
    assert len(description.broken) == len(reasons) == 9
    for frame, said in {
        1: "a number that is not finite",
        2: "a cell of zero volume",
        3: "a force of 500 eV/A, above 100",
        4: "eV/atom off the median of its composition",
        5: "a number that is not finite (NaN or infinite), in energy",
        6: "overlapping atoms: O and O 0.173 A apart, below 0.660",
        7: "overlapping atoms: O and O 0.000 A apart",
        8: "atoms in a cubic A, above 5",
        9: "a coordinate of 1e+09 A, beyond 10000",
    }.items():
        assert said in reasons[frame]
    # what is not finite or has no neighbours is left out of ranges and counts
    assert np.isfinite(description.systems[0].energy.high)
    assert description.neighbours.shortest_distance == 0


def test_energies_are_compared_within_a_composition(tmp_path):
    """Molecules of other sizes have other energies per atom; among few frames nothing is an outlier."""
    folders = [write_system(tmp_path / str(m), water(10, molecules=m)) for m in (1, 3)]
    few = write_system(tmp_path / "few", water(3, molecules=2))
    energy = np.load(few / "set.000" / "energy.npy")
    np.save(few / "set.000" / "energy.npy", energy + np.array([0, 0, 50]))
    assert describe(open_systems([*folders, few], None), 4.0).broken == []
    # systems of the same composition are compared with entry other
    more = write_system(tmp_path / "more", water(10, molecules=2))
    broken = describe(open_systems([more, few], None), 4.0).broken
    assert [(entry.system, entry.frame) for entry in broken] == [(str(few), 2)]


def test_types_that_are_no_elements_have_no_size(tmp_path):
    folder = write_system(tmp_path / "water", water(2, molecules=1), type_map=None)
    coord = np.load(folder / "set.000" / "coord.npy")
    coord[0, 3:6] = coord[0, :3] + 0.05
    np.save(folder / "set.000" / "coord.npy", coord)
    description = describe(open_systems([folder], None), 4.0)
    assert description.systems[0].formulas == ("Type_0 Type_12",)
    assert description.broken == []

"""CHGCAR: what ASE and pymatgen read back, and what our own reader does with their files."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.vasp import VaspChargeDensity
from pymatgen.io.vasp import Chgcar as PymatgenChgcar

from deepaw.density.files.augmentation import Augmentation
from deepaw.density.files.chgcar import read_augmentation, read_chgcar, read_chgcar_head, write_chgcar
from deepaw.errors import InputError

SHAPE = (6, 7, 8)


@pytest.fixture
def hafnia() -> Atoms:
    cell = [5.117, 5.175, 5.292, 90, 99.2, 90]
    rng = np.random.default_rng(3)
    return Atoms("Hf2O4", scaled_positions=rng.uniform(-0.2, 1.1, (6, 3)), cell=cell, pbc=True)


def density(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.1, 2.0, SHAPE)


def occupancies(counts: list[int], seed: int = 5) -> str:
    rng = np.random.default_rng(seed)
    text = ""
    for atom, count in enumerate(counts, start=1):
        text += f"augmentation occupancies{atom:4d}{count:4d}\n"
        values = [f"{x:15.7E}" for x in rng.normal(size=count)]
        text += "".join("".join(values[i : i + 5]) + "\n" for i in range(0, count, 5))
    return text


def augmentation(symbols: str = "Hf Hf O O O O", spin: bool = False) -> Augmentation:
    names = tuple(symbols.split())
    counts = [12 if name == "Hf" else 7 for name in names]
    moments = "".join(f" {0.1 * i:19.12E}" for i in range(len(names))) + "\n"
    return Augmentation(names, occupancies(counts), occupancies(counts, 6) if spin else None, moments if spin else "")


def test_read_back_by_ase_and_pymatgen(tmp_path, hafnia):
    path = tmp_path / "CHGCAR"
    rho = density()
    write_chgcar(path, hafnia, SHAPE, [rho])
    by_ase = VaspChargeDensity(str(path))
    assert np.allclose(by_ase.chg[0], rho, rtol=1e-9)
    assert np.allclose(by_ase.atoms[0].positions, hafnia.positions, atol=1e-12)
    assert list(by_ase.atoms[0].symbols) == list(hafnia.symbols)
    by_pymatgen = PymatgenChgcar.from_file(str(path))
    assert np.allclose(by_pymatgen.data["total"], rho * hafnia.get_volume(), rtol=1e-9)
    assert [site.specie.symbol for site in by_pymatgen.structure] == list(hafnia.symbols)
    assert np.allclose(by_pymatgen.structure.lattice.matrix, hafnia.cell.array, atol=1e-12)


def test_mean_over_the_grid_is_the_electron_count(tmp_path, hafnia):
    path = tmp_path / "CHGCAR"
    rho = np.full(SHAPE, 48 / hafnia.get_volume(), dtype=np.float32)
    write_chgcar(path, hafnia, SHAPE, [rho])
    assert PymatgenChgcar.from_file(str(path)).data["total"].mean() == pytest.approx(48, abs=1e-4)


@pytest.mark.parametrize("cuts", [[], [1], [3, 4], [1, 2, 3, 4, 5, 6, 7]])
def test_blocks_give_the_same_bytes_as_the_whole(tmp_path, hafnia, cuts):
    rho = density().astype(np.float32)
    write_chgcar(tmp_path / "whole", hafnia, SHAPE, [rho])
    write_chgcar(tmp_path / "blocks", hafnia, SHAPE, np.split(rho, cuts, axis=2))
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "blocks").read_bytes()


def test_atoms_keep_their_order_when_species_alternate(tmp_path):
    atoms = Atoms("OHfO2HfH", scaled_positions=np.random.default_rng(0).random((6, 3)), cell=[5, 6, 7], pbc=True)
    path = tmp_path / "CHGCAR"
    rho = density()
    write_chgcar(path, atoms, SHAPE, [rho])
    lines = path.read_text().splitlines()
    assert lines[5].split() == ["O", "Hf", "O", "Hf", "H"]
    assert lines[6].split() == ["1", "1", "2", "1", "1"]
    for symbols, positions, values in (
        (VaspChargeDensity(str(path)).atoms[0].symbols, VaspChargeDensity(str(path)).atoms[0].positions, None),
        (
            [site.specie.symbol for site in PymatgenChgcar.from_file(str(path)).structure],
            PymatgenChgcar.from_file(str(path)).structure.cart_coords,
            PymatgenChgcar.from_file(str(path)).data["total"],
        ),
    ):
        assert list(symbols) == list(atoms.symbols)
        assert np.allclose(positions, atoms.positions, atol=1e-12)
        assert values is None or np.allclose(values, rho * atoms.get_volume(), rtol=1e-9)


@pytest.mark.parametrize("augmented", [False, True])
def test_magnetisation(tmp_path, hafnia, augmented):
    path = tmp_path / "CHGCAR"
    total, spin = density(0), density(1)
    extra = augmentation(spin=True) if augmented else None
    write_chgcar(path, hafnia, SHAPE, np.split(total, [2], axis=2), np.split(spin, [3], axis=2), extra)
    by_ase = VaspChargeDensity(str(path))
    assert np.allclose(by_ase.chg[0], total, rtol=1e-9)
    assert np.allclose(by_ase.chgdiff[0], spin, rtol=1e-9)
    by_pymatgen = PymatgenChgcar.from_file(str(path))
    assert np.allclose(by_pymatgen.data["total"], total * hafnia.get_volume(), rtol=1e-9)
    assert np.allclose(by_pymatgen.data["diff"], spin * hafnia.get_volume(), rtol=1e-9)
    ours = read_chgcar(path)
    assert np.allclose(ours.density, total, rtol=1e-9)
    assert ours.magnetisation is not None
    assert np.allclose(ours.magnetisation, spin, rtol=1e-9)
    assert ours.augmentation == extra


def test_augmentation_travels_unchanged(tmp_path, hafnia):
    extra = augmentation()
    write_chgcar(tmp_path / "CHGCAR", hafnia, SHAPE, [density()], augmentation=extra)
    assert read_augmentation(tmp_path / "CHGCAR") == extra
    by_pymatgen = PymatgenChgcar.from_file(str(tmp_path / "CHGCAR"))
    numbers = {atom: len(values) for atom, values in by_pymatgen.data_aug["total"].items()}
    assert numbers == {1: 12, 2: 12, 3: 7, 4: 7, 5: 7, 6: 7}
    assert read_chgcar(tmp_path / "CHGCAR").augmentation == extra


def test_augmentation_of_a_spin_polarised_file_serves_a_total_density(tmp_path, hafnia):
    extra = augmentation(spin=True)
    write_chgcar(tmp_path / "spin", hafnia, SHAPE, [density()], [density(1)], extra)
    found = read_augmentation(tmp_path / "spin")
    found.check_fits(hafnia, spin=False, name="spin")
    found.check_fits(hafnia, spin=True, name="spin")
    write_chgcar(tmp_path / "total", hafnia, SHAPE, [density()], augmentation=found)
    assert read_augmentation(tmp_path / "total") == augmentation()


@pytest.mark.parametrize(
    ("symbols", "spin", "said"),
    [
        ("Hf Hf O O O", False, "of 5 atoms, but the structure has 6"),
        ("Hf O Hf O O O", False, "has O as its atom 2 where the structure has Hf"),
        ("Zr Zr O O O O", False, "has Zr as its atom 1"),
        ("Hf Hf O O O O", True, "not spin-polarised"),
    ],
)
def test_augmentation_that_does_not_fit(hafnia, symbols, spin, said):
    with pytest.raises(InputError, match=said):
        augmentation(symbols).check_fits(hafnia, spin, "CHGCAR")


def test_damaged_augmentation(tmp_path, hafnia):
    path = tmp_path / "CHGCAR"

    def error(text: str) -> str:
        write_chgcar(path, hafnia, SHAPE, [density()], augmentation=Augmentation(tuple(hafnia.symbols), text))
        with pytest.raises(InputError) as caught:
            read_augmentation(path)
        return str(caught.value)

    good = augmentation().total
    assert "truncated" in error(good[:-20])
    assert "for 5 of its 6 atoms" in error(good[: good.index("augmentation occupancies   6")])
    assert "for another atom of the species" in error(occupancies([12, 12, 7, 7, 7, 6]))
    assert "no augmentation occupancies" in error("")


def test_damaged_spin_blocks(tmp_path, hafnia):
    path = tmp_path / "CHGCAR"
    symbols, good = tuple(hafnia.symbols), augmentation(spin=True)
    number = good.magnetisation.split()[4]
    cases = [
        (occupancies([12, 12, 8, 8, 8, 8]), "has 7 .* of the total density for atom 3 and 8 of the magnetisation"),
        (good.magnetisation[:-20], "truncated"),
        (good.magnetisation.replace(number, "Infinity", 1), "for atom 1 that are not finite numbers"),
        (good.magnetisation.replace(number, "zebra", 1), "'ZEBRA'"),
    ]
    for text, says in cases:
        spoilt = Augmentation(symbols, good.total, text, good.moments)
        write_chgcar(path, hafnia, SHAPE, [density()], [density(1)], spoilt)
        with pytest.raises(InputError, match=says):
            read_augmentation(path)
    write_chgcar(path, hafnia, SHAPE, [density()], [density(1)], good)
    text = path.read_text()
    second = text[text.index(good.moments) + len(good.moments) :]
    path.write_text(text + second + second)
    for read in (read_augmentation, read_chgcar):
        with pytest.raises(InputError, match=r"of a non-collinear calculation \(4 densities\)"):
            read(path)


def test_augmentation_headings_from_atom_1000_on_touch(tmp_path):
    atoms = bulk("Al", cubic=True).repeat(7)[:1001]
    extra = Augmentation(tuple(atoms.symbols), occupancies([4] * 1001))
    assert "occupancies1000   4" in extra.total
    write_chgcar(tmp_path / "CHGCAR", atoms, SHAPE, [density()], augmentation=extra)
    assert read_augmentation(tmp_path / "CHGCAR") == extra


def test_files_of_others(tmp_path, hafnia):
    """ASE's CHGCAR (no line break after the last number is needed) and its ten-column CHG."""
    rho = density()
    theirs = VaspChargeDensity(None)
    theirs.atoms, theirs.chg = [hafnia], [rho.copy()]
    theirs.write(str(tmp_path / "CHGCAR"), format="chgcar")
    theirs.write(str(tmp_path / "CHG"), format="chg")
    assert read_chgcar_head(tmp_path / "CHG").shape == SHAPE
    assert np.allclose(read_chgcar(tmp_path / "CHGCAR").density, rho, rtol=1e-9)
    assert np.allclose(read_chgcar(tmp_path / "CHG").density, rho, rtol=1e-3)


def test_the_layout_of_vasp_itself(tmp_path):
    """Fortran numbers, a blank after the title, occupancies with an imaginary part, moments before the second grid."""
    numbers = " 0.11720563317E+02 -.31671618672E-03 0.50000000000E+00 0.25000000000-100 -.10000000000E+01\n"
    occupancy = "".join(
        f"augmentation occupancies{part}{atom:4d}   6\n" + "  0.5666955E+00" * 5 + "\n -0.1144141E-05\n"
        for part in ("", " (imaginary part)")
        for atom in (1, 2)
    )
    path = tmp_path / "CHGCAR"
    path.write_text(
        "unknown system                          \n   1.00000000000000     \n"
        "     4.000000    0.000000    0.000000\n     0.000000    4.000000    0.000000\n"
        "     0.000000    0.000000    4.000000\n   Ni  O \n     1     1\nDirect\n"
        "  0.000000  0.000000  0.000000\n  0.500000  0.500000  0.500000\n \n"
        "    1    2    5\n" + numbers * 2 + occupancy + "  0.120000000000E+01  0.000000000000E+00\n"
        "    1    2    5\n" + numbers * 2 + occupancy
    )
    found = read_chgcar(path)
    assert found.density.shape == (1, 2, 5)
    assert found.density[0, 1, 0] == pytest.approx(-0.31671618672e-3 / 64)
    assert found.density[0, 1, 1] == pytest.approx(0.25e-100 / 64)
    assert found.magnetisation is not None
    assert found.augmentation == Augmentation(
        ("Ni", "O"), occupancy, occupancy, "  0.120000000000E+01  0.000000000000E+00\n"
    )
    assert read_augmentation(path) == found.augmentation


def test_bad_files(tmp_path, hafnia):
    path = tmp_path / "CHGCAR"
    with pytest.raises(InputError, match="no CHGCAR file"):
        read_chgcar(path)
    for text in ("", "hello\n", "Hf\n1.0\n5 0 0\n0 5 0\n0 0 5\nHf\n1\nDirect\n0 0 0\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="is not a CHGCAR"):
            read_chgcar(path)
    write_chgcar(path, hafnia, SHAPE, [density()])
    whole = path.read_text()
    path.write_text(whole[: whole.index("\n", len(whole) // 2)])
    with pytest.raises(InputError, match="ends after"):
        read_chgcar(path)
    path.write_text(whole[: whole.index("E", len(whole) // 2) + 1])
    with pytest.raises(InputError, match=r"has '-?\d\.\d+E' where"):
        read_chgcar(path)
    path.write_text(whole.replace("    6    7    8", "    6    0    8"))
    with pytest.raises(InputError, match="its grid is 6    0    8"):
        read_chgcar_head(path)


def test_wrong_blocks_leave_nothing(tmp_path, hafnia):
    with pytest.raises(ValueError, match="end at z = 4"):
        write_chgcar(tmp_path / "CHGCAR", hafnia, SHAPE, [density()[:, :, :4]])
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_grid(tmp_path):
    """Ten times the blocks, the same peak."""
    program = """
import resource, sys
import numpy as np
from ase.build import bulk
from deepaw.density.files.chgcar import write_chgcar
n = int(sys.argv[1])
blocks = (np.full((64, 64, 4), float(i)) for i in range(n))
write_chgcar(sys.argv[2], bulk("MgO", "rocksalt", 4.2), (64, 64, 4 * n), blocks)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for n in (10, 100):
        command = [sys.executable, "-c", program, str(n), str(tmp_path / "CHGCAR")]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] - peaks[0] < 10 * 1024 * (1 if sys.platform != "darwin" else 1024)


def test_comment_in_any_encoding(tmp_path, hafnia):
    path = tmp_path / "CHGCAR"
    write_chgcar(path, hafnia, SHAPE, [density()])
    _, _, rest = path.read_text().partition("\n")
    for content in (("氧化铪\n" + rest).encode("gbk"), ("氧化铪\n" + rest).encode("utf-16")):
        path.write_bytes(content)
        assert np.allclose(read_chgcar(path).density, density(), rtol=1e-9)

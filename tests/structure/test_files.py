"""Structure files as programs write them: headers of density files, encodings, compression, disorder."""

import gzip

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms
from ase.io import write

from deepaw.density.files.chgcar import write_chgcar
from deepaw.errors import InputError
from deepaw.structure.files import LAST, read_frames
from deepaw.structure.read import read_structure

CELL = "4.2 0 0\n0 4.2 0\n0 0 4.2\n"
POSITIONS = "0 0 0\n0.5 0 0.5\n0.5 0.5 0.5\n0 0.5 0\n"
GRID = "\n  2  2  2\n 1.0E+00 1.0E+00 1.0E+00 1.0E+00 1.0E+00\n 1.0E+00 1.0E+00 1.0E+00\n"
VELOCITIES = "\n" + "  1.0E-03 -2.0E-03  3.0E-03\n" * 4


def poscar(species: str = "Mg O\n", kind: str = "Direct\n", positions: str = POSITIONS, comment: str = "MgO") -> str:
    return f"{comment}\n1.0\n{CELL}{species}2 2\n{kind}{positions}"


@pytest.mark.parametrize(
    "name",
    [
        "CHGCAR",
        "CHG",
        "PARCHG",
        "PARCHG.0012.ALLK",
        "AECCAR0",
        "AECCAR2",
        "ELFCAR",
        "LOCPOT",
        "CHGCAR_as_structure",
        "MgO_CHGCAR",
        "mgo.CHG",
        "chgcar.vasp",
        "MgO_AECCAR2",
    ],
)
def test_density_files_are_structures(tmp_path, name):
    path = tmp_path / name
    path.write_text(poscar() + GRID)
    atoms = read_structure(path)
    assert list(atoms.symbols) == ["Mg", "Mg", "O", "O"]
    assert np.allclose(atoms.get_scaled_positions()[1], [0.5, 0, 0.5])


def test_density_file_of_one_atom(tmp_path):
    """With one atom the grid would even pass for its velocity."""
    write_chgcar(tmp_path / "CHGCAR", bulk("Si", "sc", 2.5), (2, 2, 2), [np.ones((2, 2, 2))])
    atoms = read_structure(tmp_path / "CHGCAR")
    assert list(atoms.symbols) == ["Si"]
    assert "momenta" not in atoms.arrays


@pytest.mark.parametrize(
    "species", ["Mg_pv O_s\n", "Mg_pv/1ab2c3d4 O_s/55667788\n", "Mg_sv_GW O_h_GW\n", "Mg/1ab2 O\n"]
)
@pytest.mark.parametrize("tail", ["", GRID, VELOCITIES])
def test_species_with_labels_of_potcar(tmp_path, species, tail):
    (tmp_path / "POSCAR").write_text(poscar(species) + tail)
    assert list(read_structure(tmp_path / "POSCAR").symbols) == ["Mg", "Mg", "O", "O"]


def test_without_a_line_of_species(tmp_path):
    (tmp_path / "CHGCAR").write_text(poscar("", comment="Mg O") + GRID)
    assert list(read_structure(tmp_path / "CHGCAR").symbols) == ["Mg", "Mg", "O", "O"]


def test_selective_dynamics(tmp_path):
    rows = "".join(
        f"{row} {flags}\n" for row, flags in zip(POSITIONS.splitlines(), ["F F F", *["T T T"] * 3], strict=True)
    )
    (tmp_path / "CHGCAR").write_text(poscar(kind="Selective dynamics\nDirect\n", positions=rows) + GRID)
    (constraint,) = read_structure(tmp_path / "CHGCAR").constraints
    assert isinstance(constraint, FixAtoms)
    assert list(constraint.index) == [0]


def test_velocities_are_passed_over(tmp_path):
    (tmp_path / "CONTCAR").write_text(poscar() + VELOCITIES)
    assert np.allclose(read_structure(tmp_path / "CONTCAR").positions[2], [2.1, 2.1, 2.1])


def test_compressed_files(tmp_path):
    for name in ("POSCAR.gz", "mgo.vasp.gz", "CHGCAR.gz"):
        with gzip.open(tmp_path / name, "wt") as file:
            file.write(poscar() + (GRID if name == "CHGCAR.gz" else ""))
        assert len(read_structure(tmp_path / name)) == 4


def test_name_that_only_begins_like_a_density_file(tmp_path):
    write(tmp_path / "chgnet_relaxed.cif", bulk("MgO", "rocksalt", 4.2))
    assert len(read_structure(tmp_path / "chgnet_relaxed.cif")) == 2


def test_frames_of_a_file(tmp_path):
    frames = [bulk("Cu", a=a) for a in (3.5, 3.6, 3.7)]
    write(tmp_path / "cu.extxyz", frames)
    assert [atoms.cell[0, 1] for atoms in read_frames(tmp_path / "cu.extxyz")] == [1.75, 1.8, 1.85]
    assert [atoms.cell[0, 1] for atoms in read_frames(tmp_path / "cu.extxyz", frames=LAST)] == [1.85]


def content(name: str) -> str:
    if name == "POSCAR":
        return poscar(comment="氧化镁")
    if name == "mgo.cif":
        return "# 氧化镁\n" + cif("Mg1 Mg 0 0 0 1.0\nO1 O 0.5 0.5 0.5 1.0\n")
    return '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 comment=氧化镁\nMg 0 0 0\nO 2 2 2\n'


def cif(rows: str) -> str:
    lengths = "".join(f"_cell_length_{axis} 4.0\n" for axis in "abc")
    angles = "".join(f"_cell_angle_{angle} 90\n" for angle in ("alpha", "beta", "gamma"))
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    return f"data_mgo\n{lengths}{angles}loop_\n" + "".join(f"_atom_site_{name}\n" for name in columns) + rows


@pytest.mark.parametrize("name", ["POSCAR", "mgo.cif", "mgo.extxyz", "mgo.xyz"])
class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_utf8_and_marks_are_read(self, tmp_path, name, encoding):
        (tmp_path / name).write_bytes(content(name).encode(encoding))
        assert set(read_structure(tmp_path / name).symbols) == {"Mg", "O"}

    @pytest.mark.parametrize("encoding", ["gbk", "utf-16-le"])
    def test_others_are_refused_by_the_line(self, tmp_path, name, encoding):
        (tmp_path / name).write_bytes(content(name).encode(encoding))
        line = 2 if encoding == "gbk" and name.endswith("xyz") else 1
        with pytest.raises(InputError) as caught:
            read_structure(tmp_path / name)
        assert f"{tmp_path / name}, line {line} cannot be read as UTF-8" in str(caught.value)
        assert "save the file as UTF-8" in str(caught.value)


def error_of(path) -> str:
    with pytest.raises(InputError) as caught:
        read_structure(path)
    return str(caught.value)


def test_site_of_two_species(tmp_path):
    """ASE's structure of this is CaO."""
    (tmp_path / "mgo.cif").write_text(cif("Mg1 Mg 0 0 0 0.5\nO1 O 0.5 0.5 0.5 1.0\nCa1 Ca 0 0 0 0.5\n"))
    assert "site Mg1/Ca1 at (0, 0, 0) has the occupancies Mg 0.5, Ca 0.5" in error_of(tmp_path / "mgo.cif")


def test_site_with_vacancies(tmp_path):
    (tmp_path / "mgo.cif").write_text(cif("Mg1 Mg 0 0 0 0.75(2)\nO1 O 0.5 0.5 0.5 1.0\n"))
    assert "site Mg1 at (0, 0, 0) has the occupancies Mg 0.75, vacancy 0.25" in error_of(tmp_path / "mgo.cif")


def test_two_species_on_one_site_without_occupancies(tmp_path):
    text = cif("Mg1 Mg 0 0 0\nCa1 Ca 0 0 0\nO1 O 0.5 0.5 0.5\n").replace("_atom_site_occupancy\n", "")
    (tmp_path / "mgo.cif").write_text(text)
    assert "site Mg1/Ca1 at (0, 0, 0)" in error_of(tmp_path / "mgo.cif")


def test_second_block_of_a_cif(tmp_path):
    whole, half = cif("O1 O 0.5 0.5 0.5 1\n"), cif("Mg1 Mg 0 0 0 .5\n").replace("data_mgo", "data_half")
    (tmp_path / "two.cif").write_text(f"{whole}\n{half}")
    assert "two.cif, data_half: site Mg1" in error_of(tmp_path / "two.cif")


@pytest.mark.parametrize("occupancy", ["1", "1.0", "1.000(3)", "0.998(4)", ".", "?"])
def test_full_sites_are_read(tmp_path, occupancy):
    (tmp_path / "mgo.cif").write_text(cif(f"Mg1 Mg 0 0 0 {occupancy}\nO1 O 0.5 0.5 0.5 1.0\n"))
    assert sorted(read_structure(tmp_path / "mgo.cif").symbols) == ["Mg", "O"]


def test_ions_of_one_element_fill_a_site(tmp_path):
    (tmp_path / "feo.cif").write_text(cif("Fe1 Fe2+ 0 0 0 0.5\nFe2 Fe3+ 0 0 0 0.5\nO1 O2- 0.5 0.5 0.5 1\n"))
    assert sorted(read_structure(tmp_path / "feo.cif").symbols) == ["Fe", "O"]


@pytest.mark.parametrize("name", ["half.extxyz", "half.traj", "half.json"])
def test_occupancies_that_ase_carried_into_another_file(tmp_path, name):
    atoms = bulk("MgO", "rocksalt", 4.2)
    atoms.info["occupancy"] = {"0": {"Mg": 0.5, "Ca": 0.5}, "1": {"O": 1.0}}
    atoms.set_array("spacegroup_kinds", np.array([0, 1]))
    write(tmp_path / name, atoms)
    if name == "half.json":  # ASE writes no info into its databases
        assert len(read_structure(tmp_path / name)) == 2
    else:
        assert "atom 1 (Mg) has the occupancies Mg 0.5, Ca 0.5" in error_of(tmp_path / name)


def test_occupancies_of_a_pdb(tmp_path):
    atoms = Atoms("CO", [[0, 0, 0], [0, 0, 1.2]], cell=[8, 8, 8], pbc=True)
    for occupancies, said in (([1, 0.4], "atom 2 (O) has the occupancies O 0.4"), ([1, 1], None), ([0, 0], None)):
        atoms.set_array("occupancy", np.array(occupancies, dtype=float))
        write(tmp_path / "co.pdb", atoms)
        atoms.set_array("occupancy", None)
        if said is None:
            assert len(read_structure(tmp_path / "co.pdb")) == 2
        else:
            assert said in error_of(tmp_path / "co.pdb")


@pytest.mark.parametrize(("occupancy", "value"), [("0.5", "0.5"), ("10.25000", "0.25"), ("1.0", None), ("11.0", None)])
def test_occupancies_of_a_res(tmp_path, occupancy, value):
    path = tmp_path / "mgo.res"
    head = "TITL mgo\nCELL 1.0 4 4 4 90 90 90\nLATT -1\nSFAC Mg O\n"
    path.write_text(f"{head}Mg 1 0.0 0.0 0.0 {occupancy}\nO 2 0.5 0.5 0.5 1.0\nEND\n")
    if value is None:
        assert list(read_structure(path).symbols) == ["Mg", "O"]
    else:
        assert f"mgo.res, line 5: site Mg has the occupancies Mg {value}, vacancy" in error_of(path)


def test_units_without_a_cell(tmp_path):
    rows = "C1 C 0.0 0.0 0.0 1\nO1 O 0.0 0.0 1.1 0.5\n"
    columns = ("label", "type_symbol", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy")
    text = "data_co\nloop_\n" + "".join(f"_atom_site_{name}\n" for name in columns) + rows
    (tmp_path / "co.cif").write_text(text)
    assert "site O1 at (0, 0, 1.1) has the occupancies O 0.5, vacancy 0.5" in error_of(tmp_path / "co.cif")

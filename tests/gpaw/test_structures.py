"""Structures from files, and their names."""

from __future__ import annotations

from pathlib import Path

import ase.io
import pytest
from ase.build import bulk

from deepaw.errors import InputError
from deepaw.gpaw.structures import read_structures


def test_names(tmp_path: Path) -> None:
    silicon = bulk("Si")
    named = bulk("Ge")
    named.info["name"] = "germanium_1"
    ase.io.write(tmp_path / "one.extxyz", silicon)
    ase.io.write(tmp_path / "two.extxyz", [silicon, named])
    ase.io.write(tmp_path / "POSCAR", silicon, format="vasp")
    structures = read_structures([tmp_path / name for name in ("one.extxyz", "two.extxyz", "POSCAR")])
    assert [structure.name for structure in structures] == ["one", "two-1", "germanium_1", "POSCAR"]


def test_structures_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no structure file"):
        read_structures([tmp_path / "missing.xyz"])
    (tmp_path / "text.extxyz").write_text("hello")
    with pytest.raises(InputError, match=r"text.extxyz cannot be read as a structure"):
        read_structures([tmp_path / "text.extxyz"])
    ase.io.write(tmp_path / "one.extxyz", bulk("Si"))
    with pytest.raises(InputError, match="Two of the structures are called one"):
        read_structures([tmp_path / "one.extxyz"] * 2)
    outside = bulk("Si")
    outside.info["name"] = "../up"
    ase.io.write(tmp_path / "up.extxyz", outside)
    with pytest.raises(InputError, match=r"is called '../up'; names become those of files"):
        read_structures([tmp_path / "up.extxyz"])
    ase.io.write(tmp_path / "molecule.xyz", bulk("Si"), format="xyz")
    with pytest.raises(InputError, match="has no cell"):
        read_structures([tmp_path / "molecule.xyz"])

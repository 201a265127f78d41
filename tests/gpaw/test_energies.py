"""Energies of many structures in a file."""

from __future__ import annotations

from pathlib import Path

import ase.io
import pytest
from ase.build import bulk

from deepaw.errors import InputError
from deepaw.gpaw.energies import KEY, write_energies
from deepaw.gpaw.structures import NamedStructure
from deepaw.gpaw.tasks import TaskProgress
from gpawcases import run_of

SILICON, MAGNESIA, IRON = (
    NamedStructure("silicon", bulk("Si")),
    NamedStructure("magnesia", bulk("MgO", "rocksalt", a=4.2)),
    NamedStructure("iron", bulk("Fe")),
)


def test_what_is_there_is_not_calculated_again(tmp_path: Path) -> None:
    output = tmp_path / "energies.extxyz"
    seen: list[TaskProgress] = []
    assert write_energies(output, [SILICON], run_of, "a", 1, progress=seen.append) == {}
    assert write_energies(output, [MAGNESIA, SILICON], run_of, "a", 1, progress=seen.append) == {}
    assert [progress.name for progress in seen] == ["silicon", "magnesia"]
    assert seen[-1] == TaskProgress("magnesia", None, 2, 2)
    frames = ase.io.read(output, ":")
    assert [frame.info["name"] for frame in frames] == ["magnesia", "silicon"]
    assert frames[0].get_potential_energy() == -2.0 and frames[0].info["gap"] == 1.5
    assert frames[0].calc.results["free_energy"] == pytest.approx(-2.2)
    # other parameters are another calculation; earlier energies stay in the file
    write_energies(output, [SILICON], run_of, "b", 1, progress=seen.append)
    assert len(seen) == 3 and len(ase.io.read(output, ":")) == 3


def test_failures_are_left_out_and_tried_again(tmp_path: Path) -> None:
    output = tmp_path / "energies.extxyz"
    structures = [NamedStructure("bad", SILICON.atoms), NamedStructure("deadly", MAGNESIA.atoms), IRON]
    for _ in range(2):
        failures = write_energies(output, structures, run_of, "a", 2)
        assert failures == {
            "bad": "GPAW refuses bad: it is bad",
            "deadly": "its process ended with the exit code 9",
        }
        (frame,) = ase.io.read(output, ":")
        assert frame.info["name"] == "iron" and "gap" not in frame.info and KEY in frame.info


@pytest.mark.parametrize("text", ["hello\n", "2\nLattice", "1\nProperties=species:S:1:pos:R:3\nH 0 0 0\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    output = tmp_path / "energies.extxyz"
    output.write_text(text)
    with pytest.raises(InputError, match="is not a file of energies that deepaw energy wrote"):
        write_energies(output, [SILICON], run_of, "a", 1)
    assert output.read_text() == text

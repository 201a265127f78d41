"""Keyword arguments of GPAW."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from deepaw.errors import InputError
from deepaw.gpaw.parameters import check_parameters, default_parameters, kpoint_counts, read_parameters
from gpawcases import need_gpaw


def test_k_points_are_as_close_as_asked() -> None:
    atoms = Atoms("H", cell=[3.0, 6.0, 20.0], pbc=[True, True, False])
    assert kpoint_counts(atoms, 0.5) == (5, 3, 1)
    assert kpoint_counts(Atoms("H", cell=[6.283185307179586] * 3, pbc=True), 0.5) == (2, 2, 2)
    assert kpoint_counts(bulk("Si"), 10.0) == (1, 1, 1)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "params.json"
    with pytest.raises(InputError, match="There is no file"):
        read_parameters(path)
    for text, message in (("{", "is not JSON"), ("[1]", 'with at least "mode"'), ("{}", 'with at least "mode"')):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_parameters(path)
    parameters = default_parameters(bulk("Si"), cutoff=300.0)
    path.write_text(json.dumps(parameters))
    assert read_parameters(path)["mode"] == {"name": "pw", "ecut": 300.0}


def test_gpaw_knows_the_defaults() -> None:
    need_gpaw()
    parameters = default_parameters(bulk("Si"))
    assert check_parameters(parameters).mode.ecut == 600.0
    assert parameters == default_parameters(bulk("Si"))

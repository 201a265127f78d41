"""Detail files of `deepaw test`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.evaluation.compare import ENERGY_QUANTITIES, FrameComparison, Quantity
from deepaw.potential.evaluation.details import SUFFIXES, DetailFiles


def comparison(natoms: int) -> FrameComparison:
    shapes: dict[Quantity, tuple[int, int]] = {"energy": (1, 1), "force": (natoms, 3), "virial": (1, 9)}
    numbers = iter(np.arange(1, 1000) / 7)
    pairs = {}
    for name, shape in shapes.items():
        reference, predicted = (np.reshape([next(numbers) for _ in range(np.prod(shape))], shape) for _ in range(2))
        pairs[name] = reference, predicted
    for name in ("energy", "virial"):
        pairs[f"{name}_per_atom"] = tuple(part / natoms for part in pairs[name])
    return FrameComparison(natoms, pairs)


def test_columns_are_the_reference_and_then_the_prediction(tmp_path: Path) -> None:
    first, second = comparison(2), comparison(3)
    with DetailFiles(tmp_path / "test.v1", list(ENERGY_QUANTITIES)) as details:
        details.start("water")
        details.add(first)
        details.start("ice")
        details.add(second)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"test.v1{SUFFIXES[name]}" for name in ENERGY_QUANTITIES
    )
    for name in ENERGY_QUANTITIES:
        expected = np.concatenate([np.concatenate(each.pairs[name], axis=1) for each in (first, second)])
        np.testing.assert_array_equal(np.loadtxt(tmp_path / f"test.v1{SUFFIXES[name]}"), expected)
    comments = [line for line in (tmp_path / "test.v1.f.out").read_text().splitlines() if line.startswith("#")]
    columns = "data_fx data_fy data_fz pred_fx pred_fy pred_fz"
    assert comments == [f"# water: {columns}", f"# ice: {columns}"]
    virial = (tmp_path / "test.v1.v_peratom.out").read_text().splitlines()[0].split()
    assert virial[2:5] == ["data_vxx", "data_vxy", "data_vxz"] and virial[-1] == "pred_vzz" and len(virial) == 20


def test_only_labelled_quantities_are_written(tmp_path: Path) -> None:
    with DetailFiles(tmp_path / "test", ["force"]) as details:
        details.start("water")
        details.add(comparison(2))
    assert [path.name for path in tmp_path.iterdir()] == ["test.f.out"]


def test_an_error_leaves_existing_files_unchanged(tmp_path: Path) -> None:
    (tmp_path / "test.e.out").write_text("of yesterday")
    with pytest.raises(InputError, match="frame 2"), DetailFiles(tmp_path / "test", list(ENERGY_QUANTITIES)) as details:
        details.start("water")
        details.add(comparison(2))
        raise InputError("frame 2")
    assert [path.name for path in tmp_path.iterdir()] == ["test.e.out"]
    assert (tmp_path / "test.e.out").read_text() == "of yesterday"


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"), DetailFiles(tmp_path / "none" / "test", ["force"]):
        pass

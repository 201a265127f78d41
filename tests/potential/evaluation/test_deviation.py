"""Measurement of accuracy and speed for `deepaw info`."""

from __future__ import annotations

import numpy as np
import pytest

from deepaw.potential.data.geometry import cell_faults
from deepaw.potential.evaluation import deviation
from deepaw.potential.evaluation.deviation import measure_deviations, sample_frame
from deepaw.potential.files.formats import read_potential
from deepaw.potential.neighbours.pairs import find_environment
from potential.files.peer_models import path_of
from potential.randommodels import random_model
from potential.test_physics import MODELS, config_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviation, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(deviation, "EDGE_ATOMS", 3)


@pytest.mark.parametrize("case", MODELS)
def test_deviations_of_every_precision(case: str) -> None:
    model = random_model(config_of(case))
    rows = {row.precision: row for row in measure_deviations(model)}
    assert list(rows) == ["float64", "float32", "exact"]
    assert rows["exact"].force == rows["exact"].energy == 0 and rows["exact"].sizes == []
    assert 0 < rows["float64"].force < 1e-8 < rows["float32"].force < 1e-2
    assert all(row.atoms_per_second > 0 for row in rows.values())
    for precision in ("float64", "float32"):
        sizes = rows[precision].sizes
        assert len(sizes) == len(model.type_map)
        for block in sizes:
            assert [size.width for size in block] == [part.width for part in model.descriptor.parts]
            assert all(0 < size.functions <= size.polynomials * len(model.type_map) for size in block)
    for single, double in zip(rows["float32"].sizes, rows["float64"].sizes, strict=True):
        assert all(a.polynomials < b.polynomials for a, b in zip(single, double, strict=True))


def test_the_sample_is_valid_input_of_the_model() -> None:
    for case in ("one_side", "three_types", "parameters", "no_slots"):
        model = read_potential(path_of(case))
        frame = sample_frame(model)
        assert frame.cell is not None and not cell_faults(frame.cell[None])
        env = find_environment(frame.coord, frame.cell, frame.types, model.rcut)
        assert float(env.vector.norm(dim=1).min()) > 1.0
        assert np.unique(frame.types).tolist() == list(range(len(model.type_map)))
        list(measure_deviations(model))

"""Labelled batches: order of frames and atoms, and no state between batches."""

from __future__ import annotations

import gc
import weakref
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from deepaw.potential.data.system import read_system
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.neighbours.table import NeighbourTable
from deepaw.potential.training.frames import LabelledBatch, TrainingFrames
from deepaw.potential.training.kernels import training_kernels
from potential.systems import water, write_system
from potential.trainings import CPU, DESCRIPTOR, FITTING


@pytest.fixture
def frames(tmp_path: Path) -> TrainingFrames:
    write_system(tmp_path / "box", water(3, molecules=3, seed=1))
    write_system(tmp_path / "free", water(2, molecules=2, seed=2, periodic=False), labels=("energy",))
    systems = [read_system(tmp_path / name, ("H", "O")) for name in ("box", "free")]
    sections = {"type_map": ["H", "O"], "descriptor": DESCRIPTOR, "fitting_net": FITTING}
    model = PotentialModel(ModelConfig.model_validate(sections), generator=torch.Generator().manual_seed(1))
    return TrainingFrames(model, training_kernels(model, 0.8), systems, ("energy", "force"), CPU)


def tensors(values: Any) -> list[torch.Tensor | None]:
    """Return the tensors of a batch, its labels and its tables, in the order of their fields."""
    if values is None or isinstance(values, torch.Tensor):
        return [values]
    if isinstance(values, tuple):
        return [tensor for value in values for tensor in tensors(value)]
    if hasattr(values, "__dataclass_fields__"):
        return [tensor for field in fields(values) for tensor in tensors(getattr(values, field.name))]
    return []


def assert_equal(one: LabelledBatch, other: LabelledBatch) -> None:
    for a, b in zip(tensors(one), tensors(other), strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert torch.equal(a, b)


def test_a_frame_is_the_same_whether_it_was_seen_or_not(frames: TrainingFrames) -> None:
    indices = [(0, 1), (1, 0), (0, 2)]
    first = frames.batch(indices)
    assert len(tensors(first)) > 10
    frames.batch([(1, 1), (0, 1), (0, 0)])
    again = frames.batch(indices)
    assert_equal(first, again)
    assert first.batch.tables[0] is not again.batch.tables[0]


def test_nothing_is_kept_of_a_batch(frames: TrainingFrames) -> None:
    frames.batch([(0, 0)])
    attributes = {name: id(value) for name, value in vars(frames).items()}
    batch = frames.batch([(0, 1), (1, 1)])
    alive = [weakref.ref(tensor) for tensor in tensors(batch) if tensor is not None]
    del batch
    gc.collect()
    assert not any(reference() is not None for reference in alive)
    assert {name: id(value) for name, value in vars(frames).items()} == attributes


def test_atoms_are_sorted_by_type_and_labels_in_the_order_of_the_frames(frames: TrainingFrames) -> None:
    prepared = frames.batch([(1, 0), (0, 2)])
    batch, labels = prepared.batch, prepared.labels
    assert batch.natoms.tolist() == [6, 9] and batch.counts == (10, 5)
    assert torch.equal(batch.types, batch.types.sort().values)
    assert torch.equal(batch.atoms[prepared.original_order], torch.arange(15))
    assert batch.frame[prepared.original_order].tolist() == [0] * 6 + [1] * 9
    assert labels.force is not None and labels.force.shape == (15, 3)
    assert labels.has_force is not None and labels.has_force.tolist() == [False, True]
    assert labels.has_energy is None
    (table,) = batch.tables
    assert isinstance(table, NeighbourTable) and table.natoms == 15
    assert torch.equal(batch.frame[table.centre], batch.frame[table.neighbour.long()])


def test_names_count_frames_from_one(frames: TrainingFrames) -> None:
    assert frames.name(1, 0).endswith("free, frame 1")

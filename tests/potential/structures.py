"""Structures for tests of models, their evaluation by engines, and comparison of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from deepaw.potential.data.system import Frame as DataFrame
from deepaw.potential.engine.base import Engine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.model.atomic import AtomicModel

FPARAM = np.array([0.4, -0.9])


@dataclass(frozen=True)
class Structure:
    """Atoms and cell of a test structure.

    types: (natoms,). coord: (natoms, 3), A. cell: (3, 3), A, or None. aparam: (natoms, 2), for models that take it.
    """

    types: np.ndarray
    coord: np.ndarray
    cell: np.ndarray | None
    aparam: np.ndarray

    def moved(self, change: np.ndarray) -> Structure:
        """Return the structure with `change` added to the positions."""
        return replace(self, coord=self.coord + change)

    def linear(self, matrix: np.ndarray) -> Structure:
        """Return the structure transformed by x -> matrix x."""
        cell = None if self.cell is None else self.cell @ matrix.T
        return replace(self, coord=self.coord @ matrix.T, cell=cell)

    def __getitem__(self, atoms: np.ndarray | list[int]) -> Structure:
        return replace(self, types=self.types[atoms], coord=self.coord[atoms], aparam=self.aparam[atoms])

    @cached_property
    def cells(self) -> np.ndarray:
        """Cell of a periodic structure, (3, 3), A."""
        assert self.cell is not None
        return self.cell


def crowd(ntypes: int, natoms: int = 7, seed: int = 0, periodic: bool = True) -> Structure:
    """Return randomly placed atoms, at least 1 A apart, in a triclinic cell of about 4 A."""
    random = np.random.default_rng(seed)
    cell = np.array([[4.3, 0.2, -0.1], [0.9, 4.1, 0.3], [-0.7, 0.8, 4.4]])
    images = (np.array(list(np.ndindex(3, 3, 3))) - 1) @ cell
    coord: list[np.ndarray] = []
    while len(coord) < natoms:
        new = random.random(3) @ cell
        if all(np.linalg.norm(new - old + images, axis=1).min() > 1.0 for old in coord):
            coord.append(new)
    types = random.permutation(np.arange(natoms) % ntypes)
    return Structure(types, np.array(coord), cell if periodic else None, random.normal(size=(natoms, 2)))


def evaluate(engine: Engine[Any, Any], structure: Structure, **options: Any) -> Any:
    """Evaluate a structure by an engine, with the parameters of its model."""
    return engine.evaluate(frame_of(engine.model, structure), **options)


def frame_of(model: AtomicModel, structure: Structure) -> Frame:
    """Return the frame of a structure, with the parameters of a model."""
    config = model.config.fitting_net
    return Frame(
        structure.coord,
        structure.cell,
        structure.types,
        fparam=FPARAM[: config.numb_fparam] if config.numb_fparam else None,
        aparam=structure.aparam[:, : config.numb_aparam] if config.numb_aparam else None,
    )


def data_frame(structure: Structure, aparam: np.ndarray | None = None) -> DataFrame:
    """Frame of a data set, as batches are made of; aparam: (natoms, n), should a model ask."""
    labels = {} if aparam is None else {"aparam": aparam}
    return DataFrame(structure.types, structure.coord, structure.cell, labels)


def parameters(frames: Sequence[Frame], atoms: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """Return fparam and aparam of the atoms of several frames, (natoms, n), in the order of `atoms` (natoms,)."""
    fparam = [
        np.broadcast_to(frame.fparam, (len(frame.types), frame.fparam.size))
        for frame in frames
        if frame.fparam is not None
    ]
    aparam = [frame.aparam for frame in frames if frame.aparam is not None]
    return {
        name: torch.from_numpy(np.concatenate(rows))[atoms] if rows else None
        for name, rows in (("fparam", fparam), ("aparam", aparam))
    }


def same(value: torch.Tensor, expected: torch.Tensor | np.ndarray, relative: float) -> None:
    """Assert that tensors agree; relative: tolerance relative to the largest expected value, which must not be 0."""
    expected = torch.as_tensor(expected)
    assert expected.abs().max() > 0, "nothing is tested"
    torch.testing.assert_close(value, expected, rtol=0, atol=relative * float(expected.abs().max()))

"""Structures for tests of models, what engines say of them, and when numbers are the same."""

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
    """types: (natoms,). coord: (natoms, 3), A. cell: (3, 3), A, or None. aparam: (natoms, 2), should a model ask."""

    types: np.ndarray
    coord: np.ndarray
    cell: np.ndarray | None
    aparam: np.ndarray

    def moved(self, change: np.ndarray) -> Structure:
        """With all positions, or some, changed."""
        return replace(self, coord=self.coord + change)

    def linear(self, matrix: np.ndarray) -> Structure:
        """Under x -> matrix x."""
        cell = None if self.cell is None else self.cell @ matrix.T
        return replace(self, coord=self.coord @ matrix.T, cell=cell)

    def __getitem__(self, atoms: np.ndarray | list[int]) -> Structure:
        return replace(self, types=self.types[atoms], coord=self.coord[atoms], aparam=self.aparam[atoms])

    @cached_property
    def cells(self) -> np.ndarray:
        """Of a periodic structure."""
        assert self.cell is not None
        return self.cell


def crowd(ntypes: int, natoms: int = 7, seed: int = 0, periodic: bool = True) -> Structure:
    """Atoms without order, 1 A or more from each other, in a triclinic cell of about 4 A."""
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
    """By an engine, with the parameters that its model asks for."""
    return engine.evaluate(frame_of(engine.model, structure), **options)


def frame_of(model: AtomicModel, structure: Structure) -> Frame:
    """With the parameters that a model asks for."""
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
    """fparam and aparam of atoms (natoms, n) of frames, one after the other, in the order of `atoms` (natoms,)."""
    of_frames = [
        np.broadcast_to(each.fparam, (len(each.types), each.fparam.size)) for each in frames if each.fparam is not None
    ]
    of_atoms = [each.aparam for each in frames if each.aparam is not None]
    return {
        name: torch.from_numpy(np.concatenate(rows))[atoms] if rows else None
        for name, rows in (("fparam", of_frames), ("aparam", of_atoms))
    }


def same(value: torch.Tensor, expected: torch.Tensor | np.ndarray, relative: float) -> None:
    """Equal to within a part of the largest that is expected."""
    expected = torch.as_tensor(expected)
    assert expected.abs().max() > 0, "nothing is tested"
    torch.testing.assert_close(value, expected, rtol=0, atol=relative * float(expected.abs().max()))

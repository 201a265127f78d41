"""What every potential must satisfy, whatever it is made of.

Inherit `PotentialPhysics` in a test file and give a fixture `model`: a `PotentialModel` in float64 with smooth
activations, such as `random_model` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.slotted import SlottedDescriptor
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.engine.frames import Frame
from deepaw.potential.exact import Evaluation
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.native import load_model
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.batch import frame_geometry, make_batch
from deepaw.potential.training.step import Prediction, predict

POLYNOMIALS = 96
"""Of spectral forms in training: enough for random weights."""

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


def random_model(config: ModelConfig, seed: int = 1, fixed_slots: bool = False, **parts: Any) -> PotentialModel:
    """Random weights; statistics, biases and averages of parameters that each matter. parts: as of `PotentialModel`."""
    generator = torch.Generator().manual_seed(seed)
    model = PotentialModel(config, fixed_slots=fixed_slots, generator=generator, **parts)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)

    ntypes = len(config.type_map)
    for part in model.descriptor.parts:
        if isinstance(part, SlottedDescriptor | SeAtten):
            davg, dstd = torch.zeros_like(part.davg), uniform(0.2, 0.5, *part.dstd.shape)
            davg[:, 0] = uniform(0.05, 0.3, ntypes)
            if isinstance(part, SeAtten) and not part.config.fades_types:
                davg.zero_()
            dstd[:, 2:] = dstd[:, 1:2]
            part.with_statistics(davg, dstd)
    model.bias.copy_(uniform(-2, 2, ntypes))
    for name in ("fparam", "aparam"):
        getattr(model.fitting, f"{name}_mean").fill_(0.3)
        getattr(model.fitting, f"{name}_scale").fill_(1.6)
    return model


def evaluate(engine: PotentialEngine, structure: Structure, **options: bool) -> Evaluation:
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


class PotentialPhysics:
    """The suite. relative: how well equal numbers must agree; single: how well float32 agrees with float64."""

    relative = 1e-9
    single = 1e-3

    @pytest.fixture
    def engine(self, model: PotentialModel) -> PotentialEngine:
        return PotentialEngine(model)

    @pytest.fixture
    def structure(self, model: PotentialModel) -> Structure:
        return crowd(len(model.type_map))

    @pytest.mark.parametrize("seed", [1, 2])
    def test_rotation(self, engine: PotentialEngine, structure: Structure, seed: int) -> None:
        self._turned(engine, structure, Rotation.random(random_state=seed).as_matrix())

    def test_inversion(self, engine: PotentialEngine, structure: Structure) -> None:
        self._turned(engine, structure, -np.eye(3))

    def _turned(self, engine: PotentialEngine, structure: Structure, matrix: np.ndarray) -> None:
        before, after = (evaluate(engine, each) for each in (structure, structure.linear(matrix)))
        Q = torch.from_numpy(matrix)
        same(after.atom_energy, before.atom_energy, self.relative)
        same(after.force, before.force @ Q.T, self.relative)
        same(after.virial, Q @ before.virial @ Q.T, self.relative)

    def test_translation(self, engine: PotentialEngine, structure: Structure) -> None:
        self._unchanged(engine, structure, structure.moved(np.array([0.7, -11.3, 5.9])))

    def test_atoms_moved_by_lattice_vectors(self, engine: PotentialEngine, structure: Structure) -> None:
        shifts = np.random.default_rng(4).integers(-3, 4, structure.coord.shape)
        self._unchanged(engine, structure, structure.moved(shifts @ structure.cells))

    def test_another_cell_of_the_same_lattice(self, engine: PotentialEngine, structure: Structure) -> None:
        other = np.array([[1, 0, 0], [1, 1, 0], [-1, 2, -1]])
        self._unchanged(engine, structure, replace(structure, cell=other @ structure.cells))

    def _unchanged(self, engine: PotentialEngine, structure: Structure, other: Structure) -> None:
        before, after = evaluate(engine, structure), evaluate(engine, other)
        same(after.atom_energy, before.atom_energy, self.relative)
        same(after.force, before.force, self.relative)
        same(after.virial, before.virial, self.relative)

    def test_permutation(self, engine: PotentialEngine, structure: Structure) -> None:
        order = np.random.default_rng(2).permutation(len(structure.types))
        before = evaluate(engine, structure, atomic_virial=True)
        after = evaluate(engine, structure[order], atomic_virial=True)
        same(after.energy, before.energy, self.relative)
        same(after.force, before.force[order], self.relative)
        assert before.atom_virial is not None and after.atom_virial is not None
        same(after.atom_virial, before.atom_virial[order], self.relative)

    def test_atoms_of_one_type_are_alike(self, engine: PotentialEngine, structure: Structure) -> None:
        first, second = np.flatnonzero(structure.types == structure.types[0])[:2]
        coord = structure.coord.copy()
        coord[[first, second]] = coord[[second, first]]
        aparam = structure.aparam.copy()
        aparam[[first, second]] = aparam[[second, first]]
        before = evaluate(engine, structure)
        after = evaluate(engine, replace(structure, coord=coord, aparam=aparam))
        same(after.energy, before.energy, self.relative)
        same(after.force[first], before.force[second], self.relative)

    def test_a_supercell_is_its_cells(self, engine: PotentialEngine, structure: Structure) -> None:
        repeats = np.array([2, 1, 3])
        shifts = np.array(list(np.ndindex(*repeats))) @ structure.cells
        natoms = len(structure.types)
        large = structure[np.tile(np.arange(natoms), len(shifts))].moved(np.repeat(shifts, natoms, axis=0))
        before = evaluate(engine, structure)
        after = evaluate(engine, replace(large, cell=repeats[:, None] * structure.cells))
        same(after.energy, 6 * before.energy, self.relative)
        same(after.force, before.force.repeat(6, 1), self.relative)
        same(after.virial, 6 * before.virial, self.relative)

    def test_a_molecule_is_the_crystal_in_a_large_box(self, engine: PotentialEngine, structure: Structure) -> None:
        alone = replace(structure, cell=None)
        boxed = replace(structure, cell=(12 + engine.model.rcut) * np.eye(3))
        self._unchanged(engine, alone, boxed)

    @pytest.mark.parametrize("periodic", [True, False])
    def test_forces_are_the_gradient(self, engine: PotentialEngine, structure: Structure, periodic: bool) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        force = evaluate(engine, structure).force
        step = 1e-4
        for atom in (0, 3, 6):
            for axis in range(3):
                change = np.zeros_like(structure.coord)
                change[atom, axis] = step
                up, down = (float(evaluate(engine, structure.moved(sign * change)).energy) for sign in (1, -1))
                expected = -(up - down) / (2 * step)
                assert abs(float(force[atom, axis]) - expected) < 1e-6 * float(force.abs().max())

    @pytest.mark.parametrize("periodic", [True, False])
    def test_virial_is_minus_the_slope_with_strain(
        self, engine: PotentialEngine, structure: Structure, periodic: bool
    ) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        virial = evaluate(engine, structure).virial
        step = 1e-5
        for i, j in ((0, 0), (1, 2), (2, 0), (2, 1)):
            strain = np.zeros((3, 3))
            strain[i, j] = step
            up, down = (float(evaluate(engine, structure.linear(np.eye(3) + sign * strain)).energy) for sign in (1, -1))
            assert abs(float(virial[i, j]) + (up - down) / (2 * step)) < 1e-6 * float(virial.abs().max())

    def test_no_net_force_and_no_torque(self, engine: PotentialEngine, structure: Structure) -> None:
        found = evaluate(engine, structure, atomic_virial=True)
        largest = float(found.force.abs().max())
        assert float(found.force.sum(0).abs().max()) < 1e-12 * largest
        torch.testing.assert_close(found.virial, found.virial.T, rtol=0, atol=1e-9 * float(found.virial.abs().max()))
        assert found.atom_virial is not None
        same(found.atom_virial.sum(0), found.virial, 1e-12)
        same(found.atom_energy.sum(), found.energy, 1e-12)
        alone = replace(structure, cell=None)
        force = evaluate(engine, alone).force.numpy()
        torque = np.cross(alone.coord, force).sum(axis=0)
        assert np.abs(torque).max() < 1e-9 * np.abs(force).max()

    def test_smooth_where_a_neighbour_comes_within_the_cutoffs(self, engine: PotentialEngine) -> None:
        """Energy and force of a pair have no jump at any cutoff of the model, nor where a switch begins."""
        ntypes = len(engine.model.type_map)
        for part in engine.model.descriptor.parts:
            for place in {getattr(part.config, "rcut_smth", part.rcut), part.rcut}:

                def pair(distance: float) -> Evaluation:
                    coord = np.array([[0, 0, 0], [0, 0, distance], [1.2, 0.3, -0.2]])
                    types = np.array([0, ntypes - 1, 0])
                    return evaluate(engine, Structure(types, coord, None, np.ones((3, 2))))

                inside, outside = pair(place - 1e-6), pair(place + 1e-6)
                scale = float(pair(1.0).force.abs().max())
                assert abs(float(inside.energy - outside.energy)) < 1e-5 * max(scale, 1e-3)
                assert float((inside.force - outside.force).abs().max()) < 1e-4 * scale

    def test_energy_follows_the_virial_while_neighbours_leave(
        self, engine: PotentialEngine, structure: Structure
    ) -> None:
        """As the cell grows, dE/d(ln scale) = -trace(virial) all the way: there is no jump anywhere."""
        x, weights = np.polynomial.legendre.leggauss(4)
        edges = np.linspace(0.0, 0.3, 26)
        integral = 0.0
        for low, high in pairwise(edges):
            for place, weight in zip(x, weights, strict=True):
                scale = float(np.exp(0.5 * (low + high) + 0.5 * (high - low) * place))
                virial = evaluate(engine, structure.linear(scale * np.eye(3))).virial
                integral -= 0.5 * (high - low) * weight * float(virial.trace())
        ends = [float(evaluate(engine, structure.linear(np.exp(edge) * np.eye(3))).energy) for edge in edges[[0, -1]]]
        counts = [
            len(find_environment(each.coord, each.cell, each.types, engine.model.rcut).centre)
            for each in (structure, structure.linear(np.exp(0.3) * np.eye(3)))
        ]
        assert counts[0] > 1.5 * counts[1]
        assert abs(integral - (ends[1] - ends[0])) < 1e-5 * abs(ends[1] - ends[0])

    def test_energy_is_conserved(self, model: PotentialModel, structure: Structure) -> None:
        """2,000 steps of velocity Verlet, of masses 1, and of energies in units that make the largest force 0.5.

        Springs to the sites keep atoms apart, which random weights do not.
        """
        engine = PotentialEngine(model, skin=0.2)
        unit = float(evaluate(engine, structure).force.abs().max()) / 0.5
        spring, step = 15.0, 0.015
        coord, velocity = structure.coord, np.random.default_rng(8).normal(0, 0.5, structure.coord.shape)
        total, parts, farthest, force = [], [], [], np.zeros_like(coord)
        for number in range(2001):
            if number:
                velocity = velocity + 0.5 * step * force
                coord = coord + step * velocity
            found = evaluate(engine, replace(structure, coord=coord))
            shift = coord - structure.coord
            force = found.force.numpy() / unit - spring * shift
            if number:
                velocity = velocity + 0.5 * step * force
            farthest.append(np.abs(shift).max())
            parts.append(float(found.energy) / unit)
            total.append(parts[-1] + 0.5 * spring * (shift**2).sum() + 0.5 * (velocity**2).sum())
        assert max(farthest) > 0.2  # lists were made anew
        assert abs(np.mean(total[-500:]) - np.mean(total[1:501])) < 1e-3 * np.ptp(parts)
        assert np.ptp(total) < 3e-2 * np.ptp(parts)

    def test_tiles_are_the_whole(
        self, engine: PotentialEngine, structure: Structure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = evaluate(engine, structure, atomic_virial=True)
        monkeypatch.setattr("deepaw.potential.engine.base.TILE_SLOTS", 1)
        tiles = evaluate(engine, structure, atomic_virial=True)
        for name in ("energy", "force", "virial", "atom_energy", "atom_virial"):
            same(getattr(tiles, name), getattr(whole, name), 1e-12)

    @pytest.mark.parametrize("periodic", [True, False])
    def test_the_spectral_form_is_the_exact_one(
        self, model: PotentialModel, structure: Structure, periodic: bool
    ) -> None:
        structure = structure if periodic else replace(structure, cell=None)
        exact = evaluate(PotentialEngine(model, "exact"), structure, atomic_virial=True)
        for precision, limit in (("float64", 1e-8), ("float32", self.single)):
            found = evaluate(PotentialEngine(model, precision), structure, atomic_virial=True)
            for name in ("energy", "force", "virial", "atom_energy", "atom_virial"):
                same(getattr(found, name), getattr(exact, name), limit)

    def test_saved_and_loaded(self, model: PotentialModel, structure: Structure, tmp_path: Path) -> None:
        model.save(tmp_path / "model.safetensors")
        loaded = load_model(tmp_path / "model.safetensors")
        before, after = (evaluate(PotentialEngine(each), structure) for each in (model, loaded))
        assert torch.equal(before.energy, after.energy) and torch.equal(before.force, after.force)

    def test_a_batch_is_its_frames(self, model: PotentialModel) -> None:
        """What training predicts of several frames together is what the engine and the equations say of each."""
        structures = self._frames(model)
        prediction = self._predict(model, structures)
        assert prediction.virial is not None
        first = 0
        for number, structure in enumerate(structures):
            atoms = slice(first, first + len(structure.types))
            for precision in ("float64", "exact"):
                alone = evaluate(PotentialEngine(model, precision), structure)
                same(prediction.energy[number], alone.energy, 1e-9)
                same(prediction.force[atoms], alone.force, 1e-8)
                same(prediction.virial[number], alone.virial, 1e-8)
                same(prediction.atom_energy[atoms], alone.atom_energy, 1e-9)
            first = atoms.stop

    @pytest.mark.parametrize("precision", ["float64", "exact"])
    def test_frames_together_are_frames_alone(self, model: PotentialModel, precision: str) -> None:
        engine, structures = PotentialEngine(model, precision), self._frames(model)
        frames = [frame_of(model, each) for each in structures]
        for structure, found in zip(structures, engine.evaluate_frames(frames, atomic_virial=True), strict=True):
            alone = evaluate(engine, structure, atomic_virial=True)
            assert found.atom_virial is not None and alone.atom_virial is not None
            for name in ("energy", "force", "virial", "atom_energy", "atom_virial"):
                same(getattr(found, name), getattr(alone, name), 1e-9)

    def test_gradient_of_the_loss_in_the_weights(self, model: PotentialModel) -> None:
        """Energies, forces and virials all in the loss, each parameter along a random direction."""
        structures = self._frames(model)
        generator = torch.Generator().manual_seed(3)

        def loss() -> torch.Tensor:
            found = self._predict(model, structures, detached=False)
            assert found.virial is not None
            return found.energy.square().sum() + 10 * found.force.square().sum() + found.virial.square().sum()

        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(loss(), parameters)
        assert all(gradient.abs().max() > 0 for gradient in gradients)
        largest = max(float(gradient.norm()) for gradient in gradients)
        step = 1e-5
        for parameter, gradient in zip(parameters, gradients, strict=True):
            direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter += sign * step * direction
                values.append(float(loss().detach()))
                with torch.no_grad():
                    parameter -= sign * step * direction
            expected = (values[0] - values[1]) / (2 * step)
            assert abs(float((gradient * direction).sum()) - expected) < 1e-6 * largest

    def _frames(self, model: PotentialModel) -> list[Structure]:
        """Of different sizes and compositions, with a cell or without."""
        ntypes = len(model.type_map)
        return [crowd(ntypes), crowd(ntypes, 4, 1, periodic=False), crowd(ntypes, 6, 2), crowd(ntypes, 3, 3)]

    def _predict(self, model: PotentialModel, structures: list[Structure], detached: bool = True) -> Prediction:
        """Atoms in the order of the structures."""
        with torch.no_grad():
            forms = [part.form(0.8, POLYNOMIALS) for part in model.descriptor.parts]
        batch = make_batch([frame_geometry(model, forms, each.types, each.coord, each.cell) for each in structures])
        beside = parameters([frame_of(model, each) for each in structures], batch.atoms)
        with torch.set_grad_enabled(not detached):
            found = predict(model, batch, forms, virial=True, **beside)
        back = torch.argsort(batch.atoms)
        return replace(found, force=found.force[back], atom_energy=found.atom_energy[back])

"""Physics tests of potentials with electrostatics, in periodic cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.engine.engine import PotentialEngine
from deepaw.potential.model.energy import PotentialModel
from potential.longrange.models import long_range_model
from potential.physics import PotentialPhysics
from potential.structures import Structure, crowd, evaluate, frame_of, same


class TestLongRange(PotentialPhysics):
    @pytest.fixture
    def model(self) -> PotentialModel:
        return long_range_model()

    # these potentials need a cell; batches of training have the energies of the networks only
    test_a_molecule_is_the_crystal_in_a_large_box = None
    test_smooth_where_a_neighbour_comes_within_the_cutoffs = None
    test_a_batch_is_its_frames = None
    test_frames_together_are_frames_alone = None

    @pytest.mark.parametrize("periodic", [True])
    def test_forces_are_the_gradient(self, engine: PotentialEngine, structure: Structure, periodic: bool) -> None:
        super().test_forces_are_the_gradient(engine, structure, periodic)

    @pytest.mark.parametrize("periodic", [True])
    def test_virial_is_minus_the_slope_with_strain(
        self, engine: PotentialEngine, structure: Structure, periodic: bool
    ) -> None:
        super().test_virial_is_minus_the_slope_with_strain(engine, structure, periodic)

    @pytest.mark.parametrize("periodic", [True])
    def test_the_spectral_form_is_the_exact_one(
        self, model: PotentialModel, structure: Structure, periodic: bool
    ) -> None:
        super().test_the_spectral_form_is_the_exact_one(model, structure, periodic)

    def test_no_net_force(self, engine: PotentialEngine, structure: Structure) -> None:
        found = evaluate(engine, structure)
        assert float(found.force.sum(0).abs().max()) < 1e-11 * float(found.force.abs().max())

    def test_no_torque(self, engine: PotentialEngine, structure: Structure) -> None:
        virial = evaluate(engine, structure).virial
        torch.testing.assert_close(virial, virial.T, rtol=0, atol=1e-9 * float(virial.abs().max()))

    def test_electrostatics_are_added_to_the_networks(self, engine: PotentialEngine, structure: Structure) -> None:
        """Totals include electrostatics, atomic energies and virials are those of the networks."""
        content = engine.model.config.model_copy(update={"modifier": None})
        alone = PotentialModel(content)
        alone.load_state_dict({k: v for k, v in engine.model.state_dict().items() if not k.startswith("modifier.")})
        whole, networks = (evaluate(each, structure, atomic_virial=True) for each in (engine, PotentialEngine(alone)))
        assert engine._long_range is not None
        long_range = engine._long_range.evaluate(frame_of(engine.model, structure))
        assert float(long_range.energy.abs()) > 1.0 and float(long_range.force.abs().max()) > 1.0
        same(whole.energy, networks.energy + long_range.energy, 1e-12)
        same(whole.force, networks.force + long_range.force, 1e-12)
        same(whole.virial, networks.virial + long_range.virial, 1e-12)
        same(whole.atom_energy, networks.atom_energy, 1e-12)
        same(whole.atom_virial, networks.atom_virial, 1e-12)

    def test_evaluate_frames_agrees_with_evaluate(self, engine: PotentialEngine) -> None:
        structures = [crowd(2), crowd(2, 5, 3)]
        frames = [frame_of(engine.model, each) for each in structures]
        for found, structure in zip(engine.evaluate_frames(frames), structures, strict=True):
            alone = evaluate(engine, structure)
            same(found.energy, alone.energy, 1e-12)
            same(found.force, alone.force, 1e-12)

    def test_a_cell_is_needed(self, engine: PotentialEngine, structure: Structure) -> None:
        with pytest.raises(InputError, match=r"electrostatics .* needs a cell that is periodic in all directions"):
            evaluate(engine, replace(structure, cell=None))
        with pytest.raises(InputError, match="periodic in all directions"):
            engine.evaluate(replace(frame_of(engine.model, structure), periodic=(True, True, False)))


def test_together_with_a_table_at_short_range() -> None:
    from potential.shortrange.tables import smooth_table

    model = long_range_model(smooth_table(2, 3.4), use_srtab="table.txt", sw_rmin=0.8, sw_rmax=1.8)
    structure = crowd(2)
    exact, found = (evaluate(PotentialEngine(model, each), structure) for each in ("exact", "float64"))
    same(found.force, exact.force, 1e-8)
    step, force = 1e-4, found.force
    for axis in range(3):
        change = np.zeros_like(structure.coord)
        change[2, axis] = step
        engine = PotentialEngine(model)
        up, down = (float(evaluate(engine, structure.moved(sign * change)).energy) for sign in (1, -1))
        assert abs(float(force[2, axis]) + (up - down) / (2 * step)) < 1e-6 * float(force.abs().max())

"""Labels and parameters that a training needs."""

import warnings

import numpy as np
import pytest

from deepaw.errors import InputError
from deepaw.potential.data.labels import LabelRequest
from deepaw.potential.data.system import System, read_system
from deepaw.potential.fitting.dipole import DipoleFittingConfig
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.training.loss import EnergyLossInput
from deepaw.potential.training.requirements import check_labels, check_parameters, label_request, needed_labels
from deepaw.potential.training.tensor_loss import TensorLossInput
from potential.systems import water, write_system

ENERGIES = EnergyFittingConfig()
NOTHING = {f"{edge}_pref_{term}": 0.0 for edge in ("start", "limit") for term in "ef"}


@pytest.fixture
def make(tmp_path):
    def system(name: str, *labels: str) -> System:
        return read_system(write_system(tmp_path / name, water(2, 1), labels=labels), ("O", "H"))

    return system


def _said(loss: EnergyLossInput, *systems: System) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_labels(loss, ENERGIES, systems)
    return [str(warning.message) for warning in caught]


def test_labels_of_the_terms():
    assert needed_labels(EnergyLossInput(), ENERGIES) == ["energy", "force"]
    everything = EnergyLossInput(start_pref_v=1.0, limit_pref_ae=1.0, start_pref_pf=1.0)
    assert needed_labels(everything, ENERGIES) == ["energy", "force", "virial", "atom_energy", "atom_pref"]


def test_all_there(make):
    assert _said(EnergyLossInput(), make("a", "energy", "force"), make("b", "energy", "force", "virial")) == []


def test_some_lack_some(make):
    systems = [make("a", "energy"), make("b", "force"), make("c", "energy")]
    said = _said(EnergyLossInput(start_pref_v=1.0), *systems)
    assert [line.partition(" in ")[0] for line in said] == [
        "there is no energy.npy", "there is no force.npy", "there is no virial.npy",
    ]  # fmt: skip
    assert said[1].endswith("a and 1 other systems; that part of the loss does not count there")
    assert _said(EnergyLossInput(), make("d", "force"))[0].startswith("there is no energy.npy in ")


def test_weights_of_forces_may_be_left_out(make):
    system = make("a", "energy", "force")
    assert _said(EnergyLossInput(start_pref_pf=1.0, use_default_pf=True), system) == []
    assert len(_said(EnergyLossInput(start_pref_pf=1.0), system)) == 1


@pytest.mark.parametrize(
    ("loss", "labels", "missing"),
    [
        (EnergyLossInput(), ("energy",), "force"),
        (EnergyLossInput(**NOTHING, start_pref_pf=1.0), ("energy",), "force"),
        (EnergyLossInput(**NOTHING, start_pref_v=1.0), ("energy", "force"), "virial"),
        (EnergyLossInput(**{**NOTHING, "start_pref_e": 1.0}), (), "energy"),
    ],
)
def test_too_little_to_learn_from(make, loss, labels, missing):
    with pytest.raises(InputError, match=rf"There is no .*a/set\.000/{missing}\.npy, which is needed to train on"):
        check_labels(loss, ENERGIES, [make("a", *labels), make("b", *labels)])


def test_nothing_to_minimise(make):
    with pytest.raises(InputError, match=r"^all prefactors of the section loss are 0; nothing is left to minimise\.$"):
        check_labels(EnergyLossInput(**NOTHING), ENERGIES, [make("a", "energy", "force")])


def test_parameters(make, tmp_path):
    make("a", "energy")
    check_parameters(EnergyFittingConfig(), [read_system(tmp_path / "a", ("O", "H"))])
    with pytest.raises(InputError, match=r"There is no .*a/set\.000/fparam\.npy"):
        check_parameters(EnergyFittingConfig(numb_fparam=2), [read_system(tmp_path / "a", ("O", "H"))])
    check_parameters(
        EnergyFittingConfig(numb_fparam=2, default_fparam=(0.0, 1.0)), [read_system(tmp_path / "a", ("O", "H"))]
    )
    np.save(tmp_path / "a" / "set.000" / "fparam.npy", np.zeros((2, 3)))
    np.save(tmp_path / "a" / "set.000" / "aparam.npy", np.zeros((2, 3)))
    system = read_system(tmp_path / "a", ("O", "H"))
    check_parameters(EnergyFittingConfig(numb_fparam=3, numb_aparam=1), [system])
    for keys, message in (
        ({"numb_fparam": 2}, r"fparam\.npy has 3 parameters for each frame; model\.fitting_net\.numb_fparam is 2\."),
        ({"numb_aparam": 2}, r"aparam\.npy has 1 parameters for each atom; model\.fitting_net\.numb_aparam is 2\."),
    ):
        with pytest.raises(InputError, match=message):
            check_parameters(EnergyFittingConfig(**keys), [system])


def test_what_a_training_reads():
    energies = EnergyFittingConfig(numb_fparam=1)
    only_force = EnergyLossInput(**{**NOTHING, "start_pref_f": 1.0})
    assert label_request(only_force, energies) == LabelRequest(frozenset({"energy", "force", "fparam"}))
    dipoles = DipoleFittingConfig(sel_type=(1,), numb_aparam=2)
    loss = TensorLossInput(type="tensor", pref=0.0, pref_atomic=1.0)
    assert label_request(loss, dipoles) == LabelRequest(frozenset({"atomic_dipole", "aparam"}), (1,))

"""Loss against values of DeePMD-kit 3.2.0, and sums over parts of a batch against the whole."""

from dataclasses import replace
from math import isnan, prod

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from deepaw.potential.training.labels import Labels, Predictions
from deepaw.potential.training.loss import EnergyLoss, EnergyLossInput

E_F_V_AE = {
    "start_pref_e": 0.02,
    "limit_pref_e": 1.0,
    "start_pref_f": 1000.0,
    "limit_pref_f": 1.0,
    "start_pref_v": 0.5,
    "limit_pref_v": 2.0,
    "start_pref_ae": 3.0,
    "limit_pref_ae": 1.0,
}
ALL = {**E_F_V_AE, "start_pref_pf": 4.0, "limit_pref_pf": 2.0}

MSE, MAE, HUBER = {"loss_func": "mse"}, {"loss_func": "mae"}, {"use_huber": True, "huber_delta": 0.3}
HUBERS = {"use_huber": True, "huber_delta": (0.1, 0.5, 0.2), "f_use_norm": True}
UNIFORM, MIXED = [5, 5, 5], [3, 5, 4]

# its EnergyLoss, learning rate 4e-4 of 1e-3: loss, then errors per energy, force, virial, atomic energy, weighted force
PEER = [
    (UNIFORM, ALL | MSE, 185.3643751969803, [0.149369302, 0.675997285, 0.136674951, 0.686216936, 0.669505458]),
    (
        UNIFORM,
        ALL | {"relative_f": 0.5},
        63.70186246564156,
        [0.149369302, 0.394207407, 0.136674951, 0.686216936, 0.379207829],
    ),
    (UNIFORM, ALL | MAE, 245.88292918720785, [0.134489718, 0.606089962, 0.122870026, 0.623564834, 0.609673486]),
    (
        UNIFORM,
        E_F_V_AE | MAE | {"f_use_norm": True},
        468.6598582639599,
        [0.134489718, 1.166459445, 0.122870026, 0.623564834],
    ),
    (UNIFORM, E_F_V_AE | HUBER, 56.37046398860217, [0.149369302, 0.675997285, 0.136674951, 0.686216936]),
    (UNIFORM, E_F_V_AE | HUBERS, 183.68907015673486, [0.149369302, 0.675997285, 0.136674951, 0.686216936]),
    (
        UNIFORM,
        ALL | {"intensive_ener_virial": True},
        185.20550614969798,
        [0.149369302, 0.675997285, 0.136674951, 0.686216936, 0.669505458],
    ),
    (MIXED, ALL | MSE, 185.0739560527997, [0.214426431, 0.675169116, 0.180207033, 0.674901835, 0.700573303]),
    (
        MIXED,
        ALL | {"relative_f": 0.5},
        64.16811193394211,
        [0.214426431, 0.395427893, 0.180207033, 0.674901835, 0.398275335],
    ),
    (MIXED, ALL | MAE, 247.5810887966418, [0.187855459, 0.609813806, 0.158886632, 0.606259945, 0.664911706]),
    (
        MIXED,
        E_F_V_AE | MAE | {"f_use_norm": True},
        468.25982790113983,
        [0.187855459, 1.165331759, 0.158886632, 0.606259945],
    ),
    (MIXED, E_F_V_AE | HUBER, 56.618274611759375, [0.214426431, 0.675169116, 0.180207033, 0.674901835]),
    (MIXED, E_F_V_AE | HUBERS, 183.47211854520495, [0.214426431, 0.675169116, 0.180207033, 0.674901835]),
    (
        MIXED,
        ALL | {"intensive_ener_virial": True},
        184.88240034331886,
        [0.214426431, 0.675169116, 0.180207033, 0.674901835, 0.700573303],
    ),
]


def wave(*shape: int, phase: float) -> Tensor:
    return torch.sin(1.3 * torch.arange(prod(shape), dtype=torch.float64) + phase).reshape(shape)


def batch(natoms: list[int]) -> tuple[Predictions, Labels, Tensor]:
    frames, atoms = len(natoms), sum(natoms)
    predictions, energies = (
        {
            "energy": wave(frames, phase=phase),
            "force": wave(atoms, 3, phase=phase + 0.1),
            "virial": wave(frames, 3, 3, phase=phase + 0.2),
            "atom_energy": wave(atoms, phase=phase + 0.3),
        }
        for phase in (0.0, 1.0)
    )
    labels = Labels(**energies, atom_pref=1 + wave(atoms, phase=1.4))
    return Predictions(**predictions), labels, torch.tensor(natoms)


def part(values: Predictions | Labels, natoms: list[int], frame: int):
    start = sum(natoms[:frame])
    atoms = slice(start, start + natoms[frame])
    cut = {
        name: value[frame : frame + 1] if name in ("energy", "virial") or name.startswith("has_") else value[atoms]
        for name, value in vars(values).items()
        if value is not None
    }
    return replace(values, **cut)


@pytest.mark.parametrize(("natoms", "keys", "expected", "errors"), PEER)
def test_same_as_deepmd(natoms, keys, expected, errors):
    loss, shown = EnergyLoss(EnergyLossInput(**keys), 1e-3)(4e-4, *batch(natoms))
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    means = shown.means()
    assert means.pop("rmse") == pytest.approx(expected**0.5)
    kind = "mae" if keys.get("loss_func") == "mae" else "rmse"
    terms = ["e", "f", "v", "ae", "pf"][: len(errors)]
    assert means == pytest.approx({f"{kind}_{term}": error for term, error in zip(terms, errors, strict=True)})


def test_prefactors_follow_the_rate():
    loss = EnergyLoss(EnergyLossInput(), 1e-3)
    assert [loss.prefactor("f", rate) for rate in (1e-3, 5e-4, 0.0)] == pytest.approx([1000, 500.5, 1])
    assert loss.prefactor("v", 5e-4) == 0


@pytest.mark.parametrize("keys", [ALL, E_F_V_AE | HUBER, E_F_V_AE | MAE | {"f_use_norm": True}])
def test_parts_of_a_batch_add_up(keys):
    predictions, labels, natoms = batch(MIXED)
    labels = replace(labels, has_virial=torch.tensor([True, False, True]))
    calculate = EnergyLoss(EnergyLossInput(**keys), 1e-3)
    whole, errors = calculate(4e-4, predictions, labels, natoms)
    parts = [(part(predictions, MIXED, i), part(labels, MIXED, i), natoms[i : i + 1]) for i in range(3)]
    counts = sum(calculate.counts(label, number) for _, label, number in parts)
    results = [calculate(4e-4, *arguments, counts) for arguments in parts]
    assert sum(loss for loss, _ in results).item() == pytest.approx(whole.item(), rel=1e-13)
    first, second, third = (shown for _, shown in results)
    assert (first + second + third).means() == pytest.approx(errors.means(), rel=1e-13)


def test_labels_that_some_frames_lack():
    predictions, labels, natoms = batch(MIXED)
    has_label = torch.tensor([True, False, True])
    energy = torch.where(has_label, labels.energy, torch.nan)
    atoms = has_label.repeat_interleave(natoms)
    force = torch.where(atoms.unsqueeze(1), labels.force, torch.nan)
    partial_labels = replace(labels, energy=energy, has_energy=has_label, force=force, has_force=has_label)
    keys = {"start_pref_pf": 4.0, "limit_pref_pf": 2.0}
    calculate = EnergyLoss(EnergyLossInput(**keys), 1e-3)
    predictions.force.requires_grad_()
    loss, errors = calculate(4e-4, predictions, partial_labels, natoms)

    labelled_atoms = [0, 1, 2, 8, 9, 10, 11]
    reduced = Predictions(predictions.energy[has_label], predictions.force[labelled_atoms])
    full = Labels(labels.energy[has_label], labels.force[labelled_atoms], atom_pref=labels.atom_pref[labelled_atoms])
    expected, expected_errors = calculate(4e-4, reduced, full, natoms[has_label])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-13)
    assert errors.means() == pytest.approx(expected_errors.means())
    (gradient,) = torch.autograd.grad(loss, predictions.force)
    assert gradient[~atoms].eq(0).all()
    assert gradient[atoms].ne(0).all()


@pytest.mark.parametrize(
    ("force", "pref", "expected"),
    [(None, [True, False], 3), ([False, True], None, 5), ([True, True], [False, True], 5)],
)
def test_weighted_forces_need_forces_and_weights(force, pref, expected):
    _, labels, natoms = batch([3, 5])
    masks = {"has_force": force, "has_atom_pref": pref}
    labels = replace(labels, **{name: torch.tensor(mask) for name, mask in masks.items() if mask is not None})
    calculate = EnergyLoss(EnergyLossInput(start_pref_pf=1.0, limit_pref_pf=1.0), 1e-3)
    assert calculate.counts(labels, natoms)[4] == expected


def test_a_label_nobody_has():
    predictions, labels, natoms = batch(MIXED)
    calculate = EnergyLoss(EnergyLossInput(**ALL), 1e-3)
    loss, errors = calculate(4e-4, replace(predictions, virial=None), replace(labels, virial=None), natoms)
    without = EnergyLoss(EnergyLossInput(**{**ALL, "start_pref_v": 0.0, "limit_pref_v": 0.0}), 1e-3)
    assert loss == without(4e-4, predictions, labels, natoms)[0]
    assert isnan(errors.means()["rmse_v"])
    assert not isnan(errors.means()["rmse_f"])


def test_default_weights():
    predictions, labels, natoms = batch(MIXED)
    labels = replace(labels, atom_pref=None)
    keys = {"start_pref_pf": 4.0, "limit_pref_pf": 2.0}
    plain = EnergyLoss(EnergyLossInput(), 1e-3)(4e-4, predictions, labels, natoms)[0]
    assert EnergyLoss(EnergyLossInput(**keys), 1e-3)(4e-4, predictions, labels, natoms)[0] == plain
    _, errors = EnergyLoss(EnergyLossInput(**keys, use_default_pf=True), 1e-3)(4e-4, predictions, labels, natoms)
    assert errors.means()["rmse_pf"] == pytest.approx(errors.means()["rmse_f"])


def test_a_prediction_that_was_forgotten():
    predictions, labels, natoms = batch(MIXED)
    with pytest.raises(ValueError, match="prediction or label is missing"):
        EnergyLoss(EnergyLossInput(), 1e-3)(4e-4, replace(predictions, force=None), labels, natoms)


def test_single_precision_forces_are_summed_in_double():
    predictions, labels, natoms = batch([5, 5])
    single = replace(predictions, force=predictions.force.float()), replace(labels, force=labels.force.float())
    calculate = EnergyLoss(EnergyLossInput(), 1e-3)
    loss, _ = calculate(4e-4, *single, natoms)
    assert loss.dtype == torch.float64
    assert loss.item() == pytest.approx(calculate(4e-4, predictions, labels, natoms)[0].item(), rel=1e-6)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"use_huber": True, "loss_func": "mae"}, "keep one of them"),
        ({"use_huber": True, "relative_f": 1.0}, "keep one of them"),
        ({"use_huber": True, "start_pref_pf": 1.0}, "these should be 0"),
        ({"f_use_norm": True}, "f_use_norm is true"),
        ({"huber_delta": (0.1, 0.0, 1.0)}, "greater than 0"),
        ({"huber_delta": (0.1, 1.0)}, "a list of three"),
        ({"start_pref_e": -1.0}, "greater than or equal to 0"),
    ],
)
def test_contradictions(keys, message):
    with pytest.raises(ValidationError, match=message):
        EnergyLossInput(**keys)

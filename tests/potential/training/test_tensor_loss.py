"""The loss of dipoles and polarizabilities."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from deepaw.potential.training.labels import Labels, Predictions
from deepaw.potential.training.tensor_loss import TensorLoss, TensorLossInput

NATOMS = torch.tensor([3, 2])
SELECTED = torch.tensor([1.0, 0, 1, 1, 0], dtype=torch.float64)


def section(pref: float = 0.5, pref_atomic: float = 2.0) -> TensorLossInput:
    return TensorLossInput(type="tensor", pref=pref, pref_atomic=pref_atomic)


def batch(shape: tuple[int, ...] = (3,)) -> tuple[Predictions, Labels]:
    generator = torch.Generator().manual_seed(1)

    def random(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator, dtype=torch.float64)

    predictions = Predictions(tensor=random(2, *shape), atom_tensor=random(5, *shape))
    return predictions, Labels(tensor=random(2, *shape), atom_tensor=random(5, *shape), selected=SELECTED)


@pytest.mark.parametrize("shape", [(3,), (3, 3)])
def test_means_of_squares(shape: tuple[int, ...]) -> None:
    predictions, labels = batch(shape)
    loss, errors = TensorLoss(section(), "dipole")(1e-3, predictions, labels, NATOMS)
    frames = (predictions.tensor - labels.tensor).square()
    atoms = (predictions.atom_tensor - labels.atom_tensor)[SELECTED > 0].square()
    torch.testing.assert_close(loss, 0.5 * frames.mean() + 2.0 * atoms.mean())
    by_atom = frames.flatten(1) / torch.tensor([[2.0], [1.0]]).square()  # selected atoms of each frame
    shown = errors.means()
    assert list(shown) == ["rmse_global_dipole", "rmse_local_dipole"]
    assert shown["rmse_global_dipole"] == pytest.approx(float(by_atom.mean().sqrt()))
    assert shown["rmse_local_dipole"] == pytest.approx(float(atoms.mean().sqrt()))


def test_terms_without_prefactor_do_not_count() -> None:
    predictions, labels = batch()
    loss, errors = TensorLoss(section(pref=0.0), "polarizability")(1e-3, predictions, labels, NATOMS)
    atoms = (predictions.atom_tensor - labels.atom_tensor)[SELECTED > 0].square()
    torch.testing.assert_close(loss, 2.0 * atoms.mean())
    assert list(errors.means()) == ["rmse_local_polar"]


def test_frames_without_a_label_do_not_count() -> None:
    predictions, labels = batch()
    has_tensor = torch.tensor([True, False])
    partial_labels = Labels(labels.energy, tensor=labels.tensor, atom_tensor=labels.atom_tensor, selected=SELECTED,
                  has_tensor=has_tensor, has_atom_tensor=~has_tensor)  # fmt: skip
    loss, _ = TensorLoss(section(), "dipole")(1e-3, predictions, partial_labels, NATOMS)
    frames = (predictions.tensor - labels.tensor)[:1].square().mean()
    atoms = (predictions.atom_tensor - labels.atom_tensor)[3:4].square().mean()
    torch.testing.assert_close(loss, 0.5 * frames + 2.0 * atoms)


def test_parts_of_a_batch_add_up_to_it() -> None:
    calculate = TensorLoss(section(), "dipole")
    predictions, labels = batch()
    whole, errors = calculate(1e-3, predictions, labels, NATOMS)
    parts = []
    for frame, atoms in ((slice(0, 1), slice(0, 3)), (slice(1, 2), slice(3, 5))):
        part = (
            Predictions(tensor=predictions.tensor[frame], atom_tensor=predictions.atom_tensor[atoms]),
            Labels(tensor=labels.tensor[frame], atom_tensor=labels.atom_tensor[atoms], selected=SELECTED[atoms]),
            NATOMS[frame],
        )
        parts.append(part)
    counts = sum(calculate.counts(labels_, natoms) for _, labels_, natoms in parts)
    torch.testing.assert_close(counts, calculate.counts(labels, NATOMS))
    results = [calculate(1e-3, *part, counts) for part in parts]
    torch.testing.assert_close(results[0][0] + results[1][0], whole)
    assert (results[0][1] + results[1][1]).means() == pytest.approx(errors.means())


def test_without_labels_nothing_is_learnt_and_nan_is_shown() -> None:
    predictions, _ = batch()
    loss, errors = TensorLoss(section(), "dipole")(1e-3, predictions, Labels(selected=SELECTED), NATOMS)
    assert float(loss) == 0
    shown = errors.means()
    assert shown["rmse_global_dipole"] != shown["rmse_global_dipole"] != shown["rmse_local_dipole"]


def test_the_section() -> None:
    assert section(1.0, 0.0).labels("dipole") == ["dipole"]
    assert section().labels("polarizability") == ["polarizability", "atom_polarizability"]
    for wrong in ({"pref": 0.0, "pref_atomic": 0.0}, {"pref": -1.0, "pref_atomic": 1.0}, {"pref": 1.0}):
        with pytest.raises(ValidationError):
            TensorLossInput(type="tensor", **wrong)

"""Fitting nets of energies: one net for each type, parameters, energies of isolated atoms."""

from __future__ import annotations

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.fitting.energy import EnergyFitting, EnergyFittingConfig
from deepaw.potential.fitting.registry import make_fitting

TYPES = torch.tensor([1, 0, 1, 1, 0])


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def fitting(**keys) -> EnergyFitting:
    generator = torch.Generator().manual_seed(3)
    return make_fitting(EnergyFittingConfig(neuron=(6, 6), **keys), 2, 4, generator=generator)


def test_each_type_has_its_own_net() -> None:
    nets, D = fitting(), random(5, 4)
    energy = nets(D, TYPES)
    for atom, kind in enumerate(TYPES.tolist()):
        torch.testing.assert_close(energy[atom], nets.nets[kind](D[atom : atom + 1])[0, 0])
    assert not torch.allclose(nets(D, 1 - TYPES), energy)
    order = torch.tensor([4, 2, 0, 1, 3])
    torch.testing.assert_close(nets(D[order], TYPES[order]), energy[order])


def test_parameters_are_normalised_inputs_of_the_nets() -> None:
    nets, D = fitting(numb_fparam=2, numb_aparam=1), random(5, 4)
    nets.fparam_mean.copy_(torch.tensor([0.5, -1.0]))
    nets.fparam_scale.copy_(torch.tensor([2.0, 3.0]))
    nets.aparam_mean.fill_(0.2)
    nets.aparam_scale.fill_(0.1)
    fparam, aparam = random(5, 2, seed=1), random(5, 1, seed=2)
    x = torch.cat(
        [D, (fparam - nets.fparam_mean) * nets.fparam_scale, (aparam - nets.aparam_mean) * nets.aparam_scale], dim=1
    )
    expected = torch.stack([nets.nets[kind](x[i : i + 1])[0, 0] for i, kind in enumerate(TYPES.tolist())])
    torch.testing.assert_close(nets(D, TYPES, fparam, aparam), expected)


def test_default_fparam() -> None:
    nets, D = fitting(numb_fparam=2, default_fparam=(0.3, 0.4)), random(5, 4)
    given = torch.tensor([[0.3, 0.4]], dtype=torch.float64).expand(5, -1)
    torch.testing.assert_close(nets(D, TYPES), nets(D, TYPES, given))
    assert not torch.allclose(nets(D, TYPES, 2 * given), nets(D, TYPES))


@pytest.mark.parametrize("numb_fparam", [0, 1])
def test_atom_ener(numb_fparam: int) -> None:
    """With atom_ener, the net's energy of a descriptor of zeros is 0 for any parameters."""
    keys = {"numb_fparam": numb_fparam}
    nets, plain = fitting(atom_ener=(-3.0, None), **keys), fitting(**keys)
    fparam = random(5, 1, seed=4) if numb_fparam else None
    D = random(5, 4)
    D[1] = 0
    energy, without = nets(D, TYPES, fparam), plain(D, TYPES, fparam)
    assert abs(energy[1]) < 1e-14 and abs(without[1]) > 1e-3
    torch.testing.assert_close(energy[TYPES == 1], without[TYPES == 1])
    assert not torch.allclose(energy[4], without[4])


def test_precision_and_training() -> None:
    nets = fitting(precision="float32", trainable=False)
    assert nets.dtype == torch.float32 and nets(random(5, 4), TYPES).dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in nets.parameters())
    first, second = (fitting(seed=9).nets[0].layers[0].w, fitting(seed=10).nets[0].layers[0].w)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("fparam", "aparam", "said"),
    [
        (None, random(5, 1), "fparam is missing; the model needs 2 for each frame"),
        (random(5, 2), None, "aparam is missing; the model needs 1 for each atom"),
        (random(5, 3), random(5, 1), "fparam has 3 numbers for each frame; the model needs 2"),
        (random(5, 2), random(5, 2), "aparam has 2 numbers for each atom; the model needs 1"),
    ],
)
def test_parameters_that_are_wrong(fparam: torch.Tensor, aparam: torch.Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fitting(numb_fparam=2, numb_aparam=1)(random(5, 4), TYPES, fparam, aparam)


def test_keys_that_are_wrong() -> None:
    with pytest.raises(InputError, match="atom_ener has 3 entries; it should have one for each of the 2 types"):
        fitting(atom_ener=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="default_fparam has 1 numbers; it should have numb_fparam, 2"):
        EnergyFittingConfig(numb_fparam=2, default_fparam=(1.0,))
    with pytest.raises(ValueError, match="widths of layers"):
        EnergyFittingConfig(neuron=(4, 0))


def test_trainable_as_a_list_of_layers() -> None:
    assert not EnergyFittingConfig(neuron=(6, 6), trainable=[False, False, False]).trainable
    for trainable in ([True, True], [True, False, True], [1, 1, 1]):
        with pytest.raises(ValueError):
            EnergyFittingConfig(neuron=(6, 6), trainable=trainable)

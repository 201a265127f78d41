import pytest
import torch
from e3nn import o3

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.layout import Irrep, Row
from deepaw.density.model.linear import BlockLinear, sigmoid, silu, tanh
from deepaw.density.model.reference import ReferenceNetwork


@pytest.mark.parametrize(
    "config",
    [
        GatedConfig(mul=30, lmax=2, num_interactions=3, local=LocalConfig(hidden=5, width=3)),
        GatedConfig(mul=8, lmax=1, num_interactions=2, num_basis=6, spin=True),
        GatedConfig(mul=4, lmax=0, num_interactions=1),
    ],
)
def test_state_dict_is_the_references(config: GatedConfig) -> None:
    reference = {k: v.shape for k, v in ReferenceNetwork(config).state_dict().items() if "_w3j_" not in k}
    assert {k: v.shape for k, v in GatedNetwork(config).state_dict().items()} == reference


def test_state_dict_of_the_full_size() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in GatedNetwork(GatedConfig()).state_dict().items()}
    assert shapes["atom_model.interaction_block.convolutions.1.tp.output_mask"] == (8871,)
    assert shapes["atom_model.interaction_block.convolutions.2.lin2.weight"] == (100824,)
    assert shapes["probe_model.interaction_block.convolutions.0.lin2.weight"] == (51643,)
    assert shapes["probe_model.interaction_block.convolutions.2.fc.layer1.weight"] == (100, 3238)
    assert shapes["probe_model.interaction_block.gates.2.mul.output_mask"] == (792,)
    assert shapes["probe_model.readout.weight"] == (100,)


def test_block_linear_is_that_of_e3nn() -> None:
    torch.manual_seed(1)
    inputs, outputs = "3x0e+2x1o+4x0e+1x2e", "2x0o+5x0e+3x1o"
    rows = [Row.of([(mul, Irrep(ir.l, ir.p)) for mul, ir in o3.Irreps(text)]) for text in (inputs, outputs)]
    own = BlockLinear(*rows)
    reference = o3.FullyConnectedTensorProduct(inputs, "0e", outputs)
    reference.weight.data.copy_(own.weight)
    x = torch.randn(6, rows[0].dim)
    torch.testing.assert_close(own(x), reference(x, torch.ones(6, 1)))
    torch.testing.assert_close(own.output_mask, reference.output_mask)


@pytest.mark.parametrize(
    ("own", "plain"), [(silu, torch.nn.functional.silu), (tanh, torch.tanh), (sigmoid, torch.sigmoid)]
)
def test_activations_have_e3nns_constants(own, plain) -> None:  # type: ignore[no-untyped-def]
    from e3nn.math import normalize2mom

    x = torch.linspace(-3, 3, 9, dtype=torch.float64)
    torch.testing.assert_close(own(x), normalize2mom(plain)(x), rtol=1e-6, atol=1e-7)

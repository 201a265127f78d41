from pathlib import Path

import pytest
import torch

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel, load_density_model
from deepaw.errors import InputError
from deepaw.modelfile import read_model, write_model
from density.engine.test_engine import MODELS, expansion, gated


def test_knows_its_elements_and_their_electrons() -> None:
    model = MODELS["expansion"]
    model.check_elements([8, 72])
    with pytest.raises(InputError, match="never seen H or He; it knows O Mg Hf"):
        model.check_elements([2, 8, 1])
    assert model.electrons([72, 8, 8]) == 24
    assert DensityModel(expansion(), None, {"O": 6.0}).electrons([8, 12]) is None
    assert DensityModel(gated(), None, {"O": 6.0}).elements == (8,)
    DensityModel(gated()).check_elements([118])  # a file that does not say knows them all


def test_a_file_holds_everything(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = GatedNetwork(GatedConfig(mul=12, lmax=1, num_interactions=1, local=LocalConfig(hidden=4, width=2)))
    model = DensityModel(network, MODELS["gated"].fitted, {"O": 6.0}, {"structures": 3})
    model.save(tmp_path / "m.safetensors")
    again = load_density_model(tmp_path / "m.safetensors")
    assert again.network.config == network.config
    assert again.provenance == {"structures": 3}
    assert again.valence == {"O": 6.0}
    assert again.fitted is not None and model.fitted is not None
    assert again.fitted.elements == (8, 12, 72)
    assert torch.equal(again.fitted.coefficients, model.fitted.coefficients)
    for name, value in network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value)
    assert again.readout == "gated"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("readout", "psychic", "readout 'psychic'"),
        ("config", {"elements": [8], "channels": 4, "splines": {}}, "counts"),
        ("config", {"elements": [8], "colour": 4, "splines": {"counts": [4], "cutoffs": [3], "power": 1}}, "colour"),
    ],
)
def test_refuses_descriptions_it_does_not_know(tmp_path: Path, key: str, value: object, says: str) -> None:
    path = tmp_path / "m.safetensors"
    MODELS["expansion"].save(path)
    file = read_model(path)
    file.metadata[key] = value
    write_model(path, file)
    with pytest.raises(InputError, match=f"m.safetensors does not describe.*{says}"):
        load_density_model(path)


def test_names_the_bundled_models_where_there_is_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").touch()
    with pytest.raises(InputError, match=r"no model .*mine.safetensors.*bundled model \(fast\)"):
        load_density_model(tmp_path / "mine.safetensors")

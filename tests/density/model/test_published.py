import json
import pickle
from pathlib import Path

import pytest
import torch

from deepaw.density.engine import InferenceEngine
from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.published import read_published
from deepaw.density.model.reference import ReferenceNetwork
from deepaw.errors import InputError

LOCAL = LocalConfig(hidden=6, width=3, grid=5, order=3)
CONFIG = GatedConfig(mul=21, lmax=2, num_interactions=2, num_basis=8, envelope=False, local=LOCAL)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A checkpoint as e3nn saves it, coupling coefficients included."""
    torch.manual_seed(0)
    state = ReferenceNetwork(CONFIG).state_dict()
    torch.save({k: v for k, v in state.items() if not k.startswith("local.")}, tmp_path / "f_nonlocal.pth")
    local = {k.removeprefix("local."): v for k, v in state.items() if k.startswith("local.")}
    torch.save(local, tmp_path / "f_local.pth")
    return tmp_path


def _change(path: Path, **changes: torch.Tensor | None) -> None:
    state = torch.load(path, weights_only=True)
    for name, value in changes.items():
        name = name.replace("__", ".")
        if value is None:
            del state[name]
        else:
            state[name] = value
    torch.save(state, path)


def test_sizes_are_inferred_and_weights_kept(directory: Path) -> None:
    network = read_published(directory)
    assert network.config == CONFIG
    state = torch.load(directory / "f_nonlocal.pth", weights_only=True)
    assert all(torch.equal(network.state_dict()[k], v) for k, v in state.items() if "_w3j_" not in k)
    assert torch.equal(
        network.state_dict()["local.mlp.weight"], torch.zeros(6, GatedNetwork(CONFIG).local.mlp.in_features)
    )


def test_without_a_local_part(directory: Path) -> None:
    (directory / "f_local.pth").unlink()
    network = read_published(directory)
    assert network.local is None and network.invariant


def test_settings_beside_it(directory: Path) -> None:
    (directory / "config.json").write_text(json.dumps({"cutoff": 4.5, "num_neighbors": 30, "mul": 20}))
    config = read_published(directory).config
    assert (config.cutoff, config.num_neighbors, config.mul) == (4.5, 30.0, 20)


def test_bessel_functions_are_recognised_with_their_cutoff(tmp_path: Path) -> None:
    network = GatedNetwork(GatedConfig(mul=20, lmax=1, num_interactions=1, cutoff=5.0, basis="bessel"))
    torch.save(network.state_dict(), tmp_path / "f_nonlocal.pth")
    with pytest.raises(InputError, match=r"cutoff it was trained with in config\.json"):
        read_published(tmp_path)
    (tmp_path / "config.json").write_text('{"cutoff": 5.0}')
    assert read_published(tmp_path).config.basis == "bessel"


def test_missing_and_foreign_files(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_published(tmp_path / "nowhere")
    whole = (directory / "f_nonlocal.pth").read_bytes()
    (directory / "f_nonlocal.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"f_nonlocal\.pth is not a readable checkpoint"):
        read_published(directory)
    torch.save([1, 2], directory / "f_nonlocal.pth")
    with pytest.raises(InputError, match="dictionary of tensors"):
        read_published(directory)


def test_code_in_a_checkpoint_is_not_run(directory: Path) -> None:
    torch.save({"a": GatedConfig()}, directory / "f_nonlocal.pth")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        read_published(directory)


def test_damaged_tensors(directory: Path) -> None:
    path = directory / "f_nonlocal.pth"
    _change(path, probe_model__readout__weight=torch.full((7,), float("nan")))
    with pytest.raises(InputError, match=r"probe_model\.readout\.weight that are not finite"):
        read_published(directory)


def test_missing_wrong_and_unknown_tensors(directory: Path) -> None:
    path = directory / "f_local.pth"
    _change(path, mlp__bias=torch.zeros(5))
    with pytest.raises(InputError, match=r"mlp\.bias has the shape \(5,\) where \(6,\)"):
        read_published(directory)
    _change(path, mlp__bias=None)
    with pytest.raises(InputError, match=r"no tensor mlp\.bias"):
        read_published(directory)
    _change(path, mlp__bias=torch.zeros(6), extra=torch.zeros(1))
    with pytest.raises(InputError, match="tensor extra"):
        read_published(directory)


def test_symbolic_functions_are_refused(directory: Path) -> None:
    _change(directory / "f_local.pth", kan__symbolic_fun__0__mask=torch.ones(3, 6))
    with pytest.raises(InputError, match="symbolic"):
        read_published(directory)


def test_engines_are_pickled_by_all_files_that_are_read(directory: Path) -> None:
    content = pickle.dumps(InferenceEngine(directory))
    (directory / "notes.txt").write_text("more")
    assert pickle.loads(content).model.network.config == CONFIG
    (directory / "config.json").write_text('{"cutoff": 4.5}')
    with pytest.raises(InputError, match=r"has changed since a pickled object was made from it"):
        pickle.loads(content)

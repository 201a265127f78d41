from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from deepaw.cli.app import app
from deepaw.density.evaluation import deviation
from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.model import DensityModel, load_density_model
from deepaw.errors import InputError
from density.engine.test_engine import MODELS


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = GatedConfig(mul=20, lmax=2, num_interactions=2, envelope=False, local=LocalConfig(hidden=6, width=3))
    state = GatedNetwork(config).state_dict()
    folder = tmp_path / "published"
    folder.mkdir()
    torch.save({k: v for k, v in state.items() if not k.startswith("local.")}, folder / "f_nonlocal.pth")
    local = {k.removeprefix("local."): v for k, v in state.items() if k.startswith("local.")}
    torch.save(local, folder / "f_local.pth")
    return folder


def test_converted_file_is_the_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.safetensors"
    done = CliRunner().invoke(app, ["convert", str(checkpoint), str(output)])
    assert done.exit_code == 0 and "F_nonlocal and F_local" in done.output
    directory, file = load_density_model(checkpoint), load_density_model(output)
    assert file.network.config == directory.network.config
    assert file.provenance == {"converted_from": "published"}
    for name, value in directory.network.state_dict().items():
        assert torch.equal(file.network.state_dict()[name], value), name


def test_name_of_the_file(checkpoint: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["convert", str(checkpoint), str(tmp_path / "model.pth")])
    assert isinstance(done.exception, InputError) and ".safetensors" in str(done.exception)


def test_nothing_is_written_from_a_damaged_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "f_local.pth").write_bytes(b"")
    done = CliRunner().invoke(app, ["convert", str(checkpoint), str(tmp_path / "model.safetensors")])
    assert isinstance(done.exception, InputError)
    assert [path.name for path in tmp_path.iterdir()] == ["published"]


def test_info_states_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviation, "SECONDS", 0.0)
    torch.manual_seed(0)
    network = GatedNetwork(GatedConfig(mul=20, lmax=2, num_interactions=2))
    path = tmp_path / "model.safetensors"
    DensityModel(network, valence={"Mg": 2.0, "O": 6.0}, provenance={"nmae_validation": 0.0123}).save(path)
    done = CliRunner().invoke(app, ["info", str(path)], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    for part in ("gated", "num_interactions", "Mg 2", "1.23 %", "tight", "points/s", "rattled Mg4O8"):
        assert part in done.output


def test_deviations_are_within_their_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviation, "SECONDS", 0.0)
    torch.manual_seed(1)
    model = DensityModel(GatedNetwork(GatedConfig(mul=20, lmax=2, num_interactions=2)))
    rows = list(deviation.measure_deviations(model))
    assert [row.precision for row in rows] == ["tight", "default", "fast"]
    assert all(0 < row.deviation < row.budget and row.points_per_second > 0 for row in rows)


def test_the_expansion_is_compared_with_its_reference_on_e3nn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviation, "SECONDS", 0.0)
    rows = list(deviation.measure_deviations(MODELS["expansion"]))
    assert all(0 < row.deviation < row.budget for row in rows)

"""Every row of the tables of commands says what the command does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw import __version__
from deepaw.infer import DeepEval, DeepPot, calc_model_devi
from deepaw.potential.data.system import read_system
from deepaw.potential.files.formats import read_potential
from deepaw.potential.training.checkpoint import read_checkpoint
from deepmd_kit.commands import STEPS, STEPS_BEFORE, Run, prepare, run
from deepmd_kit.page import table

CHECKS: dict[str, Callable[[Run], None]] = {}
"""By the first column of the table."""

TRAINED = {"lcurve.out", "out.json", "model.ckpt.pt", f"model.ckpt-{STEPS}.pt", "frozen_model.safetensors"}


def checks(*commands: str) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Register a check for rows of the table."""

    def register(check: Callable[[Run], None]) -> Callable[[Run], None]:
        CHECKS.update(dict.fromkeys(commands, check))
        return check

    return register


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deepmd_kit")
    prepare(folder)
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the prepared folder, which is the working folder."""
    copied = shutil.copytree(prepared, tmp_path / "work", symlinks=True)
    monkeypatch.chdir(copied)
    return Path(copied)


def test_every_row_has_its_check() -> None:
    assert table("Commands", 0).keys() == CHECKS.keys()


@pytest.mark.parametrize("command", table("Commands", 0))
def test_what_a_row_says(command: str, folder: Path, monkeypatch, capsys) -> None:
    result = run(command, monkeypatch, capsys)
    assert result.code == 0, result.err
    assert result.err.startswith("warning: ") or not result.err
    CHECKS[command](result)


@pytest.mark.parametrize(("command", "instead"), table("Commands", 1).items())
def test_what_is_not_there(command: str, instead: str, folder: Path, monkeypatch, capsys) -> None:
    result = run(command, monkeypatch, capsys)
    assert (result.code, result.out, result.new_files) == (2, "", set())
    assert "Traceback" not in result.err
    name = command.split()[1]
    if name in ("transfer", "train-nvnmd", "embed", "gui", "pretrained"):
        start = f"error: deepaw has no command {name}: "
        assert result.err.startswith(start)
        said = [word for word in ("deepaw convert", "deepaw eval-desc", "doc-train-input") if word in instead]
        assert all(word in result.err for word in said)


def test_other_names_of_options(folder: Path, monkeypatch, capsys) -> None:
    for command, files in (
        ("dp -h", set()),
        ("dp test -h", set()),
        ("dp -b pytorch freeze --checkpoint-folder before --output graph.dp", {"graph.dp"}),
        ("dp --tf freeze --checkpoint before/model.ckpt", set()),
        ("dp test -m frozen_model --datafile systems.txt", set()),
        ("dp model-devi --models graph.000 graph.001 --system data --output x.out --frequency 2", {"x.out"}),
        ("dp neighbor-stat --system data --rcut 4.0 --type-map O H --one-type", set()),
        ("dp eval-desc --model graph.000 --datafile systems.txt --output d", {"d", "d/a.npy", "d/b.npy"}),
    ):
        result = run(command, monkeypatch, capsys)
        assert (result.code, result.err, result.new_files) == (0, "", files), command


@checks("dp --version")
def _version(result: Run) -> None:
    assert result.out == f"deepaw {__version__}\n"


@checks("dp --pt train input.json")
def _trained(result: Run) -> None:
    assert result.new_files >= TRAINED - {"frozen_model.safetensors"}
    assert read_checkpoint(Path("model.ckpt")).step == STEPS


@checks("dp train input.json --skip-neighbor-stat")
def _counted(result: Run) -> None:
    _trained(result)
    assert read_potential("frozen_model.safetensors").closest is not None


@checks("dp train input.json -o understood.json")
def _understood(result: Run) -> None:
    assert "understood.json" in result.new_files and "out.json" not in result.new_files
    assert json.loads(Path("understood.json").read_text())["training"]["save_ckpt"] == "model.ckpt"


@checks("dp train input.json --restart before/model.ckpt")
def _restarted(result: Run) -> None:
    assert read_checkpoint(Path("model.ckpt")).step == STEPS
    assert np.loadtxt("lcurve.out", ndmin=2)[:, 0].min() > STEPS_BEFORE


@checks(
    "dp train input.json --init-model before/model.ckpt",
    "dp train input.json --init-frz-model frozen_model.safetensors",
    "dp train input.json --finetune frozen_model.safetensors",
)
def _from_weights(result: Run) -> None:
    assert np.loadtxt("lcurve.out", ndmin=2)[0, 0] in (0, 1)
    assert read_checkpoint(Path("model.ckpt")).step == STEPS


@checks("dp freeze -c before -o graph")
def _frozen(result: Run) -> None:
    assert result.new_files == {"graph.safetensors"}
    expected = read_checkpoint(Path("before/model.ckpt")).weights
    assert all(
        torch.equal(value, expected[name]) for name, value in read_potential("graph.safetensors").state_dict().items()
    )


@checks("dp compress -i frozen_model -o compressed")
def _compressed(result: Run) -> None:
    assert result.new_files == {"compressed.safetensors"} and "nothing to compress" in result.out
    assert _predictions("compressed.safetensors") == _predictions("frozen_model.safetensors")


@checks("dp compress -i frozen_model -t input.json -s 0.01 -e 5 -f 10 -c model-compression")
def _compressed_to_default(result: Run) -> None:
    assert result.new_files == {"frozen_model_compressed.safetensors"}


@checks("dp test -m frozen_model -f systems.txt", "dp test -m frozen_model -s data -S set")
def _tested(result: Run) -> None:
    _check_test(result, frames=5)


@checks("dp test -m frozen_model -s data -n 2")
def _tested_on_some(result: Run) -> None:
    _check_test(result, frames=4)


@checks("dp test -m frozen_model --train-data input.json")
def _tested_on_training(result: Run) -> None:
    assert "train " in result.out and "valid " not in result.out


@checks("dp test -m frozen_model --valid-data input.json")
def _tested_on_validation(result: Run) -> None:
    assert "valid " in result.out and "train " not in result.out


@checks("dp test -m frozen_model -s data --shuffle-test -n 1 -r 7")
def _shuffled(result: Run) -> None:
    order = np.random.default_rng(7)
    (first, second) = (int(order.permutation(count)[0]) for count in (3, 2))
    errors = [_energy_error("data/a", first), _energy_error("data/b", second)]
    rows = [line.split() for line in result.out.splitlines() if line.startswith("data/")]
    assert [row[1] for row in rows] == ["1", "1"]
    np.testing.assert_allclose([float(row[3]) for row in rows], errors, rtol=1e-4)


@checks("dp test -m frozen_model -s data -d detail")
def _details(result: Run) -> None:
    kinds = ("e.out", "e_peratom.out", "f.out", "v.out", "v_peratom.out", "png")
    assert result.new_files == {f"detail.{kind}" for kind in kinds}
    energies = np.loadtxt("detail.e.out")
    labels = np.concatenate([read_system(f"data/{name}").labels["energy"] for name in "ab"])
    np.testing.assert_allclose(energies[:, 0], labels, atol=1e-12)


@checks("dp test -m frozen_model -s data -a")
def _atomic(result: Run) -> None:
    assert "atomic energy, eV" in result.out
    system = read_system("data/a")
    predicted = DeepPot("frozen_model.safetensors").eval(system.coord, system.cell, system.types[0], atomic=True)[3]
    error = predicted[:, :, 0] - system.labels["atom_ener"]
    row = next(line.split() for line in result.out.splitlines() if line.startswith("data/a"))
    np.testing.assert_allclose(
        [float(row[-2]), float(row[-1])], [np.sqrt((error**2).mean()), np.abs(error).mean()], rtol=1e-4
    )


@checks("dp model-devi -m graph.000 graph.001 -s data -o devi.out -f 10")
def _deviation(result: Run) -> None:
    assert result.new_files == {"devi.out"}
    text = Path("devi.out").read_text()
    assert [line for line in text.splitlines() if line.startswith("# data")] == ["# data/a", "# data/b"]
    found = np.loadtxt("devi.out")
    assert found[:, 0].tolist() == [0, 10, 20, 0, 10]
    np.testing.assert_allclose(found[:3], _expected_deviation("data/a", 10), rtol=1e-5)


@checks("dp model-devi -m graph.000 graph.001 -s data --real_error")
def _real_error(result: Run) -> None:
    system = read_system("data/a")
    labels = {
        "energy": system.labels["energy"][:, None] / system.natoms,
        "force": system.labels["force"],
        "virial": system.labels["virial"].reshape(-1, 9) / system.natoms,
    }
    np.testing.assert_allclose(
        np.loadtxt("model_devi.out")[:3], _expected_deviation("data/a", 1, real_data=labels), rtol=1e-5
    )


@checks("dp model-devi -m graph.000 graph.001 -s data --atomic")
def _atomic_deviation(result: Run) -> None:
    first, second = (part for part in Path("model_devi.out").read_text().split("# data/")[1:])
    assert {len(line.split()) for line in first.splitlines()[2:-1]} == {8 + 6}
    assert {len(line.split()) for line in second.splitlines()[2:]} == {8 + 9}


@checks("dp model-devi -m graph.000 graph.001 -s data --relative 1.0 --relative_v 0.5")
def _relative_deviation(result: Run) -> None:
    expected = _expected_deviation("data/a", 1, relative=1.0, relative_v=0.5)
    np.testing.assert_allclose(np.loadtxt("model_devi.out")[:3], expected, rtol=1e-5)


@checks("dp neighbor-stat -s data -r 4.0 -t O H")
def _neighbours(result: Run) -> None:
    shortest, largest = result.out.splitlines()
    assert float(shortest.removeprefix("min_nbor_dist: ")) == pytest.approx(_shortest(), abs=1e-5)
    counts = json.loads(largest.removeprefix("max_nbor_size: "))
    assert len(counts) == 2 and 0 < counts[0] < counts[1]


@checks("dp neighbor-stat -s data -r 4.0 --mixed-type")
def _all_neighbours(result: Run) -> None:
    types, _, largest = result.out.splitlines()
    assert types == "type_map: ['O', 'H']"
    assert len(json.loads(largest.removeprefix("max_nbor_size: "))) == 1


@checks("dp doc-train-input")
def _keys(result: Run) -> None:
    assert "model.descriptor, type" in result.out and "axis_neuron" in result.out


@checks("dp doc-train-input --out-type json_schema")
def _schema(result: Run) -> None:
    assert {"model", "training"} <= json.loads(result.out)["properties"].keys()


@checks("dp show frozen_model type-map descriptor fitting-net size observed-type")
def _shown(result: Run) -> None:
    model = DeepEval("frozen_model.safetensors")
    for line in (
        "The type_map is ['O', 'H']",
        f"The descriptor parameter is {model.get_model_def_script()['descriptor']}",
        f"The fitting_net parameter is {model.get_model_def_script()['fitting_net']}",
        f"Parameters in total: {model.get_model_size()['total']:,}",
        "Number of observed types: 2",
        "Observed types: ['H', 'O']",
    ):
        assert line in result.out.splitlines()


@checks("dp change-bias frozen_model -s data -n 2 -m change -o changed.safetensors")
def _changed_bias(result: Run) -> None:
    assert result.new_files == {"changed.safetensors"}
    before, after = _all_energy_errors("frozen_model.safetensors"), _all_energy_errors("changed.safetensors")
    counts = np.array([[2, 4]] * 2 + [[3, 6]] * 2)
    shift = np.linalg.lstsq(counts, before, rcond=None)[0]
    np.testing.assert_allclose(after, before - counts @ shift, atol=1e-9)


@checks("dp change-bias before/model.ckpt.pt -f systems.txt -m set")
def _set_bias(result: Run) -> None:
    assert result.new_files == {"before/model.ckpt_updated.pt"}
    after = read_checkpoint(Path("before/model.ckpt_updated.pt"))
    assert after.step == STEPS_BEFORE
    energies = np.concatenate([read_system(f"data/{name}").labels["energy"] for name in "ab"])
    counts = np.array([[2, 4]] * 3 + [[3, 6]] * 2)
    np.testing.assert_allclose(after.weights["bias"], np.linalg.lstsq(counts, energies, rcond=None)[0], atol=1e-9)


@checks("dp change-bias frozen_model -b -93.57 -187.1")
def _given_bias(result: Run) -> None:
    assert result.new_files == {"frozen_model_updated.safetensors"}
    assert read_potential("frozen_model_updated.safetensors").bias.tolist() == [-93.57, -187.1]


@checks("dp eval-desc -m frozen_model -s data -o descriptors --dtype fp32")
def _descriptors(result: Run) -> None:
    assert result.new_files == {"descriptors", "descriptors/a.npy", "descriptors/b.npy"}
    _check_descriptors("descriptors", np.float32)


@checks("dp eval-desc -m frozen_model -f systems.txt")
def _listed_descriptors(result: Run) -> None:
    _check_descriptors("desc", np.float64)


@checks("dp convert-from auto -i model.dp -o new.safetensors")
def _converted(result: Run) -> None:
    assert _predictions("new.safetensors") == _predictions("model.dp")


@checks("dp convert-backend model.dp model.yaml")
def _converted_backend(result: Run) -> None:
    assert _predictions("model.yaml") == _predictions("model.dp")


def _check_test(result: Run, frames: int) -> None:
    rows = {line.split()[0]: line.split() for line in result.out.splitlines() if line.strip()}
    assert rows.keys() >= {"data/a", "data/b", "all"} and result.new_files == set()
    assert rows["all"][1] == str(frames)


def _predictions(model: str) -> list[list[float]]:
    system = read_system("data/a")
    return [values.ravel().tolist() for values in DeepPot(model).eval(system.coord, system.cell, system.types[0])]


def _energy_error(path: str, frame: int, model: str = "frozen_model.safetensors") -> float:
    system = read_system(path)
    cell = system.cell
    assert cell is not None
    energy = DeepPot(model).eval(system.coord[frame], cell[frame], system.types[0])[0]
    return float(abs(energy[0, 0] - system.labels["energy"][frame]))


def _all_energy_errors(model: str) -> np.ndarray:
    """Return label minus prediction of the frames that -n 2 takes of each system, (4,), eV."""
    errors = []
    for name, frames in (("a", (0, 1)), ("b", (0, 1))):
        system = read_system(f"data/{name}")
        energy = DeepPot(model).eval(system.coord, system.cell, system.types[0])[0][:, 0]
        errors += [(system.labels["energy"] - energy)[frame] for frame in frames]
    return np.array(errors)


def _expected_deviation(path: str, frequency: int, **options: object) -> np.ndarray:
    system = read_system(path)
    models = [DeepPot(f"graph.00{number}.safetensors") for number in range(2)]
    return calc_model_devi(
        system.coord,
        system.cell,
        system.types[0],
        models,
        frequency=frequency,
        **options,  # type: ignore[arg-type]
    )


def _shortest() -> float:
    """Return the shortest distance in the data, A; molecules are small, and their cells wide."""
    distances = []
    for name in "ab":
        system = read_system(f"data/{name}")
        for coord in system.coord:
            vectors = coord[:, None] - coord
            distances.append(np.linalg.norm(vectors, axis=-1)[~np.eye(len(coord), dtype=bool)].min())
    return float(min(distances))


def _check_descriptors(folder: str, dtype: type) -> None:
    for name in "ab":
        system = read_system(f"data/{name}")
        expected = DeepPot("frozen_model.safetensors").eval_descriptor(system.coord, system.cell, system.types[0])
        found = np.load(f"{folder}/{name}.npy")
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)

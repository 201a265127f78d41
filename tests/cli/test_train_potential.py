"""`deepaw train` of potentials, from an input.json to a model that other commands take."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepaw.cli.app import main
from deepaw.potential.files.formats import read_potential
from deepaw.potential.nativefile import load_model
from deepaw.potential.training.checkpoint import read_checkpoint
from potential.trainings import DESCRIPTOR, TRAINING, curve, write_data, write_input


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder, and another one with data and an input file that names them relative to itself."""
    (tmp_path / "inputs").mkdir()
    write_data(tmp_path / "inputs")
    write_input(tmp_path / "inputs")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["deepaw", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def refused(monkeypatch, capsys, *arguments: str) -> str:
    """The one sentence of a command that must leave nothing behind."""
    before = {path: path.stat().st_mtime_ns for path in Path("..").rglob("*")}
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.endswith(".\n") and err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in Path("..").rglob("*")} == before
    return err


def test_input_file_with_a_byte_order_mark(folder, monkeypatch, capsys):
    path = Path("../inputs/input.json")
    path.write_bytes(path.read_text().encode("utf-16"))
    code, out, err = run(monkeypatch, capsys, "train", str(path))
    assert (code, err) == (0, "")
    assert out.startswith("7 frames of 2 systems to learn from")


@pytest.mark.parametrize(("encoding", "line"), [("gbk", 2), ("utf-16-le", 1)])
def test_input_file_in_another_encoding(folder, monkeypatch, capsys, encoding, line):
    path = Path("../inputs/input.json")
    path.write_bytes(path.read_text().replace("{", '{\n"_": "训练",', 1).encode(encoding))
    assert f"input.json, line {line} cannot be read as UTF-8" in refused(monkeypatch, capsys, "train", str(path))


def test_from_an_input_file_to_a_model(folder, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "train", "../inputs/input.json", "-o", "understood.json")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("7 frames of 2 systems to learn from, 3 to validate on; ")
    assert [line.split("  ")[0] for line in lines[1:6]] == [f"step {step}/8" for step in (1, 2, 4, 6, 8)]
    assert sorted(path.name for path in Path().iterdir()) == [
        "frozen_model.safetensors", "lcurve.out", "model.ckpt-4.pt", "model.ckpt-8.pt", "model.ckpt.pt",
        "understood.json",
    ]  # fmt: skip
    assert json.loads(Path("understood.json").read_text())["model"]["descriptor"]["neuron"] == [4, 8]
    code, out, err = run(monkeypatch, capsys, "test", "-m", "frozen_model.safetensors", "-s", "../inputs/valid")
    assert (code, err) == (0, "")


@pytest.mark.slow
def test_restart_init_model_and_finetune(folder, monkeypatch, capsys):
    run(monkeypatch, capsys, "train", "../inputs/input.json")
    write_input(folder / "inputs", training={"numb_steps": 10})
    code, out, err = run(monkeypatch, capsys, "train", "../inputs/input.json", "--restart", "model.ckpt")
    assert (code, err) == (0, "") and "10 steps, of which 8 are done" in out
    assert [line[0] for line in curve(Path())] == [1, 2, 4, 6, 8, 10]
    for option in ("--init-model", "--finetune"):
        write_input(folder / "inputs", training={"save_ckpt": f"other{option}/model", "disp_file": "other.out"})
        code, out, err = run(monkeypatch, capsys, "train", "../inputs/input.json", option, "frozen_model.safetensors")
        assert (code, err) == (0, "") and "step 8/8" in out
        assert load_model(f"other{option}/frozen_model.safetensors").provenance["steps"] == 8


def test_refused(folder, monkeypatch, capsys):
    def refuse(**sections) -> str:
        write_input(folder / "inputs", **sections)
        return refused(monkeypatch, capsys, "train", "../inputs/input.json")

    assert "input.json: training.numb_stps is not a key; did you mean" in refuse(training={"numb_stps": 3})
    assert "There is no folder ../inputs/nowhere" in refuse(training={"training_data": {"systems": ["nowhere"]}})
    assert 'descriptor.precision is "default"; it should' in refuse(training={"mixed_precision": {}})
    assert "is H, which is not" in refuse(model={"type_map": ["O"], "descriptor": {**DESCRIPTOR, "sel": [4]}}).replace(
        "of type", "is"
    )
    write_input(folder / "inputs")
    good = ("train", "../inputs/input.json")
    assert "none.pt does not exist" in refused(monkeypatch, capsys, *good, "--restart", "none.pt")
    assert "are given together" in refused(monkeypatch, capsys, *good, "-r", "a.pt", "-i", "b.pt")
    assert "device is 'gpu'" in refused(monkeypatch, capsys, *good, "--device", "gpu")
    assert "The folder no/where" in refused(monkeypatch, capsys, *good, "-o", "no/where/out.json")
    for array in ("force", "energy"):
        (folder / "inputs" / "train" / "box" / "set.000" / f"{array}.npy").unlink()
    (folder / "inputs" / "train" / "free" / "set.000" / "force.npy").unlink()
    assert "train/box/set.000/force.npy, which is needed to train on force" in refused(monkeypatch, capsys, *good)


def test_a_checkpoint_of_another_architecture(folder, monkeypatch, capsys):
    run(monkeypatch, capsys, "train", "../inputs/input.json")
    write_input(folder / "inputs", model={"descriptor": {**DESCRIPTOR, "axis_neuron": 4}})
    for option in ("--restart", "--finetune"):
        write_input(
            folder / "inputs",
            model={"descriptor": {**DESCRIPTOR, "axis_neuron": 4}},
            training={"save_ckpt": "model.ckpt" if option == "--restart" else "new.ckpt"},
        )
        said = refused(monkeypatch, capsys, "train", "../inputs/input.json", option, "model.ckpt.pt")
        assert "model.descriptor.axis_neuron is 3 in model.ckpt.pt and 4 in the input file" in said


def test_densities_have_no_such_options(folder, monkeypatch, capsys):
    Path("density.json").write_text(json.dumps({"data": {"systems": ["data"]}}))
    said = refused(monkeypatch, capsys, "train", "density.json", "--finetune", "model.ckpt.pt")
    assert "--finetune goes with potentials, and density.json describes a model of densities" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"model": {"readout": "expansion"}}, "data is missing"),
        ({"training": {"training_data": {"systems": "a"}}}, "model is missing"),
        ({"model": {"type_map": ["H"]}}, "training is missing"),
        ({"loss": {}}, "model is missing"),
        ({"model": {"type_map": ["H"]}, "training": {"systems": ["a"], "stop_batch": 3}}, "There is no folder a"),
        ({"use_smooth": True, "sel_a": [1]}, "has the layout of DeePMD-kit 0"),
    ],
)
def test_which_kind_of_input_it_is(folder, monkeypatch, capsys, content, said):
    Path("input.json").write_text(json.dumps(content))
    assert said in refused(monkeypatch, capsys, "train", "input.json")


def test_warnings_are_lines(folder, monkeypatch, capsys):
    write_input(folder / "inputs", model={"descriptor": {**DESCRIPTOR, "sel": [2, 4]}})
    code, _, err = run(monkeypatch, capsys, "train", "../inputs/input.json")
    assert code == 0 and err.startswith("warning: sel is [2, 4], and atoms") and err.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c(folder):
    """A real signal to a real process, in the middle of its steps."""
    write_input(folder / "inputs", training={"numb_steps": 1_000_000, "save_freq": 1_000_000})
    process = subprocess.Popen(
        [sys.executable, "-m", "deepaw", "train", "../inputs/input.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 10/"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    step = read_checkpoint(Path("model.ckpt.pt")).step
    assert step >= 10
    assert out.splitlines()[-1] == f"stopped at step {step}; go on with --restart model.ckpt.pt"
    assert not Path("frozen_model.safetensors").exists()


def test_a_loss_that_is_no_number(folder, monkeypatch, capsys):
    write_input(
        folder / "inputs", learning_rate={"start_lr": 1e200, "stop_lr": 1e199}, training={**TRAINING, "save_freq": 1}
    )
    code, _, err = run(monkeypatch, capsys, "train", "../inputs/input.json")
    step = read_checkpoint(Path("model.ckpt.pt")).step
    assert code == 2 and err.count("\n") == 1
    assert (
        err.startswith("error: The loss is not a finite number at step ") and f"step {step + 1}, on ../inputs/" in err
    )
    assert err.endswith("(the last good checkpoint is model.ckpt.pt).\n")


def test_freeze(folder, monkeypatch, capsys):
    run(monkeypatch, capsys, "train", "../inputs/input.json")
    before = load_model("frozen_model.safetensors").state_dict()
    for arguments, name in (
        (("-c", "model.ckpt-4.pt", "-o", "early.safetensors"), "early.safetensors"),
        (("-o", "late.dp"), "late.dp"),
        (("-c", "model.ckpt"), "frozen_model.safetensors"),
    ):
        code, out, err = run(monkeypatch, capsys, "freeze", *arguments)
        steps = 4 if "early" in name else 8
        assert (code, out, err) == (0, f"{name}: potential of O H after {steps} steps\n", "")
        same = [bool((value == before[key]).all()) for key, value in read_potential(Path(name)).state_dict().items()]
        assert all(same) == (steps == 8)


def test_names_of_types_are_given_when_freezing(folder, monkeypatch, capsys):
    for name in ("train/free", "train/box", "valid"):
        (folder / "inputs" / name / "type_map.raw").unlink()
    write_input(folder / "inputs", model={"type_map": None})
    run(monkeypatch, capsys, "train", "../inputs/input.json")
    code, out, _ = run(monkeypatch, capsys, "test", "-m", "frozen_model.safetensors", "-s", "../inputs/valid")
    assert code == 0 and "valid" in out
    _, out, _ = run(monkeypatch, capsys, "info", "frozen_model.safetensors")
    assert "Type_0 Type_1, the numbers of type.raw" in " ".join(out.split())
    for command in (("freeze", "-o"), ("convert", "frozen_model.safetensors")):
        for number, words in enumerate((("O", "H"), ("O H",), ("O,H",))):
            name = f"{command[0]}{number}.safetensors"
            code, out, err = run(monkeypatch, capsys, *command, name, "--type-map", *words)
            assert (code, err) == (0, "") and out.startswith(f"{name}: potential of O H")
            assert load_model(name).type_map == ("O", "H")
    for words, said in (
        (("freeze", "--type-map", "O"), "--type-map has the names O, and the model has 2 types"),
        (("freeze", "--type-map", "O", "O"), 'The type map is "O O"; it should name each type once'),
        (("freeze", "O"), "O is one argument too many"),
        (("convert", "convert0.safetensors", "a.dp", "--type-map", "O", "H"), "have the names O H already"),
    ):
        assert said in refused(monkeypatch, capsys, *words)
    assert not Path("a.dp").exists()


def test_freeze_refused(folder, monkeypatch, capsys):
    assert "holds no model.ckpt.pt; name the checkpoint with -c" in refused(monkeypatch, capsys, "freeze")
    run(monkeypatch, capsys, "train", "../inputs/input.json")
    assert "graph.pb would be a program of DeePMD-kit; give graph.safetensors" in refused(
        monkeypatch, capsys, "freeze", "-o", "graph.pb"
    )
    assert "The folder no" in refused(monkeypatch, capsys, "freeze", "-o", "no/model.dp")
    assert "is not a readable" in refused(monkeypatch, capsys, "freeze", "-c", "lcurve.out", "-o", "model.dp")

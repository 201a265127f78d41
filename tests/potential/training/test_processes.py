"""Training by two processes equals training by one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from deepaw.potential.training.processes import Processes, join_processes
from potential.trainings import DESCRIPTOR, curve, latest, settings, train, write_data, write_input

TRAINING = {
    "numb_steps": 6,
    "disp_freq": 1,
    "save_freq": 3,
    "enable_ema": True,
    "gradient_max_norm": 5.0,
    # frames of one, two or, of one system, sometimes a single process
    "training_data": {"systems": ["train/box", "train/free"], "batch_size": [2, 1]},
    "validation_data": {"systems": ["valid"], "batch_size": 3, "numb_btch": 1},
}


def _run(folder: Path, processes: int) -> list[tuple[int, str, str]]:
    """Return exit code, stdout and stderr of processes with the environment of torchrun."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepaw", "train", "../input.json", "--device", "cpu"]
    common = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": str(processes), "MASTER_PORT": str(port)}
    running = [
        subprocess.Popen(
            command,
            cwd=folder,
            env={**common, "MASTER_ADDR": "127.0.0.1", "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    return [(process.returncode, out, err) for process in running for out, err in [process.communicate(timeout=120)]]


@pytest.mark.slow
def test_one_process_or_two(tmp_path):
    """Processes of torchrun draw equal batches, also with a random seed."""
    write_data(tmp_path)
    model = {"descriptor": {**DESCRIPTOR, "type_one_side": False}}
    write_input(tmp_path, training={**TRAINING, "seed": None}, model=model)
    (tmp_path / "two").mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, "-m", "deepaw", "train", "../input.json", "--device", "cpu"],
        cwd=tmp_path / "two",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("to learn from") == 1 and done.stdout.count("step 6/6") == 1
    assert done.stdout.splitlines()[0].endswith("6 steps; 2 processes")
    two = latest(tmp_path / "two")
    seed = two.settings["training"]["seed"]
    train(settings(tmp_path, training={**TRAINING, "seed": seed}, model=model), tmp_path, tmp_path / "one")
    assert (tmp_path / "two" / "lcurve.out").read_text() == (tmp_path / "one" / "lcurve.out").read_text()
    assert len(curve(tmp_path / "two")) == 6
    one = latest(tmp_path / "one")
    for name, value in one.weights.items():
        torch.testing.assert_close(two.weights[name], value, rtol=1e-10, atol=1e-11)
    for average, other in zip(one.averages, two.averages, strict=True):
        torch.testing.assert_close(other, average, rtol=1e-10, atol=1e-11)
    assert one.samplers == two.samplers


@pytest.mark.slow
def test_what_is_wrong_is_said_once(tmp_path):
    write_data(tmp_path)
    write_input(tmp_path, training={"training_data": {"systems": ["nowhere"]}})
    (code, out, err), (other_code, *other) = _run(tmp_path / "two", 2)
    assert (code, out, other_code) == (2, "", 2)
    assert err.count("error: There is no folder ../nowhere") == 1
    assert not any("error" in text for text in other)
    assert not any((tmp_path / "two").iterdir())


@pytest.mark.slow
def test_alone():
    with join_processes(None) as (processes, device):
        assert processes == Processes() and processes.is_first
        assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    numbers = torch.ones(2)
    processes.sum(numbers)
    assert numbers.tolist() == [1, 1] and list(processes.share([1, 2])) == [1, 2]


@pytest.mark.slow
def test_shares_are_all_there_is_and_nothing_twice():
    shares = [Processes(rank, 4).share([1, 2, 3, 4, 5, 6]) for rank in range(4)]
    assert shares == [[1, 5], [2, 6], [3], [4]]
    assert Processes(3, 4).share([1]) == []

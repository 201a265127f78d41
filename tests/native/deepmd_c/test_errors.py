"""What callers are told: objects are returned, calls end, and CheckOK has one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from native.deepmd_c import models
from native.deepmd_c.calls import Atoms, check_ok, compute
from native.deepmd_c.interface import call, opened
from native.deepmd_c.test_energies import frames
from potential.structures import Structure, crowd


def refusal(path: Path | str) -> str:
    """Return the sentence about a file that is not opened as a potential, which then does nothing."""
    with opened("DeepPot", str(path)) as potential:
        text = call("DeepPotCheckOK", potential)
        assert text and "\n" not in text
        assert call("DeepPotGetCutoff", potential) == call("DeepPotGetNumbTypes", potential) == 0
        assert call("DeepPotGetTypeMap", potential) == ""
        assert not call("DeepPotHasDefaultFParam", potential)
        results = compute("DeepPot", potential, frames([crowd(2)]))
        assert np.isnan(results.energy).all()
        assert call("DeepPotCheckOK", potential) == call("DeepBaseModelCheckOK", potential) == text
    return text


def test_files_that_are_no_models(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.safetensors") == f"There is no model file {tmp_path}/none.safetensors."
    assert refusal(tmp_path / "none.dp") == f"There is no model file {tmp_path}/none.dp."
    assert refusal("").startswith(" ends with ''; a model is in a file of .safetensors, ")
    assert refusal("model.txt").startswith("model.txt ends with '.txt'; a model is in a file of .safetensors, ")
    text = "graph.pth is a frozen model, which only DeePMD-kit can open; 'dp convert-backend graph.pth graph.dp' turns"
    assert refusal("graph.pth").startswith(text)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(models.energies().read_bytes()[:5000])
    assert str(damaged) in refusal(damaged)
    assert refusal(models.tensors("dipole")).endswith("is a model of tensors; a DP_DeepPot is one of energies.")


def test_what_the_converter_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.dp"
    path.write_text("nothing")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DEEPAW_PYTHON", sys.executable)
    assert "model.dp" in refusal(path) and "HDF5" in refusal(path)


def test_a_python_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("nothing")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DEEPAW_PYTHON", "/nowhere/python")
    assert refusal(path) == (
        f"{path} has to be converted by deepaw, and /nowhere/python could not be started; set the environment "
        f"variable DEEPAW_PYTHON to a Python that has deepaw, or run 'deepaw convert {path} model.safetensors' and use "
        "that file."
    )


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("nothing")
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    assert refusal(path) == (
        f"{path}/deepaw/models cannot be written; the environment variable XDG_CACHE_HOME names another folder for "
        "caches."
    )


def test_atoms_that_cannot_be_evaluated() -> None:
    structure = crowd(2)
    with opened("DeepPot", str(models.energies())) as potential:
        for change, text in (
            ({"types": structure.types + 1}, "type"),
            ({"coord": np.full((1, *structure.coord.shape), np.nan)}, "atom"),
            ({"cell": np.zeros((1, 3, 3))}, "cell"),
        ):
            compute("DeepPot", potential, Atoms(**{**vars(frames([structure])), **change}))
            sentence = call("DeepPotCheckOK", potential)
            assert text in sentence and "\n" not in sentence
            compute("DeepPot", potential, frames([structure]))
            check_ok("DeepPot", potential)


def test_warnings_are_printed_once(capfd: pytest.CaptureFixture[str]) -> None:
    close = Structure(np.array([0, 1]), np.array([[0, 0, 0], [0, 0, 0.1]]), None, np.zeros((2, 2)))
    with opened("DeepPot", str(models.energies())) as potential:
        for _ in range(2):
            compute("DeepPot", potential, frames([close]))
            check_ok("DeepPot", potential)
    text = capfd.readouterr().err
    assert text.startswith("warning: ") and text.count("\n") == 1


def test_numbers_that_cannot_be() -> None:
    with opened("DeepPot", str(models.energies())) as potential:
        call("DeepPotCompute2", potential, 0, 1, *[None] * 10)
        assert call("DeepPotCheckOK", potential) == "the number of frames is 0, not 1 or more."
        call("DeepPotComputeNList", potential, 1, None, None, None, 2, None, 0, *[None] * 5)
        text = "of 1 atoms 2 are ghosts; there are 0 ghosts or more, and no more than atoms."
        assert call("DeepPotCheckOK", potential) == text


def test_parameters_that_are_missing() -> None:
    path = models.energies(numb_fparam=2, numb_aparam=1)
    structure = crowd(2)
    with opened("DeepPot", str(path)) as potential:
        compute("DeepPot", potential, frames([structure], aparam=structure.aparam[:, :1]))
        assert "fparam" in call("DeepPotCheckOK", potential)
        compute("DeepPot", potential, frames([structure], fparam=np.zeros(2)))
        assert "aparam" in call("DeepPotCheckOK", potential)


def test_parameters_of_charge_and_spin() -> None:
    with opened("DeepPot", str(models.energies())) as potential:
        assert call("DeepPotGetDimChgSpin", potential) == 0
        call("DeepPotSetChargeSpin", potential, None, 0)
        check_ok("DeepPot", potential)
        call("DeepPotSetChargeSpin", potential, np.zeros(2), 2)
        text = "2 parameters of charge and spin were given; the model has 0."
        assert call("DeepPotCheckOK", potential) == text

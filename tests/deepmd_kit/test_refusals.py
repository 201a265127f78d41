"""Wrong arguments of these commands end in one sentence, with nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepaw.potential.files.formats import read_potential, write_potential
from deepmd_kit.commands import run
from potential.files.peer_models import path_of
from potential.longrange.models import dipole_model
from potential.systems import water, write_mixed_system, write_system


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_system(Path("data/a"), water(2, 2))
    write_system(Path("twice/x/a"), water(1, 2))
    write_system(Path("twice/y/a"), water(1, 2))
    write_system(Path("bare"), water(1, 2), labels=())
    Path("nothing").mkdir()
    for name in ("frozen_model.safetensors", "graph.000.safetensors"):
        write_potential(name, read_potential(path_of("one_side")))
    dipole_model().save("dipole.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("model-devi -m graph.000 none -s data", "There is no none.safetensors"),
        ("model-devi -s data", "There is no graph.001.safetensors"),
        ("model-devi -m graph.000 --fast -s data", "--fast is not an option of this command, nor a value for --models"),
        ("model-devi -m graph.000 dipole -s data", "fitting net of type dipole"),
        ("model-devi -m graph.000 graph.000 -s nothing", "There is no system in nothing"),
        ("model-devi -m graph.000 graph.000 -s data -o none/x.out", "The folder none"),
        ("model-devi -m graph.000 graph.000 -s bare --real_error", "bare has no energy.npy, force.npy or virial.npy"),
        ("neighbor-stat -s data -r 0", "The cutoff is 0 A"),
        ("neighbor-stat -s data -r 4 -t O O", "The type map is O O; it should name each type once"),
        ("neighbor-stat -s data -r 4 -t O", "atoms of type H"),
        ("neighbor-stat -s data -r 4 -x 1", "-x is not an option"),
        ("change-bias frozen_model -b 1 x", "--bias-value is 1 x; it should be numbers"),
        ("change-bias frozen_model -b 1", "it should be one energy for each type of O H"),
        ("change-bias frozen_model -b 1 nan", "it should be one energy for each type of O H"),
        ("change-bias frozen_model 1 2 -s data", "1 2 belongs to no option"),
        ("change-bias frozen_model -s data -f list.txt", "-s data and -f list.txt are given"),
        ("change-bias frozen_model -s data -b 1 2", "-b 1 and -s are given"),
        ("eval-desc -s data -f list.txt", "-s data and -f list.txt are given"),
        ("change-bias frozen_model -f list.txt", "list.txt cannot be read as text"),
        ("change-bias frozen_model -s bare", "bare has no energy.npy"),
        ("change-bias frozen_model -s data -o x.pt", "x.pt ends with '.pt'"),
        ("change-bias dipole -s data", "fitting net of type dipole"),
        ("eval-desc -m frozen_model -s twice", "would both be written to a.npy"),
        ("eval-desc -m frozen_model -s data -o none/desc", "The folder none"),
        ("test -m frozen_model -s data -a", "data/a has no atom_ener.npy, which --atomic compares with"),
        ("compress -i none", "There is no none.safetensors"),
        ("compress -o model.pb", "model.pb would be a program of DeePMD-kit; give model.safetensors, or model.dp"),
        ("convert-from -i none.dp", "none.dp does not exist"),
        ("show none type-map", "There is no none.safetensors"),
        ("show dipole observed-type", "a model of dipoles does not say"),
    ],
)
def test_one_sentence_and_nothing_left(folder: Path, monkeypatch, capsys, command: str, said: str) -> None:
    result = run(f"dp {command}", monkeypatch, capsys)
    assert result.code == 2 and result.new_files == set()
    assert said in result.err
    assert result.err.startswith("error: ") and result.err.count("\n") == 1 and result.err.endswith(".\n")


def test_a_prefix_of_sets_is_warned_of(folder: Path, monkeypatch, capsys) -> None:
    result = run("dp test -m frozen_model -s data -S part", monkeypatch, capsys)
    assert result.code == 0
    assert "--set-prefix part has no effect" in result.err


def test_systems_of_several_compositions(folder: Path, monkeypatch, capsys) -> None:
    write_mixed_system(Path("mixed"), [water(1, 2, seed=1), water(2, 3, seed=2)])
    result = run("dp eval-desc -m frozen_model -s mixed", monkeypatch, capsys)
    assert result.code == 0, result.err
    descriptors = np.load("desc/mixed.npy")
    assert descriptors.shape[:2] == (3, 9)
    assert not descriptors[0, 6:].any() and descriptors[1:].any(axis=2).all()
    result = run("dp model-devi -m frozen_model graph.000 -s mixed --real_error", monkeypatch, capsys)
    assert result.code == 0, result.err
    assert np.isfinite(np.loadtxt("model_devi.out")).all()

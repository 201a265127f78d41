"""`deepaw info` of a potential."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepaw.cli.app import app
from deepaw.errors import InputError
from deepaw.potential.evaluation import deviation
from deepaw.potential.files.formats import read_potential
from potential.files.peer_models import path_of
from potential.longrange.models import long_range_model
from potential.shortrange.tables import smooth_table


def info(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is printed, by the first word of every line."""
    monkeypatch.setattr(deviation, "MIN_SECONDS", 0.0)
    done = CliRunner().invoke(app, ["info", str(path)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return {line.split()[0]: " ".join(line.split()[1:]) for line in done.output.splitlines() if line.strip()}


def test_what_a_native_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = read_potential(path_of("one_side"))
    model.closest, model.fixed_slots = 0.93, False
    model.provenance = {"steps": 400, "input": "x" * 1000, "data": ["a", "b"], "rmse": {"force": 0.0512, "e": None}}
    model.save(tmp_path / "water.safetensors")
    said = info(tmp_path / "water.safetensors", monkeypatch)
    assert said["model"].endswith("water.safetensors: potential, energies in eV, 272 weights")
    assert (said["types"], said["cutoff"], said["descriptor"]) == ("O H", "3 A", "se_e2_a, 12 features of an atom")
    assert (said["sel"], said["rcut_smth"], said["type_one_side"], said["seed"]) == ("16 20", "1", "yes", "-")
    assert (said["steps"], said["data"], said["rmse"]) == ("400", "a b", "force 0.0512, e -")
    assert "input" not in said
    assert said["closest"] == "in data 0.93 A" and said["more"] == "than sel all count"
    columns = said["float64"].split()
    assert len(columns) == 6 and 0 < float(columns[4]) < 1e-8
    assert said["exact"].startswith("- - - 0.0e+00 0.0e+00")


def test_a_converted_hybrid(monkeypatch: pytest.MonkeyPatch) -> None:
    said = info(path_of("hybrid"), monkeypatch)
    assert said["more"] == "than sel the farthest are dropped, as in DeePMD-kit"
    assert said["closest"] == "in data not known"
    assert said["deepmd"].count("version 3.2.0") == 1 and "model_def_script" not in said["deepmd"]
    assert said["float64"].count("+") == 6  # three parts in each of three columns


def test_what_is_added_to_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = smooth_table(2, 3.4)
    long_range_model(table, use_srtab="zbl.txt", sw_rmin=0.8, sw_rmax=1.8).save(tmp_path / "both.safetensors")
    said = info(tmp_path / "both.safetensors", monkeypatch)
    assert said["short"] == "range table zbl.txt, 0.05 to 3.4 A" and said["long"] == "range dipole_charge"
    assert (said["sw_rmax"], said["smin_alpha"], said["ewald_beta"]) == ("1.8", "0.1", "0.6")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "model.dp").write_text("nothing")
    done = CliRunner().invoke(app, ["info", str(tmp_path / "model.dp")])
    assert isinstance(done.exception, InputError) and "model.dp" in str(done.exception)

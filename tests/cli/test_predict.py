"""`deepaw-predict` from structure to file, with a small model made on the spot."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.db import connect
from ase.io import write

from deepaw.cli.predict import main
from deepaw.density.engine import InferenceEngine
from deepaw.density.files.augmentation import Augmentation
from deepaw.density.files.chgcar import read_augmentation, read_chgcar, write_chgcar
from deepaw.density.files.cube import read_cube, write_cube
from deepaw.density.grid import BOHR
from deepaw.density.model.coverage import Coverage
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.model import DensityModel, FittedAtoms, load_density_model
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.channels import channels_of_text
from deepaw.density.occupancies.chgcar import ChgcarOccupancies
from deepaw.density.occupancies.coupling import coupling_of
from deepaw.density.occupancies.model import Occupancies
from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.setup import PawSetup

VALENCE = {"O": 6.0, "Mg": 2.0}
OCCUPANCIES = "augmentation occupancies   1   1\n  0.1E+00\naugmentation occupancies   2   1\n  0.2E+00\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with a structure, a database, a model, and a model that does not know the valence."""
    monkeypatch.chdir(tmp_path)
    write("mgo.vasp", bulk("MgO", "rocksalt", 4.2), format="vasp")
    with connect("rows.db") as database:
        database.write(bulk("MgO", "rocksalt", 4.2), nx=5, ny=6, nz=7)
    torch.manual_seed(0)
    config = ExpansionConfig(
        (8, 12), channels=4, lmax=1, sender_lmax=1, num_interactions=1, splines=SplineConfig((6, 4), (3.0, 3.0))
    )
    fitted = FittedAtoms((8, 12), SplineConfig((8,), (3.0,)), torch.ones(2, 8))
    network = ExpansionNetwork(config)
    DensityModel(network, fitted, VALENCE).save("model.safetensors")
    DensityModel(network, fitted).save("nameless.safetensors")
    return tmp_path


def run(monkeypatch, capsys, arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    monkeypatch.setattr(sys, "argv", ["deepaw-predict", *arguments.split()])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0), *capsys.readouterr()


def summary(monkeypatch, capsys, arguments: str) -> dict[str, str]:
    """What it says when all goes well, line by line."""
    code, out, err = run(monkeypatch, capsys, arguments)
    assert (code, err) == (0, "")
    rows = [line.split(maxsplit=1) for line in out.splitlines()]
    return {row[0]: row[1].strip() for row in rows}


@pytest.mark.parametrize("name", ["CHGCAR", "AECCAR0", "PARCHG.0001.ALLK", "ELFCAR"])
def test_structure_of_a_density_file(folder, monkeypatch, capsys, name):
    write_chgcar(name, bulk("MgO", "rocksalt", 4.2), (2, 3, 4), [np.ones((2, 3, 4))])
    said = summary(monkeypatch, capsys, f"--poscar {name} --model model.safetensors --grid 8 8 8")
    assert said["structure"] == f"MgO, 2 atoms ({name})"


def test_disordered_structure(folder, monkeypatch, capsys):
    write("mgo.cif", bulk("MgO", "rocksalt", 4.2))
    Path("mgo.cif").write_text(Path("mgo.cif").read_text().replace("0.0  1.0000", "0.0  0.5000"))
    code, out, err = run(
        monkeypatch, capsys, "--poscar mgo.cif --model model.safetensors --grid 8 8 8 --output out.cube"
    )
    assert (code, out) == (2, "")
    assert "mgo.cif: site Mg1 at (0, 0, 0) has the occupancies Mg 0.5, vacancy 0.5" in err
    assert not Path("out.cube").exists()


def test_summary_without_an_output(folder, monkeypatch, capsys):
    before = set(folder.iterdir())
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model model.safetensors --grid 8 8 8")
    assert said["structure"] == "MgO, 2 atoms (mgo.vasp)"
    assert said["grid"] == "8 x 8 x 8 = 512 points, as given"
    assert "e/A^3" in said["range"]
    assert "8 exact" in said["electrons"]
    assert "scaled by" in said["electrons"]
    assert "points/s" in said["time"]
    evaluated = int(said["symmetry"].split()[0])
    assert evaluated < 512 / 5  # rock salt has 48 operations
    assert "written" not in said
    assert "restart" not in said
    assert set(folder.iterdir()) == before


def test_chgcar_holds_the_exact_electrons_and_what_the_engine_says(folder, monkeypatch, capsys):
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model model.safetensors --grid 8 9 10 -o CHGCAR")
    written = read_chgcar("CHGCAR")
    assert written.density.mean() * written.atoms.get_volume() == pytest.approx(8, abs=1e-5)
    engine = InferenceEngine("model.safetensors")
    expected = engine.predict(atoms=bulk("MgO", "rocksalt", 4.2), grid_shape=(8, 9, 10)).density_3d
    assert np.allclose(written.density, expected, rtol=1e-6)
    assert said["written"] == "CHGCAR (chgcar)"
    assert "--augmentation-from" in said["restart"]


def test_other_formats_hold_the_same(folder, monkeypatch, capsys):
    for name, extra in (("CHGCAR", ""), ("rho.cube", ""), ("rho.npy", ""), ("plain", "--format npy")):
        summary(monkeypatch, capsys, f"--poscar mgo.vasp --model model.safetensors --grid 4 5 6 -o {name} {extra}")
    chgcar = read_chgcar("CHGCAR").density
    assert np.allclose(read_cube("rho.cube")[1], chgcar, rtol=1e-5)
    assert np.allclose(np.load("rho.npy"), chgcar, rtol=1e-9)
    assert Path("plain").read_bytes() == Path("rho.npy").read_bytes()


def test_files_of_quantum_espresso(folder, monkeypatch, capsys):
    model = "--poscar mgo.vasp --model model.safetensors --ecutrho 40"
    for name, extra in (("rho.npy", ""), ("charge-density.hdf5", ""), ("rho.dat", "--format qe-dat")):
        said = summary(monkeypatch, capsys, f"{model} -o {name} {extra}")
    assert said["written"] == "rho.dat (qe-dat)"
    spectrum = np.fft.fftn(np.load("rho.npy"), norm="forward") * BOHR**3
    with h5py.File("charge-density.hdf5") as file:
        indices, pairs = file["MillerIndices"][:], file["rhotot_g"][:]
    assert np.allclose(pairs[::2] + 1j * pairs[1::2], spectrum[tuple(indices.T)], rtol=0, atol=1e-12)
    # the last record, without its length after it
    assert Path("rho.dat").read_bytes()[-4 - pairs.nbytes : -4] == pairs.tobytes()


def test_raw_keeps_the_prediction(folder, monkeypatch, capsys):
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model model.safetensors --grid 6 6 6 --raw -o rho.npy")
    assert "kept as predicted" in said["electrons"]
    predicted = float(said["electrons"].split()[0])
    rho = np.load("rho.npy")
    assert rho.mean() * bulk("MgO", "rocksalt", 4.2).get_volume() == pytest.approx(predicted, abs=1e-3)
    assert abs(predicted - 8) > 1e-3


def test_a_model_that_does_not_know_the_valence_gives_the_raw_density(folder, monkeypatch, capsys):
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model nameless.safetensors --grid 6 6 6")
    assert "predicted and kept: the model does not say" in said["electrons"]


def test_grids(folder, monkeypatch, capsys):
    model = "--model model.safetensors"
    write_chgcar("other", bulk("Al"), (3, 4, 5), [np.ones((3, 4, 5))])
    write_cube("other.cube", bulk("Al"), (5, 4, 3), [np.ones((5, 4, 3))])
    said = {
        arguments: summary(monkeypatch, capsys, f"{arguments} {model}")["grid"]
        for arguments in (
            "--poscar mgo.vasp --like other",
            "--poscar mgo.vasp --like other.cube",
            "--poscar mgo.vasp --encut 100",
            "--poscar mgo.vasp",
            "--db rows.db --id 1",
            "--db rows.db --id 1 --grid 4 4 4",
            "--db rows.db --id 1 --encut 100",
            "--db rows.db --id 1 --ecutrho 40",
        )
    }
    assert list(said.values()) == [
        "3 x 4 x 5 = 60 points, the grid of other",
        "5 x 4 x 3 = 60 points, the grid of other.cube",
        "24 x 24 x 24 = 13,824 points, VASP's fine grid for ENCUT = 100 eV",
        "48 x 48 x 48 = 110,592 points, VASP's fine grid for ENCUT = 500 eV",
        "5 x 6 x 7 = 210 points, the grid of row 1 of rows.db",
        "4 x 4 x 4 = 64 points, as given",
        "24 x 24 x 24 = 13,824 points, VASP's fine grid for ENCUT = 100 eV",
        "12 x 12 x 12 = 1,728 points, that of the plane waves up to ecutrho = 40 Ry",
    ]


def test_augmentation_occupancies_are_copied(folder, monkeypatch, capsys):
    mgo = bulk("MgO", "rocksalt", 4.2)
    write_chgcar("earlier", mgo, (2, 2, 2), [np.ones((2, 2, 2))], None, Augmentation(("Mg", "O"), OCCUPANCIES))
    arguments = "--poscar mgo.vasp --model model.safetensors --grid 4 5 6 -o CHGCAR --augmentation-from earlier"
    said = summary(monkeypatch, capsys, arguments)
    assert "occupancies of earlier" in said["restart"]
    assert read_augmentation("CHGCAR").total == OCCUPANCIES
    # of a spin-polarised run, those of the total density, which is what the model predicts
    both = Augmentation(("Mg", "O"), OCCUPANCIES, OCCUPANCIES.replace("0.1", "0.7"), "  0.1E+01  0.2E+01\n")
    write_chgcar("earlier", mgo, (2, 2, 2), [np.ones((2, 2, 2))], [np.ones((2, 2, 2))], both)
    summary(monkeypatch, capsys, arguments)
    assert read_augmentation("CHGCAR") == Augmentation(("Mg", "O"), OCCUPANCIES)


def occupied(path: str, symbols: str, coverage: Coverage | None = None, fingerprint: str = "") -> None:
    """A model with occupancies of some elements: random weights, s s p and s s p p."""
    model = load_density_model("model.safetensors")
    channels = {"Mg": channels_of_text("Mg", "s s p"), "O": channels_of_text("O", "s s p p")}
    setups = {symbol: PawSetup(channels[symbol], fingerprint) for symbol in symbols.split()}
    network = model.network
    assert isinstance(network, ExpansionNetwork)
    readout = OccupancyReadout({symbol: channels[symbol] for symbol in setups}, network.feature_count, 1)
    for weight in [*readout.weights, readout.bias]:
        torch.nn.init.normal_(weight)
    replace(model, occupancies=Occupancies(readout, setups, {"O": 0.012}), coverage=coverage).save(path)


def test_predicted_occupancies_are_written(folder, monkeypatch, capsys):
    occupied("both.safetensors", "Mg O")
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model both.safetensors --grid 6 6 6 -o CHGCAR")
    assert said["occupancies"] == "predicted and written for all 2 atoms; error in validation O 1.2%"
    assert "predicted augmentation occupancies" in said["restart"]
    engine = InferenceEngine("both.safetensors")
    read = ChgcarOccupancies(Path("CHGCAR")).read({})
    assert read is not None
    atoms = bulk("MgO", "rocksalt", 4.2)
    for mine, matrix in zip(engine.occupancies(atoms), read.matrices, strict=True):
        assert mine is not None
        assert np.allclose(mine, matrix, atol=1e-6)
        # the site is cubic: its point group leaves degree 0 alone of those up to 3
        coupling = coupling_of((0, 0, 1) if len(mine) == 5 else (0, 0, 1, 1))
        assert not any(np.abs(block).max() > 1e-5 for block in coupling.split(coupling.couple(matrix)[None])[1:])
    before = Path("CHGCAR").read_text()
    monkeypatch.setattr("deepaw.density.predict.IN_MEMORY", 100)
    summary(monkeypatch, capsys, "--poscar mgo.vasp --model both.safetensors --grid 6 6 6 -o CHGCAR")
    assert Path("CHGCAR").read_text().split("augmentation", 1)[1] == before.split("augmentation", 1)[1]
    assert read_augmentation("CHGCAR").magnetisation is None
    occupied("gpaw.safetensors", "Mg O", fingerprint="abc")
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model gpaw.safetensors --grid 6 6 6 -o CHGCAR")
    assert said["occupancies"].startswith("not written: those that the model knows are of the PAW setups")
    assert read_chgcar("CHGCAR").augmentation is None and "PAW occupancies are missing" in said["restart"]


def test_a_file_goes_without_occupancies_that_are_missing(folder, monkeypatch, capsys):
    occupied("oxygen.safetensors", "O")
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model oxygen.safetensors --grid 6 6 6 -o CHGCAR")
    assert said["occupancies"] == "not written: the model has none for atom 1 (Mg)"
    assert "--augmentation-from" in said["restart"]
    assert read_chgcar("CHGCAR").augmentation is None
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model model.safetensors --grid 6 6 6 -o CHGCAR")
    assert said["occupancies"] == "not written: none were predicted"


def test_copied_occupancies_come_before_predicted_ones(folder, monkeypatch, capsys):
    occupied("both.safetensors", "Mg O")
    mgo = bulk("MgO", "rocksalt", 4.2)
    write_chgcar("earlier", mgo, (2, 2, 2), [np.ones((2, 2, 2))], None, Augmentation(("Mg", "O"), OCCUPANCIES))
    arguments = "--poscar mgo.vasp --model both.safetensors --grid 4 5 6 -o CHGCAR --augmentation-from earlier"
    assert "occupancies" not in summary(monkeypatch, capsys, arguments)
    assert read_augmentation("CHGCAR").total == OCCUPANCIES


def test_what_lies_outside_the_training_is_said(folder, monkeypatch, capsys):
    occupied("narrow.safetensors", "O", Coverage({"Mg-O": 2.3}, {"Mg": 2.5, "O": 2.5}, 1e-4))
    said = summary(monkeypatch, capsys, "--poscar mgo.vasp --model narrow.safetensors --grid 24 24 24")
    assert said["outside"].startswith("beyond what the model was trained on: electrons off by ")
    assert "Mg-O 2.10 A apart (2.30 A at least in training)" in said["outside"]
    coarse = summary(monkeypatch, capsys, "--poscar mgo.vasp --model narrow.safetensors --grid 6 6 6")
    assert "electrons" not in coarse["outside"] and "Mg-O" in coarse["outside"]
    occupied("wide.safetensors", "O", Coverage({"Mg-O": 2.0}, {"Mg": 2.5, "O": 2.5}, 1e4))
    assert "outside" not in summary(monkeypatch, capsys, "--poscar mgo.vasp --model wide.safetensors --grid 6 6 6")


def truncate(path: str) -> None:
    Path(path).write_bytes(Path("model.safetensors").read_bytes()[:-100])


def from_the_future(path: str) -> None:
    content = Path("model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    own = json.loads(header["__metadata__"]["deepaw"])
    header["__metadata__"]["deepaw"] = json.dumps({**own, "schema": own["schema"] + 1})
    text = json.dumps(header).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--poscar gold.vasp --model model.safetensors", "never seen Au; it knows O Mg"),
        ("--poscar mgo.vasp --model none.safetensors", "no model none.safetensors"),
        ("--poscar mgo.vasp --model cut.safetensors", "cut short"),
        ("--poscar mgo.vasp --model mgo.vasp", "mgo.vasp is not a model file"),
        ("--poscar mgo.vasp --model new.safetensors", "update deepaw"),
        ("--poscar mgo.vasp --model model.safetensors --precision best", "tight, default, fast"),
        ("--poscar mgo.vasp --model model.safetensors --device abacus", "cpu, cuda or cuda:N"),
    ],
)
def test_models_and_elements_that_do_not_do(folder, monkeypatch, capsys, arguments, said):
    write("gold.vasp", Atoms("Au", cell=[3, 3, 3], pbc=True), format="vasp")
    truncate("cut.safetensors")
    from_the_future("new.safetensors")
    before = set(folder.iterdir())
    code, out, err = run(monkeypatch, capsys, f"{arguments} --grid 4 4 4 -o CHGCAR")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize("name", ["CHGCAR", "rho.cube", "rho.npy"])
def test_a_full_disk(folder, name):
    program = f"""
import resource, sys
from deepaw.cli.predict import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.argv = "deepaw-predict --poscar mgo.vasp --model model.safetensors --grid 20 20 20 -o {name}".split()
main()
"""
    before = set(folder.iterdir())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {name} cannot be written: the disk is full; nothing was left behind.\n"
    assert set(folder.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send there")
def test_ctrl_c_leaves_nothing(folder):
    """Interrupted while it computes a grid that takes minutes."""
    write("rattled.vasp", rattled(), format="vasp")
    before = set(folder.iterdir())
    command = [sys.executable, "-m", "deepaw", "predict", "--poscar", "rattled.vasp", "--model", "model.safetensors"]
    process = subprocess.Popen(
        [*command, "--grid", "400", "400", "400", "-o", "CHGCAR"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    time.sleep(6.0)  # whether it is still importing or already computing, the end is the same
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert set(folder.iterdir()) == before


def rattled() -> Atoms:
    atoms = bulk("MgO", "rocksalt", 4.2, cubic=True)
    atoms.rattle(0.05, seed=0)
    return atoms

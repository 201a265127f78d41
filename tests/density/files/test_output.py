"""Where a density goes, checked before it is computed, and what is left when writing it fails."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from ase.build import bulk

from deepaw.density.files.augmentation import Augmentation
from deepaw.density.files.chgcar import read_augmentation, read_chgcar, write_chgcar
from deepaw.density.files.cube import read_cube
from deepaw.density.files.formats import Format
from deepaw.density.files.output import Output, choose_output
from deepaw.errors import InputError

SHAPE = (5, 6, 7)
MGO = bulk("MgO", "rocksalt", 4.2)
OCCUPANCIES = "augmentation occupancies   1   2\n  0.1E+00  0.2E+00\naugmentation occupancies   2   1\n  0.3E+00\n"


def density() -> np.ndarray:
    return np.random.default_rng(2).random(SHAPE)


def test_the_name_or_the_option_says_the_format(tmp_path):
    rho = density()
    for name, format in (("CHGCAR", None), ("rho.cube", None), ("rho.npy", None), ("rho", Format.NPY)):
        output = choose_output(tmp_path / name, format, None, MGO)
        assert output is not None
        output.write(MGO, SHAPE, [rho])
    assert np.allclose(read_chgcar(tmp_path / "CHGCAR").density, rho)
    assert np.allclose(read_cube(tmp_path / "rho.cube")[1], rho, rtol=1e-5)
    assert np.array_equal(np.load(tmp_path / "rho.npy"), rho)
    assert (tmp_path / "rho").read_bytes() == (tmp_path / "rho.npy").read_bytes()


def test_no_path_no_output():
    assert choose_output(None, None, None, MGO) is None


def test_occupancies_come_along(tmp_path):
    source = tmp_path / "earlier"
    write_chgcar(source, MGO, SHAPE, [density()], augmentation=Augmentation(("Mg", "O"), OCCUPANCIES))
    output = choose_output(tmp_path / "CHGCAR", None, source, MGO)
    assert output is not None
    output.write(MGO, SHAPE, [density()])
    assert read_augmentation(tmp_path / "CHGCAR").total == OCCUPANCIES
    with pytest.raises(InputError, match="not spin-polarised"):
        output.write(MGO, SHAPE, [density()], [density()])


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError])
def test_interrupted_writing_leaves_what_was_there(tmp_path, format, error):
    def blocks() -> Iterator[np.ndarray]:
        yield density()[:, :, :3]
        raise error

    (tmp_path / "rho").write_text("before")
    with pytest.raises(error):
        Output(tmp_path / "rho", format, ecutrho=3.0).write(MGO, SHAPE, blocks())
    assert [path.name for path in tmp_path.iterdir()] == ["rho"]
    assert (tmp_path / "rho").read_text() == "before"


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
@pytest.mark.parametrize("format", list(Format))
def test_a_disk_that_fills_up(tmp_path, format):
    """The system refuses to let a file grow beyond 100 kB in the middle of writing."""
    program = """
import resource, sys
import numpy as np
from ase.build import bulk
from deepaw.density.files.formats import Format
from deepaw.density.files.output import Output
from deepaw.errors import InputError

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
blocks = (np.ones((40, 40, 4)) for _ in range(10))
try:
    output = Output(sys.argv[1], Format(sys.argv[2]), ecutrho=300.0)
    output.write(bulk("MgO", "rocksalt", 4.2), (40, 40, 40), blocks)
except InputError as error:
    print(error)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "rho"), format]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written: the disk is full" in done.stdout
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

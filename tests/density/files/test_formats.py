"""The format that a file's name says."""

import pytest

from deepaw.density.files.formats import Format, format_of
from deepaw.errors import InputError


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("CHGCAR", Format.CHGCAR),
        ("out/CHGCAR_HfO2", Format.CHGCAR),
        ("hfo2.vasp", Format.CHGCAR),
        ("rho.npy", Format.NPY),
        ("rho.CUBE", Format.CUBE),
        ("CHGCAR.cube", Format.CUBE),
        ("prefix.save/charge-density.hdf5", Format.ESPRESSO_HDF5),
        ("charge-density.dat", Format.ESPRESSO_DAT),
    ],
)
def test_names(name, format):
    assert format_of(name) is format


def test_a_name_that_says_nothing():
    with pytest.raises(InputError, match=r"rho.xsf .* \(chgcar, npy, cube, qe-hdf5, qe-dat\)"):
        format_of("rho.xsf")

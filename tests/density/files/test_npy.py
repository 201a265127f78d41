"""NumPy output."""

import numpy as np
import pytest

from deepaw.density.files.npy import write_npy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_read_back_by_numpy(tmp_path, dtype):
    rho = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(dtype)
    write_npy(tmp_path / "rho.npy", rho.shape, np.split(rho, [2, 3], axis=2))
    read = np.load(tmp_path / "rho.npy", allow_pickle=False)
    assert read.dtype == np.float64
    assert np.array_equal(read, rho)


def test_wrong_blocks_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="does not fit"):
        write_npy(tmp_path / "rho.npy", (4, 5, 6), [np.ones((4, 4, 6))])
    assert list(tmp_path.iterdir()) == []

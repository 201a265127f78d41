"""Densities in blocks along z, and the spool that turns them round."""

import numpy as np
import pytest

from deepaw.density.files.blocks import BlockSpool, checked
from deepaw.errors import InputError


def test_blocks_must_add_up():
    def block(n, nx=2):
        return np.zeros((nx, 3, n))

    assert len(list(checked([block(1), block(3)], (2, 3, 4)))) == 2
    for blocks in ([block(3)], [block(3), block(2)], [block(4, nx=3)], [np.zeros(24)], []):
        with pytest.raises(ValueError, match="block"):
            list(checked(blocks, (2, 3, 4)))


@pytest.mark.parametrize("points", [1, 60, 10_000])
def test_spool_gives_the_same_density_in_both_orders(tmp_path, points):
    density = np.random.default_rng(0).normal(size=(7, 5, 12)).astype(np.float32)
    with BlockSpool(tmp_path / "rho.cube") as spool:
        for start, end in ((0, 5), (5, 6), (6, 12)):
            spool.append(density[:, :, start:end])
        assert list(tmp_path.iterdir()) == []  # unnamed: nothing can be left behind
        along_z = list(spool.blocks())
        assert [block.shape[2] for block in along_z] == [5, 1, 6]
        assert np.array_equal(np.concatenate(along_z, axis=2), density)
        slabs = list(spool.slabs(points))
        assert len(slabs) == {1: 7, 60: 7, 10_000: 1}[points]
        assert np.array_equal(np.concatenate(slabs), density)
        assert np.array_equal(np.concatenate(list(spool.blocks()), axis=2), density)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"rho.cube cannot be written: no such file or directory"):
        BlockSpool(tmp_path / "nowhere" / "rho.cube")

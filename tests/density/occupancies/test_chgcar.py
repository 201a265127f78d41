"""Augmentation occupancies of CHGCARs as matrices."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from deepaw.density.data.densityfiles import density_file_example
from deepaw.density.data.example import DensityCache
from deepaw.density.files.augmentation import Augmentation
from deepaw.density.files.chgcar import write_chgcar
from deepaw.density.occupancies.augmentation import augmentation_of_matrices
from deepaw.density.occupancies.channels import Channels, channels_of_text
from deepaw.density.occupancies.data import AtomicMatrices
from deepaw.errors import InputError
from density.occupancies.test_coupling import random_matrix

MGO = bulk("MgO", "rocksalt", 4.2)
SHAPE = (4, 5, 6)


def blocks(**texts: str) -> tuple[Augmentation, list[np.ndarray]]:
    channels = {symbol: channels_of_text(symbol, text) for symbol, text in texts.items()}
    matrices = [random_matrix(channels[symbol], seed) for seed, symbol in enumerate(MGO.symbols)]
    return augmentation_of_matrices(list(MGO.symbols), channels, matrices), matrices


def read(path: Path, **texts: str) -> AtomicMatrices | None:
    channels: dict[str, Channels] = {symbol: channels_of_text(symbol, text) for symbol, text in texts.items()}
    source = density_file_example(path, DensityCache()).occupancies
    assert source is not None
    return source.read(channels)


def write(path: Path, augmentation: Augmentation | None, spin: bool = False, atoms: Atoms = MGO) -> None:
    density = np.random.default_rng(0).random(SHAPE)
    write_chgcar(path, atoms, SHAPE, [density], [density] if spin else None, augmentation)


def test_counts_say_the_channels(tmp_path: Path) -> None:
    augmentation, matrices = blocks(Mg="s s p p d d", O="s s p p")
    write(tmp_path / "CHGCAR", augmentation)
    found = read(tmp_path / "CHGCAR")
    assert found is not None
    assert found.setups["O"].channels.name == "s s p p"
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(found.matrices, matrices, strict=True))


def test_two_spin_blocks_with_moments_between(tmp_path: Path) -> None:
    augmentation, matrices = blocks(Mg="s s p p d d", O="s s p p")
    spins, _ = blocks(Mg="s s p p d d", O="s s p p")
    both = Augmentation(augmentation.symbols, augmentation.total, spins.total, "  0.1000E+00  0.2000E+00\n")
    write(tmp_path / "CHGCAR", both, spin=True)
    found = read(tmp_path / "CHGCAR")
    assert found is not None
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(found.matrices, matrices, strict=True))


def test_other_channels_are_named(tmp_path: Path) -> None:
    augmentation, matrices = blocks(Mg="s s p d", O="s s p p")
    write(tmp_path / "CHGCAR", augmentation)
    with pytest.raises(InputError, match=r"fit no list of channels.*15 \(s s p\), 33"):
        read(tmp_path / "CHGCAR")
    with pytest.raises(InputError, match=r"for Mg, and its channels s p d make"):
        read(tmp_path / "CHGCAR", Mg="s p d")
    found = read(tmp_path / "CHGCAR", Mg="s s p d")
    assert found is not None
    assert np.allclose(found.matrices[0], matrices[0], atol=1e-6)


def test_a_file_without_any(tmp_path: Path) -> None:
    write(tmp_path / "CHGCAR", None)
    assert read(tmp_path / "CHGCAR") is None


def test_refuses_damaged_numbers(tmp_path: Path) -> None:
    augmentation, _ = blocks(Mg="s s p", O="s s p")
    first = augmentation.total.split()[4]
    for text, says in (("NaN", "atom 1 that are not finite"), ("zebra", "'ZEBRA'")):
        broken = Augmentation(augmentation.symbols, augmentation.total.replace(first, text, 1))
        write(tmp_path / "CHGCAR", broken)
        with pytest.raises(InputError, match=says):
            read(tmp_path / "CHGCAR")

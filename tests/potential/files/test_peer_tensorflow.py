"""Agreement with DeePMD-kit for descriptors that only its TensorFlow backend has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.infer import DeepPot
from deepaw.potential.data.system import Frame
from deepaw.potential.descriptor.loc_frame import LocFrame
from deepaw.potential.descriptor.statistics import UNKNOWN_SPREAD
from deepaw.potential.files.deepmd import read_deepmd
from deepaw.potential.files.formats import read_potential, write_potential
from deepaw.potential.neighbours.pairs import find_environment
from deepaw.potential.training.statistics import set_energies
from potential.files.peer_tensorflow_models import CASES, FRAMES, MASKS, path_of, structures


@pytest.mark.parametrize("case", FRAMES)
@pytest.mark.parametrize("precision", ["float64", "exact"])
def test_energies_of_local_frames(case: str, precision: str) -> None:
    potential = DeepPot(path_of(case), precision=precision)
    for name, place in structures(case).items():
        if name == "training":
            continue
        found = potential.eval(
            place["coord"], place.get("cell"), place["atype"], atomic=True, fparam=place.get("fparam")
        )
        np.testing.assert_allclose(found[0][0, 0], place["energy"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[3][0, :, 0], place["atom_energy"], rtol=0, atol=1e-12)


def test_forces_of_distances_only() -> None:
    """Forces agree without angular information, where those of DeePMD-kit are correct."""
    potential = DeepPot(path_of("frame_no_angles"))
    for name in ("pbc", "tric", "nopbc", "small"):
        place = structures("frame_no_angles")[name]
        force = potential.eval(place["coord"], place.get("cell"), place["atype"])[1]
        np.testing.assert_allclose(force[0], place["force"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", FRAMES)
def test_statistics_of_local_frames(case: str) -> None:
    model = read_deepmd(path_of(case))
    part = model.descriptor
    assert isinstance(part, LocFrame)
    davg, dstd = part.davg.clone(), part.dstd.clone()
    data = structures(case)["training"]
    statistics = part.statistics()
    for coord, cell in zip(data["coord"], data["box"], strict=True):
        statistics.add(find_environment(coord, cell, data["atype"], part.rcut))
    statistics.finish()
    torch.testing.assert_close(part.davg, davg, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(part.dstd, dstd, rtol=1e-9, atol=0)


@pytest.mark.parametrize("case", MASKS)
@pytest.mark.parametrize(("precision", "limit"), [("exact", 1e-12), ("float64", 1e-8), ("float32", 1e-3)])
def test_clusters_with_a_mask(case: str, precision: str, limit: float) -> None:
    potential = DeepPot(path_of(case), precision=precision)
    for name, place in structures(case).items():
        if name == "training":
            continue
        found = potential.eval(place["coord"], None, place["atype"], atomic=True, aparam=place["aparam"])
        np.testing.assert_allclose(found[0][0, 0], place["energy"], rtol=limit)
        np.testing.assert_allclose(found[3][0, :, 0], place["atom_energy"], rtol=limit)
        largest = float(np.abs(place["force"]).max())
        np.testing.assert_allclose(found[1][0], place["force"], rtol=0, atol=limit * largest)
        assert (largest > 0) == (name != "atom")


@pytest.mark.parametrize("case", CASES)
def test_energies_of_types(case: str) -> None:
    """Energies of types are fitted to the compositions of frames, including virtual atoms."""
    data, model = structures(case)["training"], read_deepmd(path_of(case))
    frames = [Frame(data["atype"], coord, None, {"energy": energy})
              for coord, energy in zip(data["coord"], data["energy"], strict=True)]  # fmt: skip
    expected = model.bias.clone()
    set_energies(model, frames)
    torch.testing.assert_close(model.bias, expected, rtol=1e-10, atol=0)


def test_statistics_of_types_that_do_not_occur() -> None:
    part = read_deepmd(path_of("frame_default_axes")).descriptor
    assert isinstance(part, LocFrame)
    place = structures("frame_default_axes")["nopbc"]
    hydrogen = place["atype"] == 1
    statistics = part.statistics()
    statistics.add(find_environment(place["coord"][hydrogen], None, place["atype"][hydrogen], part.rcut))
    statistics.finish()
    assert (part.davg[0] == 0).all() and (part.dstd[0] == UNKNOWN_SPREAD).all()
    assert (part.davg[1] != 0).any()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", [".dp", ".yaml"])
def test_round_trip(case: str, suffix: str, tmp_path: Path) -> None:
    first = read_deepmd(path_of(case))
    first.save(tmp_path / "native.safetensors")
    native = read_potential(tmp_path / "native.safetensors")
    write_potential(tmp_path / f"back{suffix}", native)
    back = read_potential(tmp_path / f"back{suffix}")
    assert native.config == first.config and back.config.descriptor == first.config.descriptor
    for name, value in first.state_dict().items():
        assert torch.equal(native.state_dict()[name], value), name
        assert torch.equal(back.state_dict()[name], value), name

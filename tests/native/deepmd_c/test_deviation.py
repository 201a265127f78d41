"""Several models at once through DeePMD-kit's C interface: the results of each, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_void_p

import numpy as np
import pytest

from native.deepmd_c import models
from native.deepmd_c.calls import Atoms, Energies, check_ok, compute
from native.deepmd_c.interface import call, names, opened, with_images
from native.deepmd_c.test_energies import CUTOFF, assert_equal, expected, folded, frames, with_list
from potential.structures import FPARAM, crowd

SEEDS = (1, 2, 3)


@contextmanager
def ensemble(**options: int) -> Iterator[c_void_p]:
    paths = [models.energies(seed, **options) for seed in SEEDS]
    with opened("DeepPotModelDevi", names(paths), len(paths)) as handle:
        check_ok("DeepPotModelDevi", handle)
        yield handle


def joined(results: list[Energies]) -> Energies:
    return Energies(*(np.concatenate(arrays) for arrays in zip(*(result.arrays() for result in results), strict=True)))


@pytest.mark.parametrize("real", ["", "f"])
@pytest.mark.parametrize("version", ["", "2", "3"])
@pytest.mark.parametrize("listed", [False, True])
def test_results_of_each_model(version: str, real: str, listed: bool) -> None:
    structure = crowd(2, 9)
    images = with_images(structure, CUTOFF)
    with ensemble() as handle, images.list() as nlist:
        atoms = with_list(images, nlist) if listed else frames([structure])
        results = compute("DeepPotModelDevi", handle, atoms, version, real, models=len(SEEDS))
        check_ok("DeepPotModelDevi", handle)
    reference = joined([expected(models.energies(seed), [structure]) for seed in SEEDS])
    assert np.ptp(reference.energy) > 1e-3
    assert_equal(folded(results, images) if listed else results, reference, real)


def test_parameters() -> None:
    structure = crowd(2, 8)
    aparam = structure.aparam[:, :1]
    with ensemble(numb_fparam=2, numb_aparam=1) as handle:
        assert call("DeepPotModelDeviGetDimFParam", handle) == 2
        assert call("DeepPotModelDeviGetDimAParam", handle) == 1
        atoms = frames([structure], fparam=FPARAM, aparam=aparam)
        results = compute("DeepPotModelDevi", handle, atoms, models=len(SEEDS))
        check_ok("DeepPotModelDevi", handle)
    paths = [models.energies(seed, numb_fparam=2, numb_aparam=1) for seed in SEEDS]
    assert_equal(results, joined([expected(path, [structure], FPARAM, aparam) for path in paths]))


def test_properties() -> None:
    with ensemble() as handle:
        for kind in ("DeepPotModelDevi", "DeepBaseModelDevi"):
            assert call(f"{kind}GetCutoff", handle) == CUTOFF
            numbers = ("GetNumbTypes", "GetNumbTypesSpin", "GetDimFParam", "GetDimAParam")
            assert [call(f"{kind}{name}", handle) for name in numbers] == [2, 0, 0, 0]
            assert not call(f"{kind}IsAParamNAll", handle) and not call(f"{kind}HasDefaultFParam", handle)
        assert call("DeepPotModelDeviGetDimChgSpin", handle) == 0
        call("DeepPotModelDeviSetChargeSpin", handle, None, 0)
        check_ok("DeepBaseModelDevi", handle)


def test_models_from_the_contents_of_files() -> None:
    paths = [models.energies(seed) for seed in SEEDS[:2]]
    contents = [path.read_bytes() for path in paths]
    sizes = np.array([len(content) for content in contents], np.int32)
    structure = crowd(2)
    pointers = np.array([np.frombuffer(content, np.uint8).ctypes.data for content in contents], np.uintp)
    arguments = (names(paths), 2, 0, pointers, 2, sizes)
    with opened("DeepPotModelDevi", *arguments, constructor="WithParam") as handle:
        check_ok("DeepPotModelDevi", handle)
        results = compute("DeepPotModelDevi", handle, frames([structure]), models=2)
    assert_equal(results, joined([expected(path, [structure]) for path in paths]))


def test_several_frames_are_refused() -> None:
    structure = crowd(2)
    with ensemble() as handle:
        compute("DeepPotModelDevi", handle, frames([structure] * 2), models=len(SEEDS))
        assert call("DeepPotModelDeviCheckOK", handle) == "a model deviation takes 1 frame in a call, not 2."
        compute("DeepPotModelDevi", handle, frames([structure]), models=len(SEEDS))
        check_ok("DeepPotModelDevi", handle)


def test_models_that_do_not_belong_together() -> None:
    first, other = models.energies(), models.energies(numb_fparam=2)
    with opened("DeepPotModelDevi", names([first, other]), 2) as handle:
        text = call("DeepPotModelDeviCheckOK", handle)
        assert text.startswith(f"{other} and {first} have different numbers of frame parameters;")
        assert call("DeepPotModelDeviGetCutoff", handle) == 0
        compute("DeepPotModelDevi", handle, Atoms(np.zeros((1, 1, 3)), np.zeros(1), None), models=2)
        assert call("DeepPotModelDeviCheckOK", handle) == text
    with opened("DeepPotModelDevi", names([]), 0) as handle:
        assert call("DeepPotModelDeviCheckOK", handle) == "a model deviation takes 1 model or more, not 0."

"""The part of DeePMD-kit's C interface that answers with an error: spins, GPUs, the dipole charge modifier."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from native.deepmd_c import models
from native.deepmd_c.interface import REALS, call, names, opened

SPINS = "models of atoms with spins are not among those that DeePAW evaluates."
GRAPHS = "DeePAW's library computes on the CPU and takes no graphs in the memory of a GPU."
MODIFIER = "DeePAW's library has no dipole charge modifier; its Python functions evaluate models that have one."


@pytest.mark.parametrize("constructor", ["", "WithParam2"])
def test_models_of_spins(constructor: str) -> None:
    path = str(models.energies())
    with opened("DeepSpin", *((path, 0, "", 0) if constructor else (path,)), constructor=constructor) as handle:
        for kind in ("DeepSpin", "DeepBaseModel"):
            assert call(f"{kind}CheckOK", handle) == SPINS
            assert call(f"{kind}GetTypeMap", handle) == ""
        _check_spins("DeepSpin", handle)
        assert not call("DeepSpinUsesCanonicalGraphInference", handle)
        assert not call("DeepSpinUsesNativeSpinScheme", handle)
        call("DeepSpinComputeCanonicalGraphGPU", handle, *[None] * 11, 0, 0, ctypes.c_int64(0))
        assert call("DeepSpinCheckOK", handle) == SPINS


@pytest.mark.parametrize("constructor", ["", "WithParam"])
def test_deviations_of_models_of_spins(constructor: str) -> None:
    paths = names([models.energies()])
    arguments = (paths, 1, 0, None, 0, None) if constructor else (paths, 1)
    with opened("DeepSpinModelDevi", *arguments, constructor=constructor) as handle:
        assert call("DeepSpinModelDeviCheckOK", handle) == call("DeepBaseModelDeviCheckOK", handle) == SPINS
        _check_spins("DeepSpinModelDevi", handle)


def _check_spins(kind: str, handle: ctypes.c_void_p) -> None:
    """Assert that numbers are 0 and that evaluations change nothing, with and without neighbour lists."""
    numbers = ("GetCutoff", "GetNumbTypes", "GetNumbTypesSpin", "GetDimFParam", "GetDimAParam", "GetDimChgSpin")
    assert [call(f"{kind}{name}", handle) for name in numbers] == [0] * 6
    assert not call(f"{kind}IsAParamNAll", handle) and not call(f"{kind}HasDefaultFParam", handle)
    call(f"{kind}SetChargeSpin", handle, np.zeros(2), 2)
    for real, dtype in REALS.items():
        atoms = [np.zeros((1, 3), dtype), np.zeros((1, 3), dtype), np.zeros(1, np.int32), None]
        for listed in ([], [0, None, 0]):
            for version, parameters in (("2", 2), ("3", 3)):
                results = [np.full(1, 7.0), *(np.full(9, 7.0, dtype) for _ in range(5))]
                function = f"{kind}Compute{'NList' if listed else ''}{real}{version}"
                call(function, handle, 1, 1, *atoms, *listed, *[None] * parameters, *results)
                assert call(f"{kind}CheckOK", handle) == SPINS
                assert all((result == 7).all() for result in results)


def test_graphs_on_gpus() -> None:
    with opened("DeepPot", str(models.energies())) as handle:
        for name in ("SupportsDeviceEdgeInference", "UsesCanonicalGraphInference", "UsesFP32EdgeVectors"):
            assert not call(f"DeepPot{name}", handle)
        count = ctypes.c_int64(0)
        for name in ("ComputeEdgesGPU", "ComputeEdgesGPUFloat32"):
            call(f"DeepPot{name}", handle, *[None] * 7, 0, 0, None, count, None, count, 0, None)
            assert call("DeepPotCheckOK", handle) == GRAPHS
        call("DeepPotComputeCanonicalGraphGPU", handle, *[None] * 9, 0, 0, count)
        assert call("DeepPotCheckOK", handle) == GRAPHS


@pytest.mark.parametrize("constructor", ["", "WithParam"])
def test_the_dipole_charge_modifier(constructor: str) -> None:
    path = str(models.tensors("dipole"))
    with opened(
        "DipoleChargeModifier", *((path, 0, "") if constructor else (path,)), constructor=constructor
    ) as handle:
        for name in ("GetCutoff", "GetNumbTypes", "GetNumbSelTypes"):
            assert call(f"DipoleChargeModifier{name}", handle) == 0
        assert not call("DipoleChargeModifierGetSelTypes", handle)
        for real, dtype in REALS.items():
            results = np.full(3, 7.0, dtype), np.full(9, 7.0, dtype)
            atoms = [1, np.zeros(3, dtype), np.zeros(1, np.int32), None, None, 0, None, 0, None]
            call(f"DipoleChargeModifierComputeNList{real}", handle, *atoms, *results)
            assert call("DipoleChargeModifierCheckOK", handle) == MODIFIER
            assert all((result == 7).all() for result in results)


def test_graphs_of_tensorflow(capfd: pytest.CaptureFixture[str]) -> None:
    call("ConvertPbtxtToPb", "model.pbtxt", "model.pb")
    text = "error: model.pbtxt is a graph of TensorFlow, which DeePAW's library does not convert.\n"
    assert capfd.readouterr().err == text

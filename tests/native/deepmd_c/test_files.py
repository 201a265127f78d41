"""Files as strings, models from the contents of files, properties of models, selections of atoms, and the summary."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from deepaw.native.files import library_file
from deepaw.potential.files.formats import write_potential
from native.deepmd_c import models
from native.deepmd_c.calls import check_ok, compute
from native.deepmd_c.interface import call, load, opened
from native.deepmd_c.test_energies import CUTOFF, assert_equal, expected, frames
from potential.randommodels import random_model
from potential.structures import crowd


def read(path: Path) -> tuple[bytes, int]:
    """Return the string of DP_ReadFileToChar2, as far as its size says, and the size."""
    size = ctypes.c_int()
    function = load().DP_ReadFileToChar2
    function.restype = ctypes.c_void_p
    pointer = function(str(path).encode(), ctypes.byref(size))
    text = ctypes.string_at(pointer, abs(size.value))
    load().DP_DeleteChar(ctypes.c_void_p(pointer))
    return text, size.value


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\0bc")
    assert read(path) == (b"a\0bc", 4)
    path.write_bytes(b"")
    assert read(path) == (b"", 0)
    sentence = f"There is no model file {tmp_path}/none."
    assert read(tmp_path / "none") == (sentence.encode(), -len(sentence))
    path.write_text("text")
    assert call("ReadFileToChar", str(path)) == "text"
    assert call("ReadFileToChar", str(tmp_path / "none")) == ""


def test_a_model_from_the_content_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content counts, whether the file exists or not; it is stored in the cache if the file has another."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content, other = models.energies().read_bytes(), models.energies(2)
    structure = crowd(2)
    for name, cached in ((models.energies(), 0), (tmp_path / "elsewhere.safetensors", 1), (other, 1)):
        arguments = (str(name), 0, np.frombuffer(content, np.uint8), len(content))
        with opened("DeepPot", *arguments, constructor="WithParam2") as potential:
            check_ok("DeepPot", potential)
            results = compute("DeepPot", potential, frames([structure]))
        assert_equal(results, expected(models.energies(), [structure]))
        assert len(list(tmp_path.glob("cache/deepaw/models/*"))) == cached
    for arguments in ((str(other), 0, ""), (str(other), 0, None)):
        with opened("DeepPot", *arguments, constructor="WithParam") as potential:
            assert_equal(compute("DeepPot", potential, frames([structure])), expected(other, [structure]))


def test_properties() -> None:
    with opened("DeepPot", str(models.energies(numb_fparam=2, numb_aparam=1))) as potential:
        for kind in ("DeepPot", "DeepBaseModel"):
            assert call(f"{kind}GetCutoff", potential) == CUTOFF
            numbers = ("GetNumbTypes", "GetNumbTypesSpin", "GetDimFParam", "GetDimAParam")
            assert [call(f"{kind}{name}", potential) for name in numbers] == [2, 0, 2, 1]
            assert not call(f"{kind}IsAParamNAll", potential) and not call(f"{kind}HasDefaultFParam", potential)
            assert call(f"{kind}GetTypeMap", potential) == "O H"
    with opened("DeepPot", str(models.energies(numb_fparam=2, default=True))) as potential:
        assert call("DeepPotHasDefaultFParam", potential) and call("DeepBaseModelHasDefaultFParam", potential)


def test_types_without_names(tmp_path: Path) -> None:
    unnamed = models.config({}, ["Type_0", "Type_1"])
    write_potential(tmp_path / "unnamed.safetensors", random_model(unnamed))
    with opened("DeepPot", str(tmp_path / "unnamed.safetensors")) as potential:
        check_ok("DeepPot", potential)
        assert call("DeepPotGetTypeMap", potential) == "" and call("DeepPotGetNumbTypes", potential) == 2
        results = compute("DeepPot", potential, frames([crowd(2)]))
    assert_equal(results, expected(tmp_path / "unnamed.safetensors", [crowd(2)]))


def test_objects_may_be_deleted_as_what_they_are_taken_for() -> None:
    handle = ctypes.c_void_p(call("NewDeepPot", str(models.energies())))
    call("DeleteDeepBaseModel", handle)
    handle = ctypes.c_void_p(call("NewDeepPotModelDevi", (ctypes.c_char_p * 1)(str(models.energies()).encode()), 1))
    call("DeleteDeepBaseModelDevi", handle)


def test_atoms_of_selected_types() -> None:
    types, selected = np.array([2, 0, 1, 1, 0, 2, 1], np.int32), np.array([1, 2], np.int32)
    forward, backward = np.full(7, 9, np.int32), np.full(7, 9, np.int32)
    count, ghosts = ctypes.c_int(), ctypes.c_int()
    call("SelectByType", 7, types, 3, 2, selected, forward, ctypes.byref(count), backward, ctypes.byref(ghosts))
    assert forward.tolist() == [0, -1, 1, 2, -1, 3, 4]
    assert (count.value, ghosts.value) == (5, 2)
    assert backward.tolist() == [0, 2, 3, 5, 6, 9, 9]
    rows, result = np.arange(14, dtype=np.int32).reshape(7, 2), np.zeros((5, 2), np.int32)
    call("SelectMapInt", rows, forward, 2, 7, 5, result)
    assert result.tolist() == rows[backward[:5]].tolist()
    call("SelectByType", 7, types, 3, 2, selected, None, None, None, None)


def test_the_summary(capfd: pytest.CaptureFixture[str]) -> None:
    call("PrintSummary", "  >> ")
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 4 and all(line.startswith("  >> ") for line in lines)
    assert lines[1] == f"  >> library:   {library_file().with_name('libdeepmd_c.so')}"
    assert lines[2] == "  >> precision: float64"

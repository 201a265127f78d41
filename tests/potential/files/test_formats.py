from pathlib import Path

import pytest

from deepaw.errors import InputError
from deepaw.potential.files.deepmd import read_deepmd
from deepaw.potential.files.formats import read_potential, write_potential
from potential.files.peer_models import path_of


@pytest.mark.parametrize("suffix", [".pth", ".pt2"])
def test_frozen_models_are_refused_with_a_hint(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"frozen{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(InputError, match=rf"dp convert-backend frozen{suffix} frozen\.dp"):
        read_potential(path)


def test_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends with '\.txt'"):
        read_potential(tmp_path / "model.txt")
    model = read_deepmd(path_of("one_side"))
    for suffix, said in (
        (".pt", "a potential is written to"),
        ("", "a potential is written to"),
        (".pth", r"model\.pth would be a program of DeePMD-kit; give .*model\.safetensors, or .*model\.dp for"),
    ):
        with pytest.raises(InputError, match=said):
            write_potential(tmp_path / f"model{suffix}", model)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fixed_slots", [True, False])
def test_the_rule_for_too_many_neighbours_is_kept(fixed_slots: bool, tmp_path: Path) -> None:
    model = read_deepmd(path_of("one_side"))
    model.fixed_slots = fixed_slots
    write_potential(tmp_path / "model.dp", model)
    assert read_potential(tmp_path / "model.dp").fixed_slots is fixed_slots


def test_the_shortest_distance_is_kept(tmp_path: Path) -> None:
    model = read_deepmd(path_of("one_side"))
    assert model.closest is None
    model.closest = 0.9
    for name in ("model.dp", "model.yaml", "model.safetensors"):
        write_potential(tmp_path / name, model)
        assert read_potential(tmp_path / name).closest == 0.9

"""Agreement with DeePMD-kit for potentials with a short-range table, and their files."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.files.container import read_tree
from deepaw.potential.files.deepmd import model_of, read_deepmd, tree_of
from deepaw.potential.files.formats import read_potential, write_potential
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.shortrange.table import read_table
from potential.files.peer_models import deviations, path_of, places
from potential.files.test_checkpoint import PREFIX, checkpoint_of
from potential.shortrange.test_physics import short_range_model

CASES = ["atten", "atten_dropped", "atten_excluded", "extended"]


def case_of(name: str) -> str:
    return f"../peer_zbl/{name}"


def read(name: str) -> PotentialModel:
    return read_potential(path_of(case_of(name)))


@pytest.mark.parametrize("name", CASES)
def test_exact_evaluation_agrees_with_deepmd_kit(name: str) -> None:
    for quantity, deviation in deviations(case_of(name), read(name)).items():
        # DeePMD-kit's descriptors of such models ignore the exclusion of pairs, its energies do not
        if (name, quantity) != ("atten_excluded", "descriptor"):
            assert deviation < 1e-12, quantity


@pytest.mark.parametrize("name", CASES)
def test_some_atoms_have_both_energies(name: str) -> None:
    model = read(name)
    assert model.interpolation is not None
    weights = []
    for place in places(case_of(name)).values():
        weights += model.interpolation(model.visible(place.environment(model.rcut)))[0].tolist()
    assert sum(0.1 < weight < 0.9 for weight in weights) > 3


def test_extension_of_a_table_agrees_with_deepmd_kit() -> None:
    model = read("extended")
    table = read_table(path_of(case_of("extended")).with_name("table.txt"), ["O", "H"])
    assert table.end == pytest.approx(2.2)
    with pytest.warns(UserWarning, match=r"ends at 2\.2 A with energies that are not 0"):
        reaching = table.reaching(model.rcut)
    assert model.interpolation is not None
    np.testing.assert_allclose(reaching.rows, model.interpolation.table.numpy(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("suffix", [".dp", ".yaml", ".safetensors"])
def test_round_trip(name: str, suffix: str, tmp_path: Path) -> None:
    first = read(name)
    write_potential(tmp_path / f"back{suffix}", first)
    back = read_potential(tmp_path / f"back{suffix}")
    assert back.config == first.config and back.fixed_slots == first.fixed_slots
    for key, value in first.state_dict().items():
        assert torch.equal(back.state_dict()[key], value), key


@pytest.mark.parametrize("name", ["plain", "no_bias"])
def test_round_trip_of_random_models(name: str) -> None:
    first = short_range_model(name)
    back = model_of(tree_of(first), "a tree")
    for key in ("use_srtab", "sw_rmin", "sw_rmax", "smin_alpha", "srtab_add_bias"):
        assert getattr(back.config, key) == getattr(first.config, key), key
    for key, value in first.state_dict().items():
        assert torch.equal(back.state_dict()[key], value), key


def test_written_objects_have_all_fields_of_the_original() -> None:
    original, written = read_tree(path_of(case_of("atten")))["model"], tree_of(read("atten"))["model"]
    assert original.keys() <= written.keys()
    for one, other in zip(original["models"], written["models"], strict=True):
        assert one.keys() <= other.keys()
    tab, same = (tree["models"][1]["tab"] for tree in (original, written))
    for key in ("rmin", "rmax", "hh", "ntypes", "rcut", "nspline"):
        assert tab[key] == pytest.approx(same[key], rel=1e-14), key
    for key, value in tab["@variables"].items():
        np.testing.assert_allclose(same["@variables"][key], value, rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", ["atten", "atten_excluded"])
def test_a_checkpoint_gives_the_model_of_the_dp_file(name: str, tmp_path: Path) -> None:
    tree = read_tree(path_of(case_of(name)))
    whole, (network, pairs) = tree["model"], tree["model"]["models"]
    content = checkpoint_of({**tree, "model": network})
    state = {key.replace(PREFIX, f"{PREFIX}models.0."): value for key, value in content["model"].items()}
    state |= {f"{PREFIX}out_bias": torch.from_numpy(whole["@variables"]["out_bias"])}
    splines = pairs["tab"]["@variables"]
    state |= {
        f"{PREFIX}models.1.tab_info": torch.from_numpy(splines["tab_info"]),
        f"{PREFIX}models.1.tab_data": torch.from_numpy(splines["tab_data"]).view(2, 2, -1, 4),
    }
    torch.save({"model": state}, tmp_path / "model.pt")
    found, right = read_potential(tmp_path / "model.pt"), read(name)
    for key in ("use_srtab", "sw_rmin", "sw_rmax", "smin_alpha", "srtab_add_bias", "pair_exclude_types"):
        assert getattr(found.config, key) == getattr(right.config, key), key
    for key, value in right.state_dict().items():
        torch.testing.assert_close(found.state_dict()[key], value, rtol=1e-13, atol=1e-13)
    del state[f"{PREFIX}models.1.tab_data"]
    torch.save({"model": state}, tmp_path / "model.pt")
    with pytest.raises(InputError, match="holds no table of pair energies"):
        read_potential(tmp_path / "model.pt")


def _with(change: object) -> dict:
    tree = copy.deepcopy(read_tree(path_of(case_of("atten"))))
    change(tree["model"])
    return tree


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: model["models"].pop(), r"model\.models has 1 models; it should have a network and a table"),
        (lambda model: model["models"][1].update(type="standard"), r"model\.models\[1\]\.type is 'standard'"),
        (lambda model: model["models"][1].update(rcut=2.5), r"model\.models\[1\]\.rcut is 2\.5; .* network, 3"),
        (lambda model: model["models"][0].update(type_map=["H", "O"]), r"model\.models\[0\]\.type_map is \['H', 'O'\]"),
        (
            lambda model: model["models"][1]["@variables"].update(out_bias=np.ones((1, 2, 1))),
            r"model\.models\[1\]\.@variables\.out_bias is not 0",
        ),
        (
            lambda model: model["models"][0]["fitting"]["@variables"].update(bias_atom_e=np.ones((2, 1))),
            "energies of types at one place alone",
        ),
        (
            lambda model: model["models"][1]["tab"]["@variables"]["vdata"].__imul__(2),
            r"tab\.@variables\.tab_data holds other splines",
        ),
        (
            lambda model: model["models"][1]["tab"]["@variables"].update(vdata=np.ones((5, 3))),
            r"tab\.@variables\.vdata is not a table for 2 types",
        ),
        (lambda model: model.update(sw_rmin=2.5), "sw_rmin is 2.5 and sw_rmax 1.9"),
        (lambda model: model["models"][0].update(surprise=1), r"model\.models\[0\]\.surprise is a field"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(change: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model_of(_with(change), "zbl.dp")


@pytest.mark.parametrize(("key", "what"), [("use_srtab", "table of pair energies"), ("modifier", "electrostatics")])
def test_terms_lost_in_conversion_are_refused(key: str, what: str) -> None:
    tree = read_tree(path_of("one_side"))
    tree["model_def_script"] = {**tree["model_def_script"], key: "something"}
    with pytest.raises(InputError, match=rf"g\.dp: model\.type was made with {key} and holds no {what}"):
        model_of(tree, "g.dp")


def test_a_native_file_without_its_table_is_refused(tmp_path: Path) -> None:
    from deepaw.modelfile import ModelFile, read_model, write_model

    read_deepmd(path_of(case_of("atten"))).save(tmp_path / "model.safetensors")
    file = read_model(tmp_path / "model.safetensors")
    tensors = {key: value for key, value in file.tensors.items() if key != "interpolation.table"}
    write_model(tmp_path / "damaged.safetensors", ModelFile(file.kind, file.metadata, tensors))
    with pytest.raises(InputError, match=r"damaged\.safetensors has no table of pair energies for its types"):
        read_potential(tmp_path / "damaged.safetensors")

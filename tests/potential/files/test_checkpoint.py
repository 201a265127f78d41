from pathlib import Path
from typing import Any

import pytest
import torch

from deepaw.errors import InputError
from deepaw.potential.files.checkpoint import read_checkpoint
from deepaw.potential.files.container import Tree, read_tree
from deepaw.potential.files.deepmd import read_deepmd
from potential.files.peer_models import path_of

PREFIX = "model.Default.atomic_model."


def checkpoint_of(tree: Tree) -> dict[str, Any]:
    """Return the checkpoint of DeePMD-kit's PyTorch backend with the model of a tree."""
    model = tree["model"]
    state: dict[str, Any] = {PREFIX + name: value for name, value in _tensors(model, ("out_bias", "out_std")).items()}
    state |= _descriptor(model["descriptor"], f"{PREFIX}descriptor.")
    fitting = model["fitting"]
    state |= {f"{PREFIX}fitting_net.{name}": value for name, value in _tensors(fitting, fitting["@variables"]).items()}
    state |= _networks(fitting["nets"], f"{PREFIX}fitting_net.filter_layers.")
    state["model.Default.min_nbor_dist"] = torch.tensor(0.8)
    script = {
        **tree["model_def_script"],
        "data_stat_nbatch": 10,
        "preset_out_bias": None,
        "info": {"observed_type": ["H", "O"]},
        "bridging_method": "None",
        "type": "standard",
    }
    state["_extra_state"] = {"model_params": script, "train_infos": {"lr": 1e-3, "step": 5}}
    return {"model": state, "optimizer": {"state": {}}}


def _tensors(part: dict[str, Any], names: Any) -> dict[str, torch.Tensor]:
    variables = part["@variables"]
    return {name: torch.from_numpy(variables[name]) for name in names if variables[name] is not None}


def _descriptor(part: dict[str, Any], prefix: str) -> dict[str, torch.Tensor]:
    if part["type"] == "hybrid":
        return {
            name: value
            for index, inner in enumerate(part["list"])
            for name, value in _descriptor(inner, f"{prefix}descrpt_list.{index}.").items()
        }
    if part["type"] in ("dpa1", "se_atten_v2"):
        return _attention(part, prefix)
    block = prefix + {"se_e2_a": "sea.", "se_e3": "seat."}.get(part["type"], "")
    statistics = _tensors(part, ("davg", "dstd"))
    return {
        f"{block}mean": statistics["davg"],
        f"{block}stddev": statistics["dstd"],
        f"{block}compress_info.0": torch.zeros(0),
        **_networks(part["embeddings"], f"{block}filter_layers."),
    }


def _attention(part: dict[str, Any], prefix: str) -> dict[str, torch.Tensor]:
    block = f"{prefix}se_atten."
    statistics = _tensors(part, ("davg", "dstd"))
    result = {
        f"{block}mean": statistics["davg"],
        f"{block}stddev": statistics["dstd"],
        f"{block}type_embd_data": torch.zeros(0),
        **_networks(part["embeddings"], f"{block}filter_layers."),
        **_layers(part["type_embedding"]["embedding"], f"{prefix}type_embedding.embedding.embedding_net."),
    }
    if "embeddings_strip" in part:
        result |= _networks(part["embeddings_strip"], f"{block}filter_layers_strip.")
    for number, layer in enumerate(part["attention_layers"]["attention_layers"]):
        start = f"{block}dpa1_attention.attention_layers.{number}."
        for name in ("in_proj", "out_proj"):
            result |= _layer(layer["attention_layer"][name], f"{start}attention_layer.{name}.")
        result |= _layer(layer["attn_layer_norm"], f"{start}attn_layer_norm.")
    return result


def _networks(collection: dict[str, Any], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name: value
        for copy in ("networks", "_networks")
        for index, network in enumerate(collection["networks"])
        for name, value in _layers(network, f"{prefix}{copy}.{index}.").items()
    }


def _layers(network: dict[str, Any], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name: value
        for depth, layer in enumerate(network["layers"])
        for name, value in _layer(layer, f"{prefix}layers.{depth}.").items()
    }


def _layer(layer: dict[str, Any], prefix: str) -> dict[str, torch.Tensor]:
    return {
        f"{prefix}{name}": torch.from_numpy(value)
        for name, short in (("matrix", "w"), ("bias", "b"), ("idt", "idt"))
        if (value := layer["@variables"].get(short)) is not None
    }


@pytest.mark.parametrize(
    "case",
    [
        *("one_side", "pairs_resnet_dt", "hybrid", "radial_excluded", "parameters", "atom_ener", "three_types"),
        *("atten_one_side", "atten_strip", "atten_layers", "atten_layers_strip", "atten_scaled", "atten_v2"),
        *("atten_electrons", "triples_resnet_dt", "triples_excluded", "triples_beside_pairs", "hybrid_atten"),
    ],
)
def test_a_checkpoint_gives_the_model_of_the_dp_file(case: str, tmp_path: Path) -> None:
    torch.save(checkpoint_of(read_tree(path_of(case))), tmp_path / "model.pt")
    found, right = read_checkpoint(tmp_path / "model.pt"), read_deepmd(path_of(case))
    assert found.fixed_slots and found.closest == pytest.approx(0.8)
    assert found.provenance["deepmd"]["model_def_script"]["data_stat_nbatch"] == 10
    assert found.state_dict().keys() == right.state_dict().keys()
    for name, value in right.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    for entry in ("type_map", "atom_exclude_types", "pair_exclude_types"):
        assert getattr(found.config, entry) == getattr(right.config, entry)
    assert found.config.fitting_net.atom_ener == right.config.fitting_net.atom_ener


def test_radial_descriptors_ignore_type_one_side(tmp_path: Path) -> None:
    content = checkpoint_of(read_tree(path_of("radial")))
    script = content["model"]["_extra_state"]["model_params"]
    script["descriptor"] = script["descriptor"] | {"type_one_side": False}
    torch.save(content, tmp_path / "model.pt")
    assert read_checkpoint(tmp_path / "model.pt").config.descriptor.type == "se_e2_r"


def _refused(path: Path, content: object, match: str) -> None:
    torch.save(content, path)
    with pytest.raises(InputError, match=match) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_not_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with pytest.raises(InputError, match="does not exist"):
        read_checkpoint(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        read_checkpoint(path)
    _refused(path, [1, 2], "not hold a state dict")
    _refused(path, {"a": torch.zeros(1)}, "no model parameters")
    _refused(path, {"model": {"_extra_state": {"model_params": {"model_dict": {"a": {}, "b": {}}}}}}, r"\(a, b\)")
    _refused(path, {"model": {"_extra_state": {"model_params": {"spin": {}}}}}, "atoms with spins")
    _refused(path, {"model": {"_extra_state": {"model_params": {}}}}, "no tensors named")


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refused(tmp_path / "model.pt", {"model": Code()}, "not a readable checkpoint")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("out_bias", "out_bias is missing"),
        ("descriptor.sea.mean", "davg is missing"),
        ("descriptor.sea.filter_layers.networks.1.layers.0.matrix", r"networks has 1 entries where 2"),
        ("fitting_net.filter_layers.networks.1.layers.2.matrix", "layers has 2 entries where 3"),
    ],
)
def test_missing_tensors(name: str, match: str, tmp_path: Path) -> None:
    content = checkpoint_of(read_tree(path_of("one_side")))
    del content["model"][PREFIX + name]
    _refused(tmp_path / "model.pt", content, match)


@pytest.mark.parametrize(
    ("section", "change", "match"),
    [
        (None, {"spin": {"use_spin": [True]}}, r"model\.spin"),
        (None, {"bridging_method": "zbl"}, r"model\.bridging_method"),
        ("descriptor", {"type": "dpa2"}, "'dpa2', which is not supported"),
        ("fitting_net", {"type": "dos"}, "'dos', which is not supported"),
    ],
)
def test_models_that_are_not_supported(section: str | None, change: dict[str, Any], match: str, tmp_path: Path) -> None:
    content = checkpoint_of(read_tree(path_of("one_side")))
    script = content["model"]["_extra_state"]["model_params"]
    if section is None:
        script |= change
    else:
        script[section] = script[section] | change
    _refused(tmp_path / "model.pt", content, match)

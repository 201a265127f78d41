"""Deep Potentials in DeePMD-kit's trees: which of its fields are which of ours.

A field that changes what a model predicts is represented, or the model is refused by the field's name. `out_std` is
read past: DeePMD-kit does not apply it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from deepaw import __version__
from deepaw.errors import InputError
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.files.component import DescriptorPart, FittingPart
from deepaw.potential.files.container import Tree, read_tree, write_tree
from deepaw.potential.files.descriptors import read_descriptor, write_descriptor
from deepaw.potential.files.fields import Fields, naming
from deepaw.potential.files.fittings import read_fitting, write_fitting
from deepaw.potential.files.shortrange import check_short_range, read_short_range, write_short_range
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.nativefile import make_model

VERSION = 2

ORIGIN = "deepmd"
"""The entry of the provenance that keeps what a file says beside the model: software, version, model_def_script."""

CLOSEST = "min_nbor_dist"

RULE = "fixed_slots"
"""A key of ours beside the model: files written by deepaw keep its own rule for more neighbours than `sel`."""


def read_deepmd(path: str | Path) -> AtomicModel:
    """The model in a `.dp` or `.yaml` file. Those of DeePMD-kit keep its rule for more neighbours than `sel`.

    Raises InputError: everything `read_tree` raises; a model, or a field of one, that is not supported.
    """
    path = Path(path)
    return model_of(read_tree(path), str(path))


def write_deepmd(path: str | Path, model: AtomicModel) -> None:
    """Write a model as `.dp` or `.yaml`, for DeePMD-kit 3; raises InputError where it cannot be written."""
    write_tree(path, tree_of(model))


def differences(model: AtomicModel) -> list[str]:
    """What DeePMD-kit does otherwise with a model that is written for it, in sentences."""
    if model.fixed_slots:
        return []
    found = ["Where an atom has more neighbours than 'sel', DeePMD-kit drops the farthest and deepaw does not."]
    parts = [part for part in model.descriptor.parts if isinstance(part, PairwiseDescriptor)]
    if any(part.config.exclude_types and part.davg.any() for part in parts):
        found.append(
            "Neighbours left out by 'exclude_types' take places of 'sel' in DeePMD-kit and none in deepaw, so that its "
            "numbers for this model differ; with 'set_davg_zero' true they would be the same."
        )
    return found


def model_of(tree: Tree, name: str) -> AtomicModel:
    """The model a tree describes; `name` is what messages call its file. Raises InputError as `read_deepmd`."""
    fields = network = Fields(tree["model"], name, "model")
    short = fields.choose("type", {"standard": False, "zbl": True})
    _check_complete(fields, tree, short)
    fields.version(VERSION)
    type_map = [str(symbol) for symbol in fields.each("type_map")]
    ntypes = len(type_map)
    section = {"type_map": type_map, **fields.known(("atom_exclude_types", "pair_exclude_types"))}
    given: dict[str, Any] = {}
    if short:
        part = read_short_range(fields, type_map, str(_script(tree).get("use_srtab", "table")))
        network, given["table"] = part.network, part.table
        section |= part.section
    descriptor = read_descriptor(network.inner("descriptor"), type_map)
    fitting = read_fitting(network.inner("fitting"), type_map, descriptor, section)
    out_bias = fields.array("out_bias", (ntypes, fitting.outputs))
    if short:
        network.end()
    fields.optional_array("out_std")
    fields.ignore("rcond", "preset_out_bias")
    fields.end()
    section |= {"descriptor": descriptor.config, "type_embedding": descriptor.types, "fitting_net": fitting.config}
    config = fields.section(ModelConfig, section)
    if short:
        check_short_range(fields, part, config.descriptor.rcut, out_bias)
    return _assembled(fields, config, descriptor, fitting, out_bias, tree, given)


def _script(tree: Tree) -> dict[str, Any]:
    """The section `model` of the input that the file was made from, as far as it says."""
    script = tree.get("model_def_script")
    return script if isinstance(script, dict) else {}


def _check_complete(fields: Fields, tree: Tree, short: bool) -> None:
    """Refuse a model of DeePMD-kit's TensorFlow backend that conversion has left only the networks of."""
    for key, what in (("use_srtab", "table of pair energies"), ("modifier", "electrostatics")):
        if _script(tree).get(key) and not (short and key == "use_srtab"):
            raise fields.error(f"was made with {key} and holds no {what}, which DeePMD-kit loses in conversion", "type")


def _assembled(
    fields: Fields,
    config: ModelConfig,
    descriptor: DescriptorPart,
    fitting: FittingPart,
    out_bias: np.ndarray,
    tree: Tree,
    given: dict[str, Any],
) -> AtomicModel:
    distance = Fields(tree, fields.file, "the tree").optional_array(CLOSEST)
    closest = float(distance.max(initial=0.0)) if distance is not None else 0.0
    origin = {key: value for key, value in tree.items() if key not in ("model", "@variables", RULE)}
    origin = json.loads(json.dumps(origin, default=str))  # YAML has dates, which JSON has not
    with naming(fields):
        model = make_model(
            config,
            fixed_slots=bool(tree.get(RULE, True)),
            closest=closest if closest > 0 else None,
            provenance={ORIGIN: origin},
            **given,
        )
    descriptor.load(model.descriptor)
    fitting.load(model, out_bias)
    return model


def tree_of(model: AtomicModel) -> Tree:
    """The tree that describes a model."""
    config = model.config
    type_map = list(config.type_map)
    origin = model.provenance.get(ORIGIN, {})
    fitting, out_bias = write_fitting(model, type_map)
    script = origin.get("model_def_script") or config.model_dump(mode="json")
    content = {
        "@class": "Model",
        "@version": VERSION,
        "type": "standard",
        "type_map": type_map,
        "atom_exclude_types": [kind for kind in range(len(type_map)) if kind not in model.selected],
        **config.model_dump(mode="json", include={"pair_exclude_types"}),
        "rcond": None,
        "preset_out_bias": None,
        "descriptor": write_descriptor(model.descriptor, type_map),
        "fitting": fitting,
        "@variables": {
            "out_bias": out_bias[None],
            "out_std": np.ones((1, *out_bias.shape)),
        },
    }
    if isinstance(model, PotentialModel) and model.modifier is not None:
        raise InputError(
            "Potentials with electrostatics (model.modifier) have no form in .dp and .yaml; keep this one in a "
            ".safetensors file."
        )
    if isinstance(model, PotentialModel) and model.interpolation is not None:
        content = write_short_range(model, content)
    return {
        "software": "deepaw",
        "version": __version__,
        RULE: model.fixed_slots,
        "model": content,
        "model_def_script": script,
        "@variables": {} if model.closest is None else {CLOSEST: np.array(model.closest)},
    }

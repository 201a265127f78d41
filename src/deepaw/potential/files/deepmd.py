"""Conversion between DeePMD-kit's trees and models.

Every field that affects predictions is converted, or the model is refused with the name of the field. `out_std` is
ignored: DeePMD-kit does not apply it.
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
from deepaw.potential.files.fields import Fields, errors_with_place
from deepaw.potential.files.fittings import read_fitting, write_fitting
from deepaw.potential.files.shortrange import check_short_range, read_short_range, write_short_range
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.config import ModelConfig
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.nativefile import make_model
from deepaw.potential.typenames import placeholder_names

VERSION = 2

ORIGIN_KEY = "deepmd"
"""Entry of the provenance with the keys of the file other than `model`: software, version, model_def_script."""

MOST_TYPES = 10_000
"""Largest number of types without names that is believed."""

CLOSEST_KEY = "min_nbor_dist"
"""Key of the shortest distance in the training data, A."""

FIXED_SLOTS_KEY = "fixed_slots"
"""Key that deepaw adds to its files: whether DeePMD-kit's rule for more neighbours than `sel` applies."""


def read_deepmd(path: str | Path) -> AtomicModel:
    """Read the model of a `.dp` or `.yaml` file; models of DeePMD-kit keep its rule for more neighbours than `sel`.

    Raises InputError: everything `read_tree` raises; a model or a field that is not supported.
    """
    path = Path(path)
    return model_of(read_tree(path), str(path))


def write_deepmd(path: str | Path, model: AtomicModel) -> None:
    """Write a model as `.dp` or `.yaml`, for DeePMD-kit 3; raises InputError if it cannot be written."""
    write_tree(path, tree_of(model))


def deepmd_differences(model: AtomicModel) -> list[str]:
    """Return sentences that describe how predictions of DeePMD-kit differ for a model written for it."""
    if model.fixed_slots:
        return []
    sentences = ["Where an atom has more neighbours than 'sel', DeePMD-kit drops the farthest and deepaw does not."]
    parts = [part for part in model.descriptor.parts if isinstance(part, PairwiseDescriptor)]
    if any(part.config.exclude_types and part.davg.any() for part in parts):
        sentences.append(
            "Neighbours left out by 'exclude_types' take places of 'sel' in DeePMD-kit and none in deepaw, so that its "
            "numbers for this model differ; with 'set_davg_zero' true they would be the same."
        )
    return sentences


def model_of(tree: Tree, name: str) -> AtomicModel:
    """Return the model of a tree; name: of the file in error messages. Raises InputError as `read_deepmd`."""
    fields = network = Fields(tree["model"], name, "model")
    is_zbl = fields.choose("type", {"standard": False, "zbl": True})
    _check_complete(fields, tree, is_zbl)
    fields.check_version(VERSION)
    type_map = _read_type_map(fields, tree["model"])
    ntypes = len(type_map)
    section = {"type_map": type_map, **fields.take_present(("atom_exclude_types", "pair_exclude_types"))}
    options: dict[str, Any] = {}
    if is_zbl:
        part = read_short_range(fields, type_map, str(_model_script(tree).get("use_srtab", "table")))
        network, options["table"] = part.network, part.table
        section |= part.section
    descriptor = read_descriptor(network.take_object("descriptor"), type_map)
    fitting = read_fitting(network.take_object("fitting"), type_map, descriptor, section)
    out_bias = fields.array("out_bias", (ntypes, fitting.outputs))
    if is_zbl:
        network.finish()
    fields.optional_array("out_std")
    fields.ignore("rcond", "preset_out_bias")
    fields.finish()
    section |= {"descriptor": descriptor.config, "type_embedding": descriptor.types, "fitting_net": fitting.config}
    config = fields.section(ModelConfig, section)
    if is_zbl:
        check_short_range(fields, part, config.descriptor.rcut, out_bias)
    return _assemble(fields, config, descriptor, fitting, out_bias, tree, options)


def _read_type_map(fields: Fields, model: dict[str, Any]) -> list[str]:
    """Read the names of types; placeholders for a model that was trained without a type map."""
    names = [str(symbol) for symbol in fields.take_list("type_map")]
    if names:
        return names
    fitting = model.get("fitting")
    ntypes = fitting.get("ntypes") if isinstance(fitting, dict) else None
    if type(ntypes) is not int or not 0 < ntypes <= MOST_TYPES:
        raise fields.error("is empty, and the number of types is not known", "type_map")
    return list(placeholder_names(ntypes))


def _model_script(tree: Tree) -> dict[str, Any]:
    """Return the section `model` of the input of the training, or an empty dict if the file does not have it."""
    script = tree.get("model_def_script")
    return script if isinstance(script, dict) else {}


def _check_complete(fields: Fields, tree: Tree, is_zbl: bool) -> None:
    """Raise InputError for a converted model of DeePMD-kit's TensorFlow backend that has lost its additional terms."""
    for key, term in (("use_srtab", "table of pair energies"), ("modifier", "electrostatics")):
        if _model_script(tree).get(key) and not (is_zbl and key == "use_srtab"):
            raise fields.error(f"was made with {key} and holds no {term}, which DeePMD-kit loses in conversion", "type")


def _assemble(
    fields: Fields,
    config: ModelConfig,
    descriptor: DescriptorPart,
    fitting: FittingPart,
    out_bias: np.ndarray,
    tree: Tree,
    options: dict[str, Any],
) -> AtomicModel:
    """Create the model and load its weights; options: further arguments of its constructor."""
    distance = Fields(tree, fields.file, "the tree").optional_array(CLOSEST_KEY)
    closest = float(distance.max(initial=0.0)) if distance is not None else 0.0
    origin = {key: value for key, value in tree.items() if key not in ("model", "@variables", FIXED_SLOTS_KEY)}
    origin = json.loads(json.dumps(origin, default=str))  # YAML has dates, JSON does not
    with errors_with_place(fields):
        model = make_model(
            config,
            fixed_slots=bool(tree.get(FIXED_SLOTS_KEY, True)),
            closest=closest if closest > 0 else None,
            provenance={ORIGIN_KEY: origin},
            **options,
        )
    descriptor.load(model.descriptor)
    fitting.load(model, out_bias)
    return model


def tree_of(model: AtomicModel) -> Tree:
    """Return the tree of a model; raises InputError for a model that DeePMD-kit's files cannot hold."""
    config = model.config
    type_map = list(config.type_map)
    origin = model.provenance.get(ORIGIN_KEY, {})
    fitting, out_bias = write_fitting(model, type_map)
    script = origin.get("model_def_script") or config.model_dump(mode="json")
    content = {
        "@class": "Model",
        "@version": VERSION,
        "type": "standard",
        "type_map": type_map,
        "atom_exclude_types": [kind for kind in range(len(type_map)) if kind not in model.selected_types],
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
        FIXED_SLOTS_KEY: model.fixed_slots,
        "model": content,
        "model_def_script": script,
        "@variables": {} if model.closest is None else {CLOSEST_KEY: np.array(model.closest)},
    }

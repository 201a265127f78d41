"""Potentials with a short-range table in DeePMD-kit's files: models of type `zbl`, of a network and a `pairtab`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepaw.potential.files.fields import Fields
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.shortrange.table import PairTable, ntypes_from_columns

VERSION = 2
TABLE_VERSION = 1

SECTION_KEYS = ("sw_rmin", "sw_rmax", "smin_alpha")
"""Keys of a file that are also keys of the section `model` of the input."""

SPLINE_TOLERANCE = 1e-9
"""Allowed deviation of the splines in a file from those of its table, relative to the largest coefficient."""


@dataclass(frozen=True)
class ShortRangePart:
    """Short-range table read from a file.

    network: object of the network's model. section: keys of the section `model`. table: pair energies. rcut: their
    cutoff, A.
    """

    network: Fields
    section: dict[str, Any]
    table: PairTable
    rcut: float


def read_short_range(fields: Fields, type_map: list[str], name: str) -> ShortRangePart:
    """Read the parts of a `zbl` model; name: of the original file of the table.

    Energies of types are those of the entire model (`out_bias`), or those of its network, which are not added to the
    table's energies (`srtab_add_bias` false).
    """
    models = fields.take_list("models")
    if len(models) != 2:
        raise fields.error(f"has {len(models)} models; it should have a network and a table of pair energies", "models")
    network, pairs = (Fields(model, fields.file, f"{fields.place}.models[{i}]") for i, model in enumerate(models))
    network.expect("type", "standard")
    pairs.expect("type", "pairtab")
    for part in (network, pairs):
        part.check_version(VERSION)
        part.expect("type_map", type_map)
        part.expect("atom_exclude_types", [])
        part.expect("pair_exclude_types", [])
        bias = part.optional_array("out_bias")
        if bias is not None and bias.any():
            raise part.error("is not 0, which backends of DeePMD-kit disagree about", "@variables.out_bias")
        part.optional_array("out_std")
        part.ignore("rcond", "preset_out_bias")
    rcut = pairs.take("rcut")
    table = _read_table(pairs, len(type_map))
    fields.ignore("weights")
    section = {"use_srtab": name, **fields.take_present(SECTION_KEYS), "srtab_add_bias": not _has_bias(models[0])}
    return ShortRangePart(network, section, table, rcut)


def check_short_range(fields: Fields, part: ShortRangePart, rcut: float, out_bias: np.ndarray) -> None:
    """Raise InputError for energies of types in both places, or a table with another cutoff than rcut, A, the
    network's."""
    if part.rcut != rcut:
        raise fields.error(f"is {part.rcut:g}; it should be that of the network, {rcut:g}", "models[1].rcut")
    if out_bias.any() and not part.section["srtab_add_bias"]:
        raise fields.error(
            "is not 0, nor is bias_atom_e of the network; energies of types at one place alone are supported",
            "@variables.out_bias",
        )


def _has_bias(network: dict[str, Any]) -> bool:
    """Return whether the fitting net of a network has energies of types."""
    fitting = network.get("fitting")
    bias = (fitting.get("@variables") or {}).get("bias_atom_e") if isinstance(fitting, dict) else None
    return isinstance(bias, np.ndarray) and bool(bias.any())


def _read_table(pairs: Fields, ntypes: int) -> PairTable:
    tab = pairs.take_object("tab")
    tab.check_version(TABLE_VERSION)
    rows = tab.optional_array("vdata")
    if rows is None or rows.ndim != 2 or len(rows) < 2 or ntypes_from_columns(rows.shape[1]) != ntypes:
        raise tab.error(f"is not a table for {ntypes} types", "@variables.vdata")
    table = PairTable(rows)
    splines = tab.array("tab_data", table.coefficients.shape)
    if np.abs(splines - table.coefficients).max() > SPLINE_TOLERANCE * np.abs(splines).max():
        raise tab.error("holds other splines than those through the table", "@variables.tab_data")
    tab.optional_array("tab_info")
    tab.ignore("rmin", "rmax", "hh", "ntypes", "rcut", "nspline")
    tab.finish()
    pairs.ignore("sel")
    pairs.finish()
    return table


def table_from_splines(tab_info: np.ndarray, tab_data: np.ndarray) -> PairTable:
    """Reconstruct a table from its splines; checkpoints of DeePMD-kit have only these.

    tab_info: first distance (A), spacing (A), number of pieces, number of types.
    tab_data: coefficients (ntypes, ntypes, pieces, 4), eV.
    """
    first, spacing = tab_info[:2]
    upper = np.triu_indices(tab_data.shape[0])
    splines = tab_data[upper]
    energies = np.concatenate([splines[:, :, 3], splines[:, -1:].sum(axis=2)], axis=1)
    r = first + spacing * np.arange(energies.shape[1])
    return PairTable(np.concatenate([r[:, None], energies.T], axis=1))


def zbl_object(network: dict[str, Any], table: PairTable, section: dict[str, Any], rcut: float) -> dict[str, Any]:
    """Return the object of a `zbl` model.

    network: object of its network as a standalone model. section: with `SECTION_KEYS`. rcut: of the network, A.
    """
    zero = {name: np.zeros_like(value) for name, value in network["@variables"].items() if value is not None}
    zero |= {name: value for name, value in network["@variables"].items() if name == "out_std"}
    inner_network = {**network, "atom_exclude_types": [], "pair_exclude_types": [], "@variables": zero}
    pairs = {
        **{key: value for key, value in inner_network.items() if key not in ("descriptor", "fitting")},
        "type": "pairtab",
        "tab": {
            "@class": "PairTab",
            "@version": TABLE_VERSION,
            "rmin": table.first,
            "rmax": float(table.rows[-1, 0]),
            "hh": table.spacing,
            "ntypes": table.ntypes,
            "rcut": rcut,
            "nspline": len(table.rows) - 1,
            "@variables": {
                "vdata": table.rows,
                "tab_info": np.array([table.first, table.spacing, len(table.rows) - 1, table.ntypes]),
                "tab_data": table.coefficients.reshape(-1),
            },
        },
        "rcut": rcut,
    }
    outer = {key: value for key, value in network.items() if key not in ("descriptor", "fitting")}
    section_keys = {key: section[key] for key in SECTION_KEYS}
    return {**outer, "type": "zbl", "models": [inner_network, pairs], **section_keys}


def write_short_range(model: PotentialModel, network: dict[str, Any]) -> dict[str, Any]:
    """Return the object of a `zbl` model; network: object of its network as a standalone model."""
    assert model.interpolation is not None
    table, config = PairTable(model.interpolation.table.cpu().numpy()), model.config
    zbl = zbl_object(network, table, dict(config), model.rcut) | {"weights": "mean"}
    inner_network, pairs = zbl["models"]
    pairs["sel"] = sum(model.descriptor.sel)
    if not config.srtab_add_bias:
        variables = {**network["fitting"]["@variables"], "bias_atom_e": network["@variables"]["out_bias"][0]}
        inner_network["fitting"] = {**network["fitting"], "@variables": variables}
        zbl["@variables"] = inner_network["@variables"]
    return zbl

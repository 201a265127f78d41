"""Potentials with a table at short range in DeePMD-kit's files: `zbl`, a network and a `pairtab` side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepaw.potential.files.fields import Fields
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.shortrange.table import PairTable, ntypes_from_columns

VERSION = 2
TABLE_VERSION = 1

SECTION = ("sw_rmin", "sw_rmax", "smin_alpha")
"""Keys of a file that are those of our section `model`."""

SAME = 1e-9
"""How much the splines in a file may differ from those through its table, of the largest coefficient."""


@dataclass(frozen=True)
class ShortRangePart:
    """network: the object of the network's model. section: keys of our section `model`. table: of pair energies, which
    are counted up to rcut, A."""

    network: Fields
    section: dict[str, Any]
    table: PairTable
    rcut: float


def read_short_range(fields: Fields, type_map: list[str], name: str) -> ShortRangePart:
    """What a `zbl` model holds beside what every model does; name: of the file that the table came from.

    Energies of types are those of the whole (`out_bias`), or those of its network alone, which then are not added to
    the table's energies.
    """
    models = fields.each("models")
    if len(models) != 2:
        raise fields.error(f"has {len(models)} models; it should have a network and a table of pair energies", "models")
    network, pairs = (Fields(model, fields.file, f"{fields.place}.models[{i}]") for i, model in enumerate(models))
    network.expect("type", "standard")
    pairs.expect("type", "pairtab")
    for part in (network, pairs):
        part.version(VERSION)
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
    section = {"use_srtab": name, **fields.known(SECTION), "srtab_add_bias": not _has_bias(models[0])}
    return ShortRangePart(network, section, table, rcut)


def check_short_range(fields: Fields, part: ShortRangePart, rcut: float, out_bias: np.ndarray) -> None:
    """Refuse energies of types at both places, and a table with another cutoff than the network's, A."""
    if part.rcut != rcut:
        raise fields.error(f"is {part.rcut:g}; it should be that of the network, {rcut:g}", "models[1].rcut")
    if out_bias.any() and not part.section["srtab_add_bias"]:
        raise fields.error(
            "is not 0, nor is bias_atom_e of the network; energies of types at one place alone are supported",
            "@variables.out_bias",
        )


def _has_bias(network: dict[str, Any]) -> bool:
    fitting = network.get("fitting")
    bias = (fitting.get("@variables") or {}).get("bias_atom_e") if isinstance(fitting, dict) else None
    return isinstance(bias, np.ndarray) and bool(bias.any())


def _read_table(pairs: Fields, ntypes: int) -> PairTable:
    tab = pairs.inner("tab")
    tab.version(TABLE_VERSION)
    rows = tab.optional_array("vdata")
    if rows is None or rows.ndim != 2 or len(rows) < 2 or ntypes_from_columns(rows.shape[1]) != ntypes:
        raise tab.error(f"is not a table for {ntypes} types", "@variables.vdata")
    table = PairTable(rows)
    splines = tab.array("tab_data", table.coefficients.shape)
    if np.abs(splines - table.coefficients).max() > SAME * np.abs(splines).max():
        raise tab.error("holds other splines than those through the table", "@variables.tab_data")
    tab.optional_array("tab_info")
    tab.ignore("rmin", "rmax", "hh", "ntypes", "rcut", "nspline")
    tab.end()
    pairs.ignore("sel")
    pairs.end()
    return table


def table_of_splines(tab_info: np.ndarray, tab_data: np.ndarray) -> PairTable:
    """The table that a checkpoint of DeePMD-kit has only the splines of.

    tab_info: first distance, spacing, pieces, types. tab_data: (ntypes, ntypes, pieces, 4).
    """
    first, spacing = tab_info[:2]
    upper = np.triu_indices(tab_data.shape[0])
    splines = tab_data[upper]
    energies = np.concatenate([splines[:, :, 3], splines[:, -1:].sum(axis=2)], axis=1)
    r = first + spacing * np.arange(energies.shape[1])
    return PairTable(np.concatenate([r[:, None], energies.T], axis=1))


def beside_table(network: dict[str, Any], table: PairTable, section: dict[str, Any], rcut: float) -> dict[str, Any]:
    """The object of a `zbl` model, from that of its network as a model of its own.

    section: with the keys of `SECTION`. rcut: A, of the network.
    """
    zero = {name: np.zeros_like(value) for name, value in network["@variables"].items() if value is not None}
    zero |= {name: value for name, value in network["@variables"].items() if name == "out_std"}
    inside = {**network, "atom_exclude_types": [], "pair_exclude_types": [], "@variables": zero}
    pairs = {
        **{key: value for key, value in inside.items() if key not in ("descriptor", "fitting")},
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
    whole = {key: value for key, value in network.items() if key not in ("descriptor", "fitting")}
    return {**whole, "type": "zbl", "models": [inside, pairs], **{key: section[key] for key in SECTION}}


def write_short_range(model: PotentialModel, network: dict[str, Any]) -> dict[str, Any]:
    """The object of a `zbl` model, from that of its network as a model of its own."""
    assert model.interpolation is not None
    table, config = PairTable(model.interpolation.table.cpu().numpy()), model.config
    result = beside_table(network, table, dict(config), model.rcut) | {"weights": "mean"}
    inside, pairs = result["models"]
    pairs["sel"] = sum(model.descriptor.sel)
    if not config.srtab_add_bias:
        own = {**network["fitting"]["@variables"], "bias_atom_e": network["@variables"]["out_bias"][0]}
        inside["fitting"] = {**network["fitting"], "@variables": own}
        result["@variables"] = inside["@variables"]
    return result

"""What `deepaw info` prints of a potential."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from deepaw.native.library import describe_library
from deepaw.potential.evaluation.deviation import Deviation, measure_deviations, sample_frame
from deepaw.potential.evaluation.tensor_deviation import TensorDeviation, measure_tensor_deviations
from deepaw.potential.files.formats import read_model
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.shortrange.table import PairTable
from deepaw.potential.typenames import has_names

ENERGIES = ("energy, eV/atom", "force, relative")
"""What deviates, of a model of energies."""

LONGEST = 120
"""Characters; longer entries of the provenance, such as whole input files, are left out."""


def print_potential(path: Path) -> None:
    """Facts of the model, then a table of what each precision deviates by and how fast it is here."""
    model = read_model(path)
    console = Console(highlight=False, markup=False)
    console.print(_facts(path, model))
    frame = sample_frame(model)
    counts = "".join(f"{name}{sum(frame.types == kind)}" for kind, name in enumerate(model.type_map))
    table = Table(
        title=f"Against the equations, and speed with one neighbour list an evaluation ({counts}, rattled)",
        title_justify="left",
        box=box.SIMPLE,
    )
    deviations = ("tensor, relative", "derivative") if isinstance(model, TensorModel) else ENERGIES
    for heading in ("precision", "polynomials", "functions", "features", *deviations, "atoms/s"):
        table.add_column(heading, justify="left" if heading == "precision" else "right")
    with console.status("measuring"):
        for row in _measured(model):
            sizes = [_sizes(row, name) for name in ("polynomials", "functions", "features")]
            first = row.tensor if isinstance(row, TensorDeviation) else row.energy
            table.add_row(row.precision, *sizes, f"{first:.1e}", f"{row.force:.1e}", f"{row.atoms_per_second:,.0f}")
    console.print(table)
    console.print(
        "Polynomials hold the embedding nets, functions are what is left of their columns, and features what the "
        "fitting nets read of the descriptor, for each part of it; deviations of forces are relative to the largest."
    )


def _measured(model: AtomicModel) -> Iterator[Deviation] | Iterator[TensorDeviation]:
    if isinstance(model, TensorModel):
        return measure_tensor_deviations(model)
    assert isinstance(model, PotentialModel)
    return measure_deviations(model)


def _facts(path: Path, model: AtomicModel) -> Table:
    facts = Table(box=None, show_header=False, padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column()
    weights = sum(parameter.numel() for parameter in model.parameters())
    facts.add_row("model", f"{path}: {_what(model)}, {weights:,} weights")
    unnamed = "" if has_names(model.type_map) else ", the numbers of type.raw ('deepaw convert --type-map' names them)"
    facts.add_row("types", " ".join(model.type_map) + unnamed)
    facts.add_row("cutoff", f"{model.rcut:g} A")
    facts.add_row("pairs of atoms by", describe_library())
    for part in model.descriptor.parts:
        keys = part.config.model_dump(mode="json")
        facts.add_row("descriptor", f"{keys.pop('type')}, {part.width} features of an atom")
        for name, value in keys.items():
            facts.add_row(f"  {name}", _shown(value))
    facts.add_row("fitting nets", model.config.fitting_net.type)
    for name, value in model.config.fitting_net.model_dump(mode="json", exclude={"type"}).items():
        facts.add_row(f"  {name}", _shown(value))
    for name in ("pair_exclude_types", "atom_exclude_types"):
        if excluded := getattr(model.config, name):
            facts.add_row(name, _shown(excluded))
    dropped = model.fixed_slots or any(part.drops_farthest for part in model.descriptor.parts)
    rule = "the farthest are dropped, as in DeePMD-kit" if dropped else "all count"
    facts.add_row("more than sel", rule)
    if isinstance(model, PotentialModel):
        facts.add_row("energy bias, eV", _by_type(model, model.bias.tolist()))
        for name, value in _added(model):
            facts.add_row(name, value)
    elif isinstance(model.fitting, PolarFitting):
        facts.add_row("shift", _by_type(model, model.fitting.shift.tolist()))
    closest = "not known" if model.closest is None else f"{model.closest:.3g} A"
    facts.add_row("closest in data", closest)
    for name, value in model.provenance.items():
        if isinstance(value, dict) or len(_shown(value)) <= LONGEST:
            facts.add_row(name.replace("_", " "), _shown(value))
    return facts


def _added(model: PotentialModel) -> Iterator[tuple[str, str]]:
    """What is added to what networks say."""
    config = model.config
    if model.interpolation is not None:
        table = PairTable(model.interpolation.table.numpy())
        yield "short range", f"table {config.use_srtab}, {table.first:g} to {table.end:g} A"
        for name in ("sw_rmin", "sw_rmax", "smin_alpha", "srtab_add_bias"):
            yield f"  {name}", _shown(getattr(config, name))
    if config.modifier is not None:
        yield "long range", config.modifier.type
        for name, value in config.modifier.model_dump(mode="json", exclude={"type"}).items():
            yield f"  {name}", _shown(value)


def _what(model: AtomicModel) -> str:
    if isinstance(model, TensorModel):
        atoms = " and ".join(model.type_map[kind] for kind in model.selected_types)
        return f"{model.fitting.config.label} of {atoms}, in the unit of the labels"
    return "potential, energies in eV"


def _by_type(model: AtomicModel, values: list[float]) -> str:
    return "  ".join(f"{name} {value:.6g}" for name, value in zip(model.type_map, values, strict=True))


def _sizes(row: Deviation | TensorDeviation, name: str) -> str:
    """The range over types of centres, part by part."""
    texts = []
    for part in zip(*row.sizes, strict=True):
        values = [getattr(size, name) for size in part]
        texts.append(f"{min(values)}-{max(values)}" if min(values) < max(values) else f"{values[0]}")
    return " + ".join(texts) or "-"


def _shown(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, dict):
        short = {name: entry for name, entry in value.items() if len(json.dumps(entry)) <= LONGEST}
        return ", ".join(f"{name} {_shown(entry)}" for name, entry in short.items())
    if isinstance(value, (list, tuple)):
        return " ".join(f"({_shown(entry)})" if isinstance(entry, (list, tuple)) else _shown(entry) for entry in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

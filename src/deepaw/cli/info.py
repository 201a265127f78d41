"""`deepaw info`: what a model is, what it was made from, how exact and how fast it is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from deepaw.density.occupancies.model import Occupancies


def info(
    model: Annotated[
        str, typer.Argument(help="A model file, a bundled model of densities or a published checkpoint.")
    ] = "fast",
    device: Annotated[str, typer.Option(help="Densities: cpu, cuda or cuda:N, for the measurement.")] = "cpu",
) -> None:
    """Describe a model, and measure what each precision deviates by and how fast it is."""
    from deepaw.potential.files.formats import holds_potential

    if holds_potential(model):
        from deepaw.cli.potentialinfo import print_potential

        print_potential(Path(model))
    else:
        _print_density(model, device)


def _print_density(model: str, device: str) -> None:
    import dataclasses

    from ase.data import chemical_symbols
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from deepaw.density.engine.engine import find_device
    from deepaw.density.evaluation.deviation import measure_deviations, sample_structure
    from deepaw.density.model.model import load_density_model

    find_device(device)
    loaded = load_density_model(model)
    console = Console(highlight=False)
    facts = Table(box=None, show_header=False, padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column()
    weights = sum(parameter.numel() for parameter in loaded.network.parameters())
    facts.add_row("model", f"{model}: density in e/A^3, {loaded.readout} readout, {weights:,} weights")
    for name, value in dataclasses.asdict(loaded.network.config).items():
        if name != "elements":
            facts.add_row(f"  {name}", _shown(value))
    facts.add_row("fitted atoms", "yes" if loaded.fitted is not None else "no")
    elements = " ".join(chemical_symbols[number] for number in loaded.elements)
    facts.add_row("elements", elements or "not stated")
    valence = "  ".join(f"{symbol} {count:g}" for symbol, count in loaded.valence.items())
    facts.add_row("valence electrons", valence or "not stated: densities are not scaled")
    if loaded.occupancies is not None:
        facts.add_row("occupancies", _occupancies(loaded.occupancies))
    for name, value in loaded.provenance.items():
        facts.add_row(name.replace("_", " "), _shown(value, percent=name.startswith("nmae")))
    console.print(facts)

    structure = sample_structure(loaded)
    table = Table(
        title=f"Against the float64 reference; speed without symmetry on {device} "
        f"(rattled {structure.get_chemical_formula()})",
        title_justify="left",
        box=box.SIMPLE,
    )
    for heading in ("precision", "budget", "largest deviation", "points/s"):
        table.add_column(heading, justify="left" if heading == "precision" else "right")
    with console.status("measuring"):
        for row in measure_deviations(loaded, device):
            table.add_row(row.precision, f"{row.budget:.0e}", f"{row.deviation:.1e}", f"{row.points_per_second:,.0f}")
    console.print(table)
    console.print("Deviations are relative to the largest density.")


def _occupancies(known: Occupancies) -> str:
    conditions = "".join(
        f", {text}" for text in (known.xc, f"{known.cutoff:g} eV" if known.cutoff is not None else None) if text
    )
    errors = "  ".join(
        f"{symbol} ({channels.name})" + (f" {known.errors[symbol]:.1%}" if symbol in known.errors else "")
        for symbol, channels in known.readout.channels.items()
    )
    return f"of {'CHGCARs' if known.for_vasp else 'PAW setups by fingerprint'}{conditions}: {errors}"


def _shown(value: Any, percent: bool = False) -> str:
    if percent and isinstance(value, (int, float)):
        return f"{100 * value:.2f} %"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(entry)}" for name, entry in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(_shown(entry) for entry in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""`deepaw bands`: a band structure without self-consistency."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli import gpawoptions as options


def bands(
    structure: options.Structure,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture; the numbers go beside it, as .json.", metavar="PNG")
    ],
    path: Annotated[
        str | None, typer.Option(help="Points such as G,X,W,K,G, with | for a jump; default: ASE's for the lattice.")
    ] = None,
    like_gpaw: options.LikeGpawOrDefault = None,
    model: options.Model = "fast",
    compare: Annotated[bool, typer.Option("--compare", help="Compute the self-consistent bands, too.")] = False,
) -> None:
    """Compute band structure, gap and Fermi level by GPAW after one diagonalisation at the predicted density."""
    from deepaw.cli.rows import gap_text, print_rows
    from deepaw.errors import InputError
    from deepaw.gpaw.environment import require_gpaw
    from deepaw.gpaw.parameters import default_parameters, read_parameters
    from deepaw.outputfile import check_output
    from deepaw.structure.checks import check_box
    from deepaw.structure.read import read_structure

    if output.suffix.lower() != ".png":
        raise InputError(f"The output {output} must be called .png; the numbers go beside it, as .json.")
    numbers = output.with_suffix(".json")
    for file in (output, numbers):
        check_output(file)
    require_gpaw()
    atoms = read_structure(structure)
    check_box(atoms, str(structure))
    parameters = None if like_gpaw is None else read_parameters(like_gpaw)

    from deepaw.gpaw.bandpicture import draw_bands
    from deepaw.gpaw.bands import Bands, band_parameters, bands_of, find_path, write_bands
    from deepaw.gpaw.converge import run_at_fixed_density, run_to_selfconsistency
    from deepaw.gpaw.initial import default_dft, start_dft
    from deepaw.gpaw.sources import PredictedDensity

    name = str(structure)
    kpath = find_path(atoms, path)
    source = PredictedDensity(model)
    parameters = band_parameters(parameters or default_parameters(atoms, **source.trained.settings()))
    dft = start_dft(atoms, source, parameters, name=name)
    predicted = bands_of(dft, run_at_fixed_density(dft, name), kpath, name)
    reference = None
    if compare:
        dft = default_dft(atoms, parameters, name=name)
        reference = bands_of(dft, run_to_selfconsistency(dft, name), kpath, name)

    def line(bands: Bands) -> str:
        return (
            f"{gap_text(bands.gap)}, Fermi level {bands.fermi_level:.3f} eV, {bands.run.steps} steps, "
            f"{bands.run.seconds:.1f} s and {bands.seconds:.1f} s along the path"
        )

    write_bands(numbers, predicted, reference)
    draw_bands(output, atoms.get_chemical_formula(), predicted, reference)
    rows = [
        ("structure", f"{atoms.get_chemical_formula()}, {len(atoms)} atoms ({structure})"),
        ("path", f"{kpath.path}, {len(kpath.kpts)} k points"),
        ("at predicted", line(predicted)),
    ]
    if reference is not None:
        deviation = 1000 * predicted.occupied_deviation(reference)
        rows.append(("self-consistent", line(reference)))
        rows.append(("deviation", f"{deviation:.1f} meV, mean absolute, of the occupied bands"))
    print_rows([*rows, ("written", f"{output} and {numbers}")])

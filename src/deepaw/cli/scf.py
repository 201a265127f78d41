"""`deepaw scf`: GPAW from a predicted density."""

from __future__ import annotations

from typing import Annotated

import typer

from deepaw.cli import gpawoptions as options


def scf(
    structure: options.Structure,
    like_gpaw: options.LikeGpaw,
    model: options.Model = "fast",
    compare: Annotated[bool, typer.Option("--compare", help="Run from GPAW's own start, too.")] = False,
) -> None:
    """Run GPAW from the predicted density and occupancies, and print iterations, time, energy and gap."""
    from deepaw.cli.rows import gap_text, print_rows
    from deepaw.gpaw.environment import require_gpaw
    from deepaw.gpaw.parameters import read_parameters
    from deepaw.structure.checks import check_box
    from deepaw.structure.read import read_structure

    require_gpaw()
    atoms = read_structure(structure)
    check_box(atoms, str(structure))
    parameters = read_parameters(like_gpaw)

    from deepaw.gpaw.scf import TimedRun, run_from_atoms, run_from_start
    from deepaw.gpaw.sources import PredictedDensity

    def line(timed: TimedRun) -> str:
        run = timed.run
        return (
            f"{run.steps} iterations, {timed.seconds:.1f} s, energy {run.energy:.6f} eV, "
            f"Fermi level {run.fermi_level:.3f} eV, {gap_text(run.gap)}"
        )

    source = PredictedDensity(model)
    predicted = run_from_start(atoms, source, parameters, str(structure))
    print_rows(
        [
            ("structure", f"{atoms.get_chemical_formula()}, {len(atoms)} atoms ({structure})"),
            ("from predicted", line(predicted)),
        ]
    )
    if compare:
        default = run_from_atoms(atoms, parameters, str(structure))
        steps = default.run.steps - predicted.run.steps
        seconds = default.seconds - predicted.seconds
        difference = 1000 * (predicted.run.energy - default.run.energy) / len(atoms)
        print_rows(
            [
                ("from atoms", line(default)),
                (
                    "saved",
                    f"{steps} iterations ({steps / default.run.steps:.0%}), {seconds:.1f} s "
                    f"({seconds / default.seconds:.0%}); energies differ by {difference:+.3f} meV an atom",
                ),
            ]
        )

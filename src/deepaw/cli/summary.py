"""What `deepaw-predict` says when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from deepaw.density.files.formats import Format

if TYPE_CHECKING:
    from deepaw.density.engine import PredictionSummary
    from deepaw.density.files.output import Output
    from deepaw.density.occupancies.predicted import PredictedOccupancies
    from deepaw.density.request import PredictRequest

LISTED, LISTED_ATOMS = 3, 8
"""Facts, and atoms, that a line names."""


def print_summary(request: PredictRequest, prediction: PredictionSummary, output: Output | None, by: str) -> None:
    """Print grid, range, electrons, time, symmetry and by whom, and what a restart in VASP will and will not use."""
    console = Console(soft_wrap=True)
    for key, text in summary(request, prediction, output, by):
        console.print(Text.assemble((f"{key:<12}", "bold"), text))


def summary(
    request: PredictRequest, prediction: PredictionSummary, output: Output | None, by: str
) -> list[tuple[str, str]]:
    """The same as (what, text) pairs."""
    nx, ny, nz = request.grid.shape
    points, evaluated = prediction.points_total, prediction.points_evaluated
    rows = [
        ("structure", f"{request.atoms.get_chemical_formula()}, {len(request.atoms)} atoms ({request.name})"),
        ("grid", f"{nx} x {ny} x {nz} = {points:,} points, {request.grid.source}"),
        ("range", f"{prediction.lowest:.6g} to {prediction.highest:.6g} e/A^3"),
        ("electrons", _electrons(prediction, request.raw)),
        ("time", f"{prediction.elapsed:.2f} s, {points / max(prediction.elapsed, 1e-9):,.0f} points/s"),
        ("symmetry", _symmetry(points, evaluated)),
        ("predicted", by),
    ]
    if prediction.outside_training:
        rows.append(("outside", _outside(prediction.outside_training)))
    if output is not None:
        rows.append(("written", f"{output.path} ({output.format})"))
        if output.format is Format.CHGCAR:
            if output.augmentation is None:
                rows.append(("occupancies", _occupancies(prediction.occupancies)))
            rows.append(("restart", _restart(output, prediction.occupancies)))
    return rows


def _electrons(prediction: PredictionSummary, raw: bool) -> str:
    predicted, exact = prediction.electrons_predicted, prediction.electrons_exact
    if exact is None:
        return f"{predicted:.4f} predicted and kept: the model does not say how many there should be"
    off = f"{predicted:.4f} predicted, {exact:g} exact ({(predicted - exact) / exact:+.3%})"
    return f"{off}, kept as predicted" if raw else f"{off}, scaled by {prediction.scale:.6f}"


def _symmetry(points: int, evaluated: int) -> str:
    if evaluated >= points:
        return "none used, every point evaluated"
    return f"{evaluated:,} points evaluated, {points / evaluated:.1f} times fewer"


def _outside(facts: tuple[str, ...]) -> str:
    more = f"; and {len(facts) - LISTED} more" if len(facts) > LISTED else ""
    return f"beyond what the model was trained on: {'; '.join(facts[:LISTED])}{more}"


def _occupancies(predicted: PredictedOccupancies | None) -> str:
    if predicted is None:
        return "not written: none were predicted"
    if not predicted.for_vasp:
        return (
            "not written: those that the model knows are of the PAW setups it was trained on, not of VASP's data sets; "
            "train on its CHGCARs, or copy occupancies with --augmentation-from CHGCAR"
        )
    if predicted.augmentation is None:
        which = ", ".join(predicted.missing[:LISTED_ATOMS])
        more = f" and {len(predicted.missing) - LISTED_ATOMS} more" if len(predicted.missing) > LISTED_ATOMS else ""
        return f"not written: the model has none for atom{'s' * (len(predicted.missing) > 1)} {which}{more}"
    errors = ", ".join(f"{symbol} {error:.1%}" for symbol, error in predicted.errors.items())
    measured = f"error in validation {errors}" if errors else "their error was not measured in validation"
    return f"predicted and written for all {len(predicted.augmentation.symbols)} atoms; {measured}"


def _restart(output: Output, predicted: PredictedOccupancies | None) -> str:
    if output.augmentation is not None:
        return (
            "VASP (ICHARG = 1) will use the density on the grid and the augmentation occupancies of "
            f"{output.augmentation_source}"
        )
    if predicted is not None and predicted.augmentation is not None:
        return "VASP (ICHARG = 1) will use the density on the grid and the predicted augmentation occupancies"
    return (
        "VASP (ICHARG = 1) will use the density on the grid; it will warn that PAW occupancies are missing and start "
        "those from its atoms (--augmentation-from CHGCAR copies them from an earlier run)"
    )

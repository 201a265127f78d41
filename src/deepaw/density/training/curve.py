"""The learning curve: `lcurve.out`, and a picture of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepaw.errors import InputError
from deepaw.outputfile import disk_errors, output_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OCCUPANCIES = "occ_"
"""Names of columns of occupancies begin with it, and the symbol of the element follows."""

LABELLED = 10
"""Elements that the picture names, those with the largest errors at the end."""


@dataclass(frozen=True)
class CurvePoint:
    """A line of the curve; NMAEs as fractions, of sampled points; nan where there is nothing to take them of.

    train: mean loss since the line before. val_*: over structures of the validation set. val_electrons: mean relative
    error of the electron count. out: mean over the crystal types that were left out. lr: learning rate of the step
    that follows. seconds: of training so far. occupancies: by symbol, mean of sum |dD| / sum |D| over the element's
    atoms in the validation set.
    """

    step: int
    train: float
    val_mean: float
    val_median: float
    val_worst: float
    val_electrons: float
    out: float
    lr: float
    seconds: float
    occupancies: Mapping[str, float] = field(default_factory=dict)


COLUMNS = tuple(column.name for column in fields(CurvePoint) if column.name != "occupancies")
"""Columns that every curve has; one for each element with occupancies may follow."""


class LearningCurve:
    """`lcurve.out` in a folder, appended to line by line; a restart drops the lines after its step.

    symbols: of the elements with occupancies. Lines from before a restart that do not have them get nan.

    Raises InputError where the file cannot be written, or is there and is not a learning curve.
    """

    def __init__(self, path: Path, from_step: int, symbols: Iterable[str] = ()) -> None:
        self.path = path
        points = [point for point in read_curve(path) if point.step <= from_step] if from_step and path.exists() else []
        earlier = [symbol for point in points for symbol in point.occupancies]
        self._symbols = tuple(dict.fromkeys([*symbols, *earlier]))
        with output_file(path) as beside:
            lines = [_header(self._symbols), *(_line(point, self._symbols) for point in points)]
            beside.write_text("".join(f"{line}\n" for line in lines))

    def append(self, point: CurvePoint) -> None:
        """Add a line."""
        with disk_errors(self.path), self.path.open("a") as file:
            file.write(_line(point, self._symbols) + "\n")


def read_curve(path: Path) -> list[CurvePoint]:
    """The lines of an `lcurve.out`; a last one that was cut short, when its writer was killed, is passed over.

    Raises InputError where a line is not one of a learning curve.
    """
    points = []
    symbols: list[str] = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(keepends=True), start=1):
        if line.startswith("#"):
            symbols = [name.removeprefix(OCCUPANCIES) for name in line.split() if name.startswith(OCCUPANCIES)]
            continue
        if not line.endswith("\n"):
            continue
        try:
            step, *words = line.split()
            values = [float(word) for word in words]
            known: dict[str, Any] = dict(zip((*COLUMNS[1:], *symbols), values, strict=True))
            occupancies = {symbol: known.pop(symbol) for symbol in symbols}
            points.append(CurvePoint(int(step), **known, occupancies=occupancies))
        except ValueError:
            raise InputError(f"{path}, line {number} is not one of a learning curve; move the file away.") from None
    return points


def draw_curve(points: list[CurvePoint], path: Path, baseline: float) -> None:
    """A picture of the curve, with the fitted atoms' NMAE on the validation set as the line to beat.

    Where the curve has occupancies, their errors are beside it.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    symbols = dict.fromkeys(symbol for point in points for symbol in point.occupancies)
    panels = 2 if symbols else 1
    figure, axes = pyplot.subplots(1, panels, figsize=(7 * panels, 4.2), layout="constrained", squeeze=False)
    _draw_densities(axes[0, 0], points, baseline)
    if symbols:
        _draw_occupancies(axes[0, 1], points, list(symbols))
    with output_file(path) as beside:
        figure.savefig(beside, format="png", dpi=130)
    pyplot.close(figure)


def _draw_densities(axes: Axes, points: list[CurvePoint], baseline: float) -> None:
    steps = [point.step for point in points]
    axes.axhline(100 * baseline, color="0.6", linestyle="--", label="fitted atoms, validation")
    for name, label, color, line in (
        ("train", "training (batches)", "0.75", "-"),
        ("val_mean", "validation, mean", "tab:blue", "-"),
        ("val_median", "validation, median", "tab:blue", ":"),
        ("out", "crystal types left out", "tab:red", "-"),
    ):
        values = np.array([100 * getattr(point, name) for point in points])
        if np.isfinite(values).any():
            axes.plot(steps, values, label=label, color=color, linestyle=line)
    axes.set(yscale="log", xlabel="step", ylabel="NMAE, %")
    axes.grid(alpha=0.3, which="both")
    axes.legend()


def _draw_occupancies(axes: Axes, points: list[CurvePoint], symbols: list[str]) -> None:
    steps = [point.step for point in points]
    curves = {symbol: 100 * np.array([point.occupancies.get(symbol, np.nan) for point in points]) for symbol in symbols}
    worst_first = sorted(symbols, key=lambda symbol: -np.nan_to_num(curves[symbol][-1]))
    for place, symbol in enumerate(worst_first):
        if np.isfinite(curves[symbol]).any():
            named = place < LABELLED
            label, color = (symbol, f"C{place}") if named else (None, "0.85")
            axes.plot(steps, curves[symbol], label=label, color=color, zorder=2 if named else 1)
    axes.set(yscale="log", xlabel="step", ylabel="occupancies, validation, %")
    axes.grid(alpha=0.3, which="both")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(ncol=2)


def _header(symbols: Sequence[str]) -> str:
    return "# " + " ".join(f"{name:>13}" for name in (*COLUMNS, *(OCCUPANCIES + symbol for symbol in symbols)))


def _line(point: CurvePoint, symbols: Sequence[str]) -> str:
    values = [getattr(point, name) for name in COLUMNS[1:]]
    values += [point.occupancies.get(symbol, float("nan")) for symbol in symbols]
    return f"  {point.step:>13d} " + " ".join(f"{value:>13.5e}" for value in values)

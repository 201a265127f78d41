"""The learning curve: `lcurve.out`, and a picture of it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from deepaw.outputfile import output_file


@dataclass(frozen=True)
class CurvePoint:
    """A line of the curve; NMAEs as fractions, of sampled points.

    train: mean loss since the line before. val_*: over structures of the validation set. val_electrons: mean relative
    error of the electron count. out: mean over the crystal types that were left out (nan where there are none).
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


HEADER = "# " + " ".join(f"{field.name:>12}" for field in fields(CurvePoint))


class LearningCurve:
    """`lcurve.out` in a folder, appended to line by line; a restart drops the lines after its step."""

    def __init__(self, path: Path, from_step: int) -> None:
        self.path = path
        kept = [point for point in read_curve(path) if point.step <= from_step] if from_step and path.exists() else []
        with output_file(path) as beside:
            beside.write_text("".join(f"{line}\n" for line in (HEADER, *map(_line, kept))))

    def append(self, point: CurvePoint) -> None:
        """Add a line."""
        with self.path.open("a") as file:
            file.write(_line(point) + "\n")


def read_curve(path: Path) -> list[CurvePoint]:
    """The lines of an `lcurve.out`."""
    rows = np.loadtxt(path, ndmin=2)
    return [CurvePoint(int(row[0]), *map(float, row[1:])) for row in rows]


def draw_curve(points: list[CurvePoint], path: Path, baseline: float) -> None:
    """A picture of the curve, with the fitted atoms' NMAE on the validation set as the line to beat."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
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
    with output_file(path) as beside:
        figure.savefig(beside, format="png", dpi=130)
    pyplot.close(figure)


def _line(point: CurvePoint) -> str:
    step, *values = astuple(point)
    return f"  {step:>12d} " + " ".join(f"{value:>12.5e}" for value in values)

"""The learning curve: `lcurve.out`, and a picture of it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from deepaw.errors import InputError
from deepaw.outputfile import disk_errors, output_file


@dataclass(frozen=True)
class CurvePoint:
    """A line of the curve; NMAEs as fractions, of sampled points; nan where there is nothing to take them of.

    train: mean loss since the line before. val_*: over structures of the validation set. val_electrons: mean relative
    error of the electron count. out: mean over the crystal types that were left out. lr: learning rate of the step
    that follows. seconds: of training so far.
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


HEADER = "# " + " ".join(f"{field.name:>13}" for field in fields(CurvePoint))


class LearningCurve:
    """`lcurve.out` in a folder, appended to line by line; a restart drops the lines after its step.

    Raises InputError where the file cannot be written, or is there and is not a learning curve.
    """

    def __init__(self, path: Path, from_step: int) -> None:
        self.path = path
        kept = [point for point in read_curve(path) if point.step <= from_step] if from_step and path.exists() else []
        with output_file(path) as beside:
            beside.write_text("".join(f"{line}\n" for line in (HEADER, *map(_line, kept))))

    def append(self, point: CurvePoint) -> None:
        """Add a line."""
        with disk_errors(self.path), self.path.open("a") as file:
            file.write(_line(point) + "\n")


def read_curve(path: Path) -> list[CurvePoint]:
    """The lines of an `lcurve.out`; a last one that was cut short, when its writer was killed, is passed over.

    Raises InputError where a line is not one of a learning curve.
    """
    points = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(keepends=True), start=1):
        if line.startswith("#") or not line.endswith("\n"):
            continue
        try:
            step, *values = line.split()
            points.append(CurvePoint(int(step), *map(float, values)))
        except (ValueError, TypeError):
            raise InputError(f"{path}, line {number} is not one of a learning curve; move the file away.") from None
    return points


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
    return f"  {step:>13d} " + " ".join(f"{value:>13.5e}" for value in values)

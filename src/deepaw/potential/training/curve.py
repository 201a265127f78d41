"""Learning curve of a potential: `lcurve.out`, with the columns of DeePMD-kit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deepaw.errors import InputError
from deepaw.outputfile import disk_errors, output_file

REMARK = "# If there is no available reference data, rmse_*_{val,trn} will print nan"
"""Line after the heading, as in DeePMD-kit; scripts skip a fixed number of lines."""


class LearningCurve:
    """File to which a line is appended at a time.

    A restart keeps the lines up to its step; a new training starts a new file. Columns: step, each error of validation
    and training, sorted by name, learning rate. Without validation data there are only errors of training.

    Raises InputError: the file cannot be written, or it exists and is not a learning curve.
    """

    def __init__(self, path: Path, from_step: int = 0) -> None:
        self.path = path
        lines = _lines_up_to(path, from_step) if from_step and path.exists() else []
        self._heading = next((line for line in reversed(lines) if line.startswith("# step")), None)
        with output_file(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines))

    def append(
        self, step: int, training: Mapping[str, float], validation: Mapping[str, float] | None, rate: float
    ) -> None:
        """Append a line, after a heading if it is the first line or if the columns have changed."""
        heading, line = "# step ", f"{step:7d}"
        for name in sorted(training):
            if validation is None:
                heading += f"   {f'{name}_trn':>11}"
                line += f"   {training[name]:11.2e}"
            else:
                heading += f"   {f'{name}_val':>11} {f'{name}_trn':>11}"
                line += f"   {validation[name]:11.2e} {training[name]:11.2e}"
        heading += f"   {'lr':8}"
        text = f"{line}   {rate:8.1e}\n"
        if heading != self._heading:
            text = f"{heading}\n{REMARK}\n{text}"
            self._heading = heading
        with disk_errors(self.path), self.path.open("a") as file:
            file.write(text)


def _lines_up_to(path: Path, step: int) -> list[str]:
    """Read the lines of steps up to `step`; a truncated last line, left by a killed process, is ignored."""
    lines = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(keepends=True), start=1):
        if not line.endswith("\n"):
            continue
        if not line.startswith("#"):
            try:
                values = [float(word) for word in line.split()]
                if values[0] > step:
                    continue
            except (ValueError, IndexError):
                raise InputError(f"{path}, line {number} is not one of a learning curve; move the file away.") from None
        lines.append(line.rstrip("\n"))
    return lines

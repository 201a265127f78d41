"""A request of the command line, answered by a server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deepaw.density.engine.prediction import PredictionSummary
from deepaw.density.files.output import Output
from deepaw.density.grid import Shape
from deepaw.density.occupancies.predicted import PredictedOccupancies, occupancies_of_message
from deepaw.density.request import PredictRequest
from deepaw.outputfile import disk_errors
from deepaw.server.client.client import DeePAWClient
from deepaw.server.client.jobs import Progress

IN_MEMORY = 50_000_000
"""Points of the largest grid that is asked for in one piece."""

BLOCK_POINTS = 4_000_000
"""Points of a block that is read back from the disk, about."""


class Served:
    """Asks the server on a socket or at an address; without either, that of ~/.deepaw."""

    def __init__(self, socket: Path | None, url: str | None, api_key: str | None, model: str | None) -> None:
        self._client = DeePAWClient(socket, url, api_key)
        self._model = model
        self.said = ""

    def answer(self, request: PredictRequest, output: Output | None, progress: Progress) -> PredictionSummary:
        """Predict and write, through the disk where the grid is large. Ctrl-C cancels on the server too."""
        if int(np.prod(request.grid.shape)) > IN_MEMORY:
            return self._streamed(request, output, progress)
        atoms, shape = request.atoms, request.grid.shape
        found = self._client.predict(
            atoms,
            shape,
            model=self._model,
            raw=request.raw,
            occupancies=output is not None and output.wants_occupancies,
            progress=progress,
        )
        density, spin = found["density_3d"], found["magnetisation_3d"]
        predicted = occupancies_of_message(tuple(atoms.symbols), found["occupancies"])
        if output is not None:
            augmentation = None if predicted is None else predicted.augmentation
            output.write(atoms, shape, [density], None if spin is None else [spin], augmentation)
        return self._summary(request, found, float(density.min()), float(density.max()), predicted)

    def _streamed(self, request: PredictRequest, output: Output | None, progress: Progress) -> PredictionSummary:
        lowest, highest = np.inf, -np.inf
        end: dict[str, Any] = {}
        folder = Path(tempfile.gettempdir()) if output is None else output.path.parent
        shape = request.grid.shape
        with disk_errors(folder), tempfile.TemporaryFile(dir=folder) as file:
            width = 1
            pieces = self._client.stream(
                request.atoms,
                shape,
                model=self._model,
                raw=request.raw,
                occupancies=output is not None and output.wants_occupancies,
                progress=progress,
            )
            for piece in pieces:
                if "end" in piece:
                    end = piece["end"]
                    continue
                values = piece["values"]
                density = values if values.ndim == 1 else values[:, 0]
                lowest, highest = min(lowest, float(density.min())), max(highest, float(density.max()))
                width = 1 if values.ndim == 1 else values.shape[1]
                if output is not None:
                    file.seek(4 * width * piece["offset"])
                    file.write(values.data)
            scale = end["scale"]
            predicted = occupancies_of_message(tuple(request.atoms.symbols), end.get("occupancies"))
            if output is not None:
                file.flush()
                kept = np.memmap(file, dtype="<f4", mode="r", shape=(*shape, width))
                spin = _blocks(kept, shape, 1, 1.0) if width == 2 else None
                augmentation = None if predicted is None else predicted.augmentation
                output.write(request.atoms, shape, _blocks(kept, shape, 0, scale), spin, augmentation)
        return self._summary(request, end, lowest * scale, highest * scale, predicted)

    def _summary(
        self,
        request: PredictRequest,
        found: dict[str, Any],
        low: float,
        high: float,
        occupancies: PredictedOccupancies | None,
    ) -> PredictionSummary:
        self.said = f"by the server on {self._client.where}, model {found['model'][:16]}"
        return PredictionSummary(
            atoms=request.atoms,
            grid_shape=request.grid.shape,
            elapsed=found["elapsed"],
            electrons_predicted=found["electrons_predicted"],
            electrons_exact=found["electrons_exact"],
            scale=found["scale"],
            points_evaluated=found["points_evaluated"],
            lowest=low,
            highest=high,
            outside_training=tuple(found.get("outside_training", ())),
            occupancies=occupancies,
        )


def _blocks(kept: np.ndarray, shape: Shape, channel: int, scale: float) -> Iterator[np.ndarray]:
    """Arrays (nx, ny, n) along the third cell vector."""
    step = max(1, BLOCK_POINTS // (shape[0] * shape[1]))
    for start in range(0, shape[2], step):
        yield np.ascontiguousarray(kept[:, :, start : start + step, channel]) * np.float32(scale)

"""From a request to a file: the density in memory where it fits, through the disk where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from ase import Atoms

from deepaw.density.engine import InferenceEngine, PredictionSummary
from deepaw.density.engine.prepared import Progress
from deepaw.density.files.blocks import BlockSpool
from deepaw.density.files.output import Output
from deepaw.density.occupancies.predicted import PredictedOccupancies, predicted_occupancies
from deepaw.density.request import PredictRequest

IN_MEMORY = 50_000_000
"""Points of the largest grid that is held in memory, 200 MB."""


def answer(
    engine: InferenceEngine, request: PredictRequest, output: Output | None, progress: Progress | None = None
) -> PredictionSummary:
    """Predict what is asked for and write it to `output`, if there is one.

    A grid of more than `IN_MEMORY` points is spooled beside the output, since the scale to the exact number of
    electrons is known only at its end. Raises InputError: as the engine and the writers do.
    """
    atoms, shape = request.atoms, request.grid.shape
    predicted = _occupancies(engine, atoms) if output is not None and output.wants_occupancies else None
    augmentation = None if predicted is None else predicted.augmentation
    if int(np.prod(shape)) <= IN_MEMORY:
        prediction = engine.predict(atoms=atoms, grid_shape=shape, raw=request.raw, progress=progress)
        if output is not None:
            spin = prediction.magnetisation_3d
            output.write(atoms, shape, [prediction.density_3d], None if spin is None else [spin], augmentation)
        return replace(prediction, occupancies=predicted)
    if output is None:
        return engine.stream(atoms, shape, lambda block: None, raw=request.raw, progress=progress)
    with ExitStack() as stack:
        spools: list[BlockSpool] = []

        def take(block: np.ndarray) -> None:
            while len(spools) < block.shape[3]:
                spools.append(stack.enter_context(BlockSpool(output.path.parent)))
            for channel, spool in enumerate(spools):
                spool.append(block[..., channel])

        summary = engine.stream(atoms, shape, take, raw=request.raw, progress=progress)
        magnetisation = spools[1].blocks() if len(spools) > 1 else None
        output.write(atoms, shape, _scaled(spools[0], summary.scale), magnetisation, augmentation)
    return replace(summary, occupancies=predicted)


def _occupancies(engine: InferenceEngine, atoms: Atoms) -> PredictedOccupancies | None:
    known = engine.model.occupancies
    return None if known is None else predicted_occupancies(list(atoms.symbols), engine.occupancies(atoms), known)


def _scaled(spool: BlockSpool, scale: float) -> Iterator[np.ndarray]:
    for block in spool.blocks():
        yield block * np.float32(scale)

"""A model's occupancies beside calculated ones."""

from __future__ import annotations

from collections.abc import Sequence

from deepaw.density.data.example import Example
from deepaw.density.engine import InferenceEngine
from deepaw.density.occupancies.data import check_same_setup, read_occupancies
from deepaw.density.occupancies.errors import ElementError, mean_errors


def compare_occupancies(engine: InferenceEngine, examples: Sequence[Example]) -> list[ElementError]:
    """Error of every element over the examples that have occupancies; none where the model has none.

    Raises InputError: occupancies that cannot be read, or of other setups than those the model was trained on.
    """
    known = engine.model.occupancies
    if known is None:
        return []
    channels = {symbol: setup.channels for symbol, setup in known.setups.items()}
    data = read_occupancies(((example.name, example.occupancies) for example in examples), channels)
    for symbol, setup in data.setups.items():
        if symbol in known.setups:
            origin = next(read.origin for read in data.structures.values() if symbol in read.setups)
            check_same_setup(known.setups[symbol], "the model", setup, origin)
    atoms = []
    for example in examples:
        if example.name not in data.structures:
            continue
        matrices = data.structures[example.name].matrices
        for symbol, mine, reference in zip(
            example.atoms.symbols, engine.occupancies(example.atoms), matrices, strict=True
        ):
            if mine is not None:
                atoms.append((symbol, mine, reference))
    free_atoms = {
        symbol: matrix for symbol, setup in known.setups.items() if (matrix := setup.free_atom_matrix()) is not None
    }
    return mean_errors(atoms, free_atoms, {symbol: known.readout.mean_matrix(symbol) for symbol in known.setups})

"""A model's occupancies beside calculated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from deepaw.density.data.example import Example
from deepaw.density.engine import InferenceEngine
from deepaw.density.occupancies.data import check_same_setup, read_occupancies
from deepaw.density.occupancies.errors import ElementError, mean_errors, relative_error


@dataclass(frozen=True)
class OccupancyComparison:
    """Errors of elements over all structures; and by the structures' names and symbols, mean of sum |dD| / sum |D|."""

    elements: list[ElementError] = field(default_factory=list)
    structures: dict[str, dict[str, float]] = field(default_factory=dict)


def compare_occupancies(engine: InferenceEngine, examples: Sequence[Example]) -> OccupancyComparison:
    """Errors over the examples that have occupancies; none where the model has none.

    Raises InputError: occupancies that cannot be read, or of other setups than those the model was trained on.
    """
    known = engine.model.occupancies
    if known is None:
        return OccupancyComparison()
    channels = {symbol: setup.channels for symbol, setup in known.setups.items()}
    data = read_occupancies(((example.name, example.occupancies) for example in examples), channels)
    for symbol, setup in data.setups.items():
        if symbol in known.setups:
            origin = next(read.origin for read in data.structures.values() if symbol in read.setups)
            check_same_setup(known.setups[symbol], "the model", setup, origin)
    atoms = []
    structures = {}
    for example in examples:
        if example.name not in data.structures:
            continue
        matrices = data.structures[example.name].matrices
        triples = zip(example.atoms.symbols, engine.occupancies(example.atoms), matrices, strict=True)
        compared = [(symbol, mine, reference) for symbol, mine, reference in triples if mine is not None]
        structures[example.name] = {
            symbol: fmean(relative_error(mine, reference) for other, mine, reference in compared if other == symbol)
            for symbol in dict.fromkeys(symbol for symbol, _, _ in compared)
        }
        atoms += compared
    free_atoms = {
        symbol: matrix for symbol, setup in known.setups.items() if (matrix := setup.free_atom_matrix()) is not None
    }
    means = {symbol: known.readout.mean_matrix(symbol) for symbol in known.setups}
    return OccupancyComparison(mean_errors(atoms, free_atoms, means), structures)

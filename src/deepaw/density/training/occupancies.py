"""Occupancies as part of a training: their data, their share of the loss, their errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepaw.density.data.example import Example
from deepaw.density.data.split import Split
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.occupancies.compensation import AtomicCharges, CompensationCharges
from deepaw.density.occupancies.data import OccupancyData, read_occupancies
from deepaw.density.occupancies.errors import ElementError, mean_errors
from deepaw.density.occupancies.fit import FitSample, fit_readout
from deepaw.density.occupancies.loss import OccupancyLoss
from deepaw.density.occupancies.model import Occupancies
from deepaw.density.occupancies.readout import Components, OccupancyReadout
from deepaw.density.occupancies.targets import Targets, set_statistics, targets_of
from deepaw.density.training.config import OccupanciesInput
from deepaw.errors import InputError

Array = NDArray[np.float64]

SAMPLE = 20
"""Structures from which the size of features is taken."""


class OccupancyTraining:
    """A readout to be trained, and what it learns from.

    Elements are those with occupancies in the training part; their means and scales are set. smooth: whether the
    network learns the smooth density, to which `charges` then belong.
    """

    def __init__(
        self,
        data: OccupancyData,
        parts: Split,
        network: ExpansionNetwork,
        weight: float,
        smooth: bool,
        device: torch.device,
    ) -> None:
        self.weight = weight
        self._data = data
        train = [example for example in parts.train if example.name in data.structures]
        symbols = {symbol for example in train for symbol in example.atoms.symbols}
        self.setups = {symbol: setup for symbol, setup in data.setups.items() if symbol in symbols}
        channels = {symbol: setup.channels for symbol, setup in self.setups.items()}
        self.readout = OccupancyReadout(channels, network.feature_count, network.config.lmax).to(device)
        self.targets: dict[str, Targets] = {
            example.name: targets_of(data.structures[example.name], list(example.atoms.symbols), self.readout)
            for example in train
        }
        set_statistics(self.readout, list(self.targets.values()))
        self._normalise(network, train[:SAMPLE])
        self._loss = OccupancyLoss(self.readout, list(self.targets.values()))
        self.charges = self._compensation_charges() if smooth else None

    def _compensation_charges(self) -> CompensationCharges:
        charges = CompensationCharges(self.readout, self.setups)
        if missing := [symbol for symbol in self.setups if symbol not in charges.elements]:
            raise InputError(
                f"occupancies.smooth_density is true, and the setup of {missing[0]} does not say its compensation "
                "charges and their radius; give the radius in A in occupancies.compensation_radii, or leave "
                "smooth_density out."
            )
        return charges

    @torch.no_grad()
    def _normalise(self, network: ExpansionNetwork, examples: Sequence[Example]) -> None:
        """Divide the scales by the size of the network's features before training, so that weights of 1 are of use."""
        features = [network.features(network.graph(example.atoms)) for example in examples]
        for scale, blocks in zip(self.readout.scales, zip(*features, strict=True), strict=True):
            scale.data /= torch.cat([block.flatten() for block in blocks]).square().mean().sqrt().clamp(min=1e-6)

    def known_charges(self, examples: Sequence[Example]) -> dict[int, AtomicCharges]:
        """Compensation charges of the structures whose occupancies are targets, by the id of their atoms."""
        if self.charges is None:
            return {}
        result = {}
        for example in examples:
            if example.name in self.targets:
                targets = self.targets[example.name]
                components = {symbol: (of_element.atoms, of_element.blocks) for symbol, of_element in targets.items()}
                numbers = example.atoms.get_atomic_numbers()
                result[id(example.atoms)] = self.charges.of_components(components, numbers)
        return result

    def loss(self, examples: Sequence[Example], components: Components) -> Tensor:
        """What the structures add to the loss together; those without occupancies add nothing.

        components: what the readout gives for their atoms, one structure after another.
        """
        targets = [self.targets.get(example.name) for example in examples]
        return self.weight * self._loss(components, [len(example.atoms) for example in examples], targets)

    def correct(self, structures: Iterable[tuple[Example, Sequence[Tensor]]]) -> None:
        """Correct the readout in closed form for the features of the structures that have targets.

        Of each structure the features of its atoms, for every degree (natoms, features, 2 l + 1).
        """
        fit_readout(
            self.readout,
            [
                FitSample(features, self.targets[example.name], example.kind)
                for example, features in structures
                if example.name in self.targets
            ],
        )

    def errors(self, structures: Iterable[tuple[Example, Sequence[Array | None]]]) -> list[ElementError]:
        """Errors of every element in predicted matrices, over structures that have occupancies; others are passed
        over.
        """
        atoms = []
        for example, predicted in structures:
            matrices = self._data.structures.get(example.name)
            if matrices is None:
                continue
            for symbol, mine, reference in zip(example.atoms.symbols, predicted, matrices.matrices, strict=True):
                if mine is not None:
                    atoms.append((symbol, mine, reference))
        free_atoms = {
            symbol: matrix for symbol, setup in self.setups.items() if (matrix := setup.free_atom_matrix()) is not None
        }
        means = {symbol: self.readout.mean_matrix(symbol) for symbol in self.setups}
        return mean_errors(atoms, free_atoms, means)

    def finished(self, readout: OccupancyReadout, validation: Sequence[ElementError]) -> Occupancies:
        """What the model keeps: a copy of the readout, setups and errors."""
        errors = {error.symbol: error.error for error in validation}
        return Occupancies(readout, self.setups, errors)


def occupancy_training(
    settings: OccupanciesInput, parts: Split, network: ExpansionNetwork, device: torch.device
) -> OccupancyTraining | None:
    """The occupancies of a split data set, None where its training part has none.

    Raises InputError: as `read_occupancies`.
    """
    examples = [*parts.train, *parts.validation, *parts.left_out]
    data = read_occupancies(((example.name, example.occupancies) for example in examples), settings.named_channels())
    if not any(example.name in data.structures for example in parts.train):
        return None
    setups = {
        symbol: replace(
            setup,
            cutoff=setup.cutoff if setup.cutoff is not None else settings.cutoff,
            xc=setup.xc if setup.xc is not None else settings.xc,
            radius=setup.radius if setup.radius is not None else settings.compensation_radii.get(symbol),
        )
        for symbol, setup in data.setups.items()
    }
    return OccupancyTraining(
        OccupancyData(setups, data.structures), parts, network, settings.weight, settings.smooth_density, device
    )


def shown_errors(errors: Sequence[ElementError]) -> str:
    """Errors of elements in one line, as 'O 0.61 %  Hf 1.9 %'."""
    return "  ".join(f"{error.symbol} {100 * error.error:.2f} %" for error in errors)

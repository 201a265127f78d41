"""Occupancies with compensation charges, of random weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.occupancies.channels import Channels
from deepaw.density.occupancies.model import Occupancies
from deepaw.density.occupancies.readout import OccupancyReadout
from deepaw.density.occupancies.setup import PawSetup

CHANNELS = ((2, 0), (2, 1), (-1, 0), (-1, 1), (3, 2))


def charged_occupancies(network: ExpansionNetwork, symbols: Sequence[str]) -> Occupancies:
    """Of some elements, read off the features of a network."""
    random = np.random.default_rng(3)
    setups = {}
    for number, symbol in enumerate(symbols):
        channels = Channels(symbol, CHANNELS)
        delta = random.normal(size=(len(channels.pairs()), 3))
        setups[symbol] = PawSetup(channels, "", 6.0, None, delta, -1.0, radius=0.3 + 0.1 * number)
    channels = {symbol: setup.channels for symbol, setup in setups.items()}
    readout = OccupancyReadout(channels, network.feature_count, network.config.lmax).to(network.embedding)
    with torch.no_grad():
        readout.mean.uniform_(0, 1)
        for weight in readout.weights:
            weight.normal_()
    return Occupancies(readout, setups)

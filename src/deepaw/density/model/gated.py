"""The gated network's weights, in plain torch and under the published names."""

from __future__ import annotations

from torch import nn

from deepaw.density.model.config import GatedConfig
from deepaw.density.model.interaction import Gate, Interaction
from deepaw.density.model.layout import SCALAR, InteractionLayout, NetworkLayout, Row
from deepaw.density.model.linear import BlockLinear
from deepaw.density.model.local import LocalCorrection
from deepaw.density.model.radial import RadialBasis


class InteractionBlock(nn.Module):
    """Names the layers as published checkpoints do."""

    def __init__(self, layouts: tuple[InteractionLayout, ...], config: GatedConfig) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(Interaction(layout, config) for layout in layouts)
        self.gates = nn.ModuleList(Gate(layout.gate) for layout in layouts)


class LayeredNetwork(nn.Module):
    """The atom network: radial functions, interactions and gates."""

    def __init__(self, layouts: tuple[InteractionLayout, ...], config: GatedConfig) -> None:
        super().__init__()
        self.layouts, self.config = layouts, config
        self.basis = RadialBasis(config.num_basis, config.cutoff, config.basis)
        self.interaction_block = InteractionBlock(layouts, config)

    def layers(self) -> list[tuple[Interaction, Gate]]:
        """Interactions with the gates that follow them."""
        block = self.interaction_block
        return list(zip(block.convolutions, block.gates, strict=True))  # type: ignore[arg-type]


class ProbeNetwork(LayeredNetwork):
    """The probe network: the same, and the readout."""

    def __init__(self, layouts: tuple[InteractionLayout, ...], config: GatedConfig) -> None:
        super().__init__(layouts, config)
        self.readout = BlockLinear(layouts[-1].gate.outputs, Row.of([(config.outputs, SCALAR)]), bias=True)


class GatedNetwork(nn.Module):
    """F_nonlocal, plus F_local where the configuration has it, with random weights to begin with.

    The state dict equals that of `reference.ReferenceNetwork` but for the coupling coefficients, which are constants.
    `engine.gated.GatedEvaluator` turns the weights and a structure into a density.
    """

    def __init__(self, config: GatedConfig) -> None:
        super().__init__()
        self.config = config
        layout = NetworkLayout.of(config)
        self.atom_model = LayeredNetwork(layout.atoms, config)
        self.probe_model = ProbeNetwork(layout.probes, config)
        width = layout.probes[-1].gate.outputs.dim
        self.local = LocalCorrection(width, config.outputs, config.local) if config.local else None

    @property
    def cutoff(self) -> float:
        """A."""
        return self.config.cutoff

    @property
    def invariant(self) -> bool:
        """Whether the density is exactly invariant under rotations; F_local as published is not."""
        return self.local is None

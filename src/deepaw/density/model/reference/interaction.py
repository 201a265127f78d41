"""One interaction: messages from senders to receivers, mixed with what the receivers already are."""

from __future__ import annotations

import torch
from e3nn import o3
from e3nn.nn import FullyConnectedNet, Gate
from torch import Tensor, nn

from deepaw.density.model.config import GatedConfig
from deepaw.density.model.radial import envelope
from deepaw.density.model.reference.edges import Edges

SCALAR = o3.Irrep("0e")
ACTIVATIONS = {1: torch.nn.functional.silu, -1: torch.tanh}
HIDDEN = 100


def hidden_irreps(config: GatedConfig) -> o3.Irreps:
    """`copies(l)` channels of either parity for every degree, odd parity first."""
    return o3.Irreps([(config.copies(degree), (degree, p)) for degree in range(config.lmax + 1) for p in (-1, 1)])


def make_gate(receiver: o3.Irreps, harmonics: o3.Irreps, hidden: o3.Irreps) -> Gate:
    """The gate whose output is the part of `hidden` that receivers couple to through one set of harmonics."""
    reached = [
        (mul, ir) for mul, ir in hidden if any(ir in a * b for _, a in receiver for _, b in harmonics)
    ]  # fmt: skip
    scalars = o3.Irreps([(mul, ir) for mul, ir in reached if ir.l == 0])
    gated = o3.Irreps([(mul, ir) for mul, ir in reached if ir.l > 0])
    gates = o3.Irreps([(gated.num_irreps, SCALAR)] if gated else [])
    return Gate(
        scalars, [ACTIVATIONS[ir.p] for _, ir in scalars], gates, [torch.sigmoid] * len(gates), gated
    )  # fmt: skip


class Interaction(nn.Module):
    """h_i' = cos(a_i) sc(h_i) + sin(a_i) lin2(m_i), a_i = lin3(m_i) / 10,

    m_i = sum_j u(r_ij) tp(lin1(h_j), Y(r_ij); fc(b(r_ij))) / sqrt(num_neighbors)

    with `tp` the channel-wise ("uvu") tensor product, weighted by the radial network `fc`, and u the envelope. Where
    `sc` has no output the sine is replaced by 1. (Koker et al. 2024; the mixing is that of e3nn's points convolution.)
    """

    def __init__(
        self, sender: o3.Irreps, receiver: o3.Irreps, harmonics: o3.Irreps, output: o3.Irreps, config: GatedConfig
    ) -> None:
        super().__init__()
        self.config = config
        self.sc = o3.FullyConnectedTensorProduct(receiver, SCALAR, output)
        self.lin1 = o3.FullyConnectedTensorProduct(sender, SCALAR, sender)
        middle: list[tuple[int, o3.Irrep]] = []
        paths: list[tuple[int, int, int]] = []
        for i, (mul, ir_sender) in enumerate(sender):
            for j, (_, ir_edge) in enumerate(harmonics):
                for ir in ir_sender * ir_edge:
                    if ir in output or ir == SCALAR:
                        paths.append((i, j, len(middle)))
                        middle.append((mul, ir))
        sorted_middle, place, _ = o3.Irreps(middle).sort()
        self.tp = o3.TensorProduct(
            sender,
            harmonics,
            sorted_middle,
            [(i, j, place[k], "uvu", True) for i, j, k in paths],
            internal_weights=False,
            shared_weights=False,
        )
        self.fc = FullyConnectedNet([config.num_basis, HIDDEN, self.tp.weight_numel], torch.nn.functional.silu)
        self.lin2 = o3.FullyConnectedTensorProduct(sorted_middle, SCALAR, output)
        self.lin3 = o3.FullyConnectedTensorProduct(sorted_middle, SCALAR, SCALAR)

    def forward(self, senders: Tensor, receivers: Tensor, edges: Edges, harmonics: Tensor, radial: Tensor) -> Tensor:
        """senders (s, ...), receivers (n, ...), harmonics (e, (lmax + 1)^2), radial (e, num_basis) -> (n, output)."""
        self_connection = self.sc(receivers, receivers.new_ones(len(receivers), 1))
        inputs = self.lin1(senders, senders.new_ones(len(senders), 1))
        messages = self.tp(inputs[edges.source], harmonics, self.fc(radial))
        if self.config.envelope:
            messages = messages * envelope(edges.length, self.config.cutoff).unsqueeze(-1)
        total = messages.new_zeros(len(receivers), messages.shape[1]).index_add_(0, edges.target, messages)
        total = total / self.config.num_neighbors**0.5
        one = total.new_ones(len(total), 1)
        angle = 0.1 * self.lin3(total, one)
        mask = self.sc.output_mask
        sine = (1 - mask) + angle.sin() * mask
        return angle.cos() * self_connection + sine * self.lin2(total, one)

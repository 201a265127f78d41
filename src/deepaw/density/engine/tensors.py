"""Per-atom tensors: everything between an atom's features and the sum over atoms, contracted once.

    message(p) = sum_a sum_lm,k Y_lm(r_pa) g_k(r_pa) T[a, lm, k, :]

With lin1 already applied to the features x, T is, for harmonics of degree l2 and an output block of degree l3,

    T[a, (l2 m2), k, (v m3)] = sum over paths, u, m1 of C[m1, m2, m3] x[a, u, m1] W[k, u] L[u, v]

where W is the second layer of the radial network on the basis g and L is lin2, or lin3 for the column of the angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepaw.density.engine.features import coupling
from deepaw.density.model.interaction import Interaction
from deepaw.density.model.layout import SCALAR, Block


@dataclass(frozen=True)
class Route:
    """All paths through harmonics of one degree to one output block.

    degree: l2; senders: the sender block and the coupling (d1, d2, d3) of every path; weights: (copies in, K * copies
    out), W times L; columns: where the output block starts in the message and how many copies it has; dim: d3.
    """

    degree: int
    senders: list[tuple[Block, Tensor]]
    weights: Tensor
    start: int
    copies: int
    dim: int


def width(interaction: Interaction) -> int:
    """Columns of a layer's message: the gate's inputs and, last, the angle."""
    return interaction.layout.gate.inputs.dim + 1


def routes(interaction: Interaction, radial: Tensor) -> list[Route]:
    """The routes of a layer; `radial` (K, HIDDEN) is the hidden layer on the basis. Differentiable in the weights."""
    layout = interaction.layout
    weights = radial @ (interaction.fc.layer1.weight / interaction.fc.layer1.weight.shape[0] ** 0.5)
    through = {path.middle: path for path in layout.paths}
    outputs = [(interaction.lin2.matrix(o), block) for o, block in enumerate(layout.gate.inputs.blocks)]
    outputs.append((interaction.lin3.matrix(0), Block(1, SCALAR, layout.gate.inputs.dim)))
    result = []
    for found, target in outputs:
        if found is None:
            continue
        used, matrix = found
        sizes = [layout.middle.blocks[i].mul for i in used]
        parts = dict(zip(used, matrix.split(sizes), strict=True))
        for degree in range(layout.lmax + 1):
            paths = [through[i] for i in used if through[i].edge == degree]
            if not paths:
                continue
            senders, stacked = [], []
            for path in paths:
                block = layout.sender.blocks[path.sender]
                senders.append((block, coupling(block.irrep.degree, degree, target.irrep.degree).to(weights)))
                channel = weights[:, path.weight : path.weight + block.mul].T
                stacked.append(channel.unsqueeze(-1) * parts[path.middle].unsqueeze(1))
            combined = torch.cat(stacked).flatten(1)
            result.append(Route(degree, senders, combined, target.start, target.mul, target.irrep.dim))
    return result


def atom_tensors(layer_routes: list[list[Route]], widths: list[int], inputs: list[Tensor], lmax: int) -> Tensor:
    """T of some atoms for all layers side by side, (n, K, (lmax + 1)^2, sum of widths).

    inputs: per layer (n, sender.dim), after lin1.
    """
    atoms = len(inputs[0])
    size = layer_routes[0][0].weights.shape[1] // layer_routes[0][0].copies
    layers = []
    for found, total, x in zip(layer_routes, widths, inputs, strict=True):
        tensor = x.new_zeros(atoms, size, (lmax + 1) ** 2, total)
        for route in found:
            edge = 2 * route.degree + 1
            coupled = [
                torch.einsum("nuj,jab->nabu", x[:, block.part].reshape(atoms, block.mul, -1), matrix)
                for block, matrix in route.senders
            ]
            product = torch.cat(coupled, dim=-1) @ route.weights
            product = product.view(atoms, edge, route.dim, size, route.copies).permute(0, 3, 1, 4, 2)
            rows = slice(route.degree**2, (route.degree + 1) ** 2)
            columns = slice(route.start, route.start + route.copies * route.dim)
            tensor[:, :, rows, columns] = product.reshape(atoms, size, edge, -1)
        layers.append(tensor)
    return torch.cat(layers, dim=-1)

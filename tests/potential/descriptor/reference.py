"""Descriptors as nested loops over atoms and slots, in NumPy: the padded form, slot by slot."""

from __future__ import annotations

import numpy as np
import torch

from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.se_e3 import SeE3
from deepaw.potential.neighbours.environment import Environment


def smooth(r: float, low: float, high: float) -> float:
    if r >= high:
        return 0.0
    x = max((r - low) / (high - low), 0.0)
    return x**3 * (-6 * x**2 + 15 * x - 10) + 1


def embed(part: PairwiseDescriptor, centre: int, kind: int, x: float) -> np.ndarray:
    """Evaluate the embedding net of a pair of types at one number."""
    return apply(part, centre + part.ntypes * kind if part.networks_by_pair else kind, x)


def apply(part: PairwiseDescriptor | SeE3, index: int, x: float) -> np.ndarray:
    """Evaluate net `index` at one number."""
    y = np.array([x])
    for layer in part.nets.layers:
        w, b = layer.w[index].detach().numpy(), layer.b[index, 0].detach().numpy()
        z = np.tanh(y @ w + b)
        if layer.idt is not None:
            z = z * layer.idt[index, 0].detach().numpy()
        y = z + np.concatenate([y] * (len(z) // len(y))) if len(z) in (len(y), 2 * len(y)) else z
    return y


def list_slots(
    part: PairwiseDescriptor | SeE3, env: Environment, atom: int
) -> list[tuple[int, np.ndarray | None, float]]:
    """List every slot of an atom: type, vector or None where it is empty, and how often it counts.

    With open slots, those beyond `sel` are undone by empty ones that count -1 times.
    """
    slots: list[tuple[int, np.ndarray | None, float]] = []
    centre = int(env.types[atom])
    for kind in range(part.ntypes):
        vectors = [
            vector
            for i, j, vector in zip(env.centre.tolist(), env.neighbour.tolist(), env.vector.numpy(), strict=True)
            if i == atom and int(env.types[j]) == kind and np.linalg.norm(vector) < part.rcut
        ]
        vectors.sort(key=np.linalg.norm)
        if part.fixed_slots:
            vectors = vectors[: part.sel[kind]]
        excluded = bool(part.excluded[centre, kind])
        if excluded and not part.fixed_slots:
            vectors = []
        slots += [(kind, vector, 0.0 if excluded else 1.0) for vector in vectors]
        slots += [(kind, None, 1.0)] * max(part.sel[kind] - len(vectors), 0)
        slots += [(kind, None, -1.0)] * max(len(vectors) - part.sel[kind], 0)
    return slots


def se_e2_a(part: PairwiseDescriptor, env: Environment) -> torch.Tensor:
    """Compute se_e2_a, (natoms, M * axis_neuron)."""
    rows = []
    for atom in range(env.natoms):
        centre = int(env.types[atom])
        A = np.zeros((4, part.config.neuron[-1]))
        for kind, vector, count in list_slots(part, env, atom):
            raw = np.zeros(4)
            if vector is not None:
                r = float(np.linalg.norm(vector))
                p = part.config.env_protection
                raw = np.array([1, *(vector / (r + p))]) * smooth(r, part.config.rcut_smth, part.rcut) / (r + p)
            R = (raw - part.davg[centre].numpy()) / part.dstd[centre].numpy()
            A += count * np.outer(R, embed(part, centre, kind, R[0]))
        A /= part.nnei
        rows.append((A.T @ A[:, : part.config.axis_neuron]).reshape(-1))
    return torch.from_numpy(np.array(rows))


def se_e2_r(part: PairwiseDescriptor, env: Environment) -> torch.Tensor:
    """Compute se_e2_r, (natoms, M); an excluded neighbour enters the net as 0."""
    rows = []
    for atom in range(env.natoms):
        centre = int(env.types[atom])
        D = np.zeros(part.config.neuron[-1])
        for kind, vector, count in list_slots(part, env, atom):
            s = 0.0
            if vector is not None:
                r = float(np.linalg.norm(vector))
                s = smooth(r, part.config.rcut_smth, part.rcut) / (r + part.config.env_protection)
            x = (s - float(part.davg[centre, 0])) / float(part.dstd[centre, 0])
            if count == 0:
                x, count = 0.0, 1.0
            D += count * embed(part, centre, kind, x)
        rows.append(0.2 * D / part.nnei)
    return torch.from_numpy(np.array(rows))


def se_e3(part: SeE3, env: Environment) -> torch.Tensor:
    """Compute se_e3, (natoms, M), over pairs of slots; empty and excluded ones have rows of 0."""
    rows = []
    for atom in range(env.natoms):
        centre = int(env.types[atom])
        slots = []
        for kind, vector, _ in list_slots(part, env, atom):
            R = np.zeros(3)
            if vector is not None and not bool(part.excluded[centre, kind]):
                r = float(np.linalg.norm(vector))
                p = part.config.env_protection
                R = vector * smooth(r, part.config.rcut_smth, part.rcut) / (r + p) ** 2
            slots.append((kind, R / part.dstd[centre, 1:].numpy()))
        D = np.zeros(part.config.neuron[-1])
        for t, first in slots:
            for u, second in slots:
                if t <= u:
                    theta = float(first @ second)
                    D += theta * apply(part, part.pairs.index((t, u)), theta) / part.sel[t] / part.sel[u]
        rows.append(D)
    return torch.from_numpy(np.array(rows))

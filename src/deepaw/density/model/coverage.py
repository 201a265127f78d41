"""What the structures of a training covered, and what of another structure lies outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from deepaw.structure.neighbours import atom_edges

REACH = 6.0
"""A; pairs of atoms farther apart are not looked at."""

NEIGHBOUR = 1.25
"""Atoms within this many times the distance of the nearest one are an atom's neighbours."""

SLACK = 0.03
"""How much nearer, or farther for the nearest one, two atoms may be than in training, as a fraction."""


@dataclass(frozen=True)
class Coverage:
    """Distances between atoms in the training structures, and errors in validation.

    shortest: A, of each pair of elements, symbols in alphabetical order, as 'Hf-O'; pairs of elements that were never
    neighbours are missing. isolation: A, the largest distance to an atom's nearest neighbour, by symbol.
    electrons: the largest relative error of the electron count in validation, None where there was none.
    """

    shortest: dict[str, float]
    isolation: dict[str, float]
    electrons: float | None = None

    def description(self) -> dict[str, Any]:
        """JSON-serialisable content of a model file."""
        return {"shortest": self.shortest, "isolation": self.isolation, "electrons": self.electrons}

    def outside(self, atoms: Atoms, electrons: float | None, exact: float | None) -> list[str]:
        """What of a structure, and of its electrons (predicted, and exact; None: unknown), was not in training."""
        facts = []
        if electrons is not None and exact is not None and self.electrons is not None:
            error = (electrons - exact) / exact
            if abs(error) > self.electrons:
                facts.append(
                    f"electrons off by {error:+.2%} before scaling ({self.electrons:.2%} at most in validation)"
                )
        here = coverage_of([atoms])
        for pair, distance in here.shortest.items():
            least = self.shortest.get(pair)
            if least is None:
                facts.append(f"{pair} were never neighbours in training")
            elif distance < (1 - SLACK) * least:
                facts.append(f"{pair} {distance:.2f} A apart ({least:.2f} A at least in training)")
        for symbol, distance in here.isolation.items():
            most = self.isolation.get(symbol)
            if most is None or distance > (1 + SLACK) * most:
                seen = "" if most is None else f" ({most:.2f} A at most in training)"
                shown = f"{distance:.2f} A" if distance < REACH else f"more than {REACH:g} A"
                facts.append(f"{symbol} with its nearest neighbour {shown} away{seen}")
        return facts


def coverage_of(structures: Iterable[Atoms], electrons: float | None = None) -> Coverage:
    """Coverage by structures; `electrons`: the largest relative error of the electron count in validation."""
    shortest: dict[str, float] = {}
    isolation: dict[str, float] = {}
    for atoms in structures:
        edges = atom_edges(atoms, REACH)
        distances = edges.vectors.norm(dim=-1).numpy()
        sender, receiver = edges.sender.numpy(), edges.receiver.numpy()
        nearest = np.full(len(atoms), np.inf)
        np.minimum.at(nearest, receiver, distances)
        for symbol, distance in zip(atoms.symbols, nearest, strict=True):
            isolation[symbol] = max(isolation.get(symbol, 0.0), min(float(distance), REACH))
        close = distances <= NEIGHBOUR * nearest[receiver]
        numbers = atoms.numbers
        codes = np.sort(np.stack([numbers[sender[close]], numbers[receiver[close]]]), axis=0)
        pairs, index = np.unique(codes, axis=1, return_inverse=True)
        least = np.full(pairs.shape[1], np.inf)
        np.minimum.at(least, index.reshape(-1), distances[close])
        for (first, second), distance in zip(pairs.T.tolist(), least, strict=True):
            pair = "-".join(sorted((chemical_symbols[first], chemical_symbols[second])))
            shortest[pair] = min(shortest.get(pair, np.inf), float(distance))
    return Coverage(shortest, isolation, electrons)


def coverage_of_file(content: dict[str, Any]) -> Coverage:
    """The coverage whose `description` this is. Raises KeyError or TypeError: another content."""
    return Coverage(dict(content["shortest"]), dict(content["isolation"]), content["electrons"])

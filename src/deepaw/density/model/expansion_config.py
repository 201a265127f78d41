"""What the multipole-expansion network is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepaw.density.model.splines import SplineConfig
from deepaw.errors import InputError


@dataclass(frozen=True)
class ExpansionConfig:
    """An atom network that predicts the coefficients of an atom-centred multipole expansion.

    elements: atomic numbers the network knows, ascending.
    channels: features of every degree, natural parity (-1)^l.
    lmax: highest degree of the features and of the density's multipoles.
    sender_lmax: highest degree that a neighbour's features pass on along an edge.
    num_interactions: message passes.
    cutoff: A, from atom to atom.
    num_basis: Bessel functions the radial MLPs read.
    radial_hidden: width of the radial MLPs' hidden layer.
    num_neighbors: sums over neighbours are divided by its square root.
    splines: radial functions of the density.
    """

    elements: tuple[int, ...]
    channels: int = 32
    lmax: int = 4
    sender_lmax: int = 2
    num_interactions: int = 2
    cutoff: float = 4.5
    num_basis: int = 10
    radial_hidden: int = 64
    num_neighbors: float = 30.0
    splines: SplineConfig = field(default_factory=SplineConfig)

    def __post_init__(self) -> None:
        for name, least in (
            ("channels", 1),
            ("lmax", 0),
            ("sender_lmax", 0),
            ("num_interactions", 1),
            ("num_basis", 1),
            ("radial_hidden", 1),
            ("num_neighbors", 1),
        ):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        if not self.cutoff > 0:
            raise InputError(f"cutoff is {self.cutoff} A; it must be positive.")
        if list(self.elements) != sorted(set(self.elements)) or not self.elements or self.elements[0] < 1:
            raise InputError(f"elements are {self.elements}; they must be atomic numbers in ascending order.")
        if self.splines.lmax != self.lmax:
            raise InputError(
                f"splines.counts has degrees up to {self.splines.lmax}; give one count and cutoff for every degree up "
                f"to lmax = {self.lmax}."
            )

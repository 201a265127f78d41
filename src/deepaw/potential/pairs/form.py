"""Settings of the pair operator: rows and polynomials as functions of the vector to a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from deepaw.spectral import ChebyshevBasis


@dataclass(frozen=True)
class PairForm:
    """Rows and polynomials of a descriptor that embeds one neighbour at a time (`docs/potential.md`).

    With s = w(r) / (r + protection), T_k the polynomials of `basis` and R = ((s, s x/r, s y/r, s z/r) - mean) * scale,
    or R = 1 with one component, the moments of an atom are

        B[c, t, k] = sum_j R_c(r_j) T_k(s_j) + (slots_t - neighbours of type t) empty[c, k]

    over neighbours j of type t. Beyond the basis T_k goes on as a straight line.

    rcut, rcut_smth, protection: A. basis: of s, from 0 on.
    mean, scale: (ntypes, components) float64, by type of the centre.
    excluded: (ntypes, ntypes) bool, pairs of types that are excluded.
    slots: (ntypes,) float64, number of slots of each type. fixed_slots: whether excluded neighbours take a slot.
    empty, hidden: (ntypes, components, K) float64, by type of the centre: moments of an empty slot, and of an excluded
        neighbour that takes a slot.
    fading: moments of all types together, then moments with weights w(r) for each type: 1 + ntypes groups, not ntypes;
        with four components.
    """

    rcut: float
    rcut_smth: float
    protection: float
    basis: ChebyshevBasis
    mean: Tensor
    scale: Tensor
    excluded: Tensor
    slots: Tensor
    empty: Tensor
    hidden: Tensor
    fixed_slots: bool = False
    fading: bool = False

    def __post_init__(self) -> None:
        if self.fading and self.components != 4:
            raise ValueError(f"types fade with 4 components, not with {self.components}")

    @property
    def ntypes(self) -> int:
        """Number of types."""
        return len(self.excluded)

    @property
    def components(self) -> int:
        """Number of rows R: 4, or 1 for descriptors of distances alone."""
        return self.mean.shape[1]

    @property
    def groups(self) -> int:
        """Number of groups of moments: one for each type and, where types fade, one before them."""
        return self.ntypes + (1 if self.fading else 0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the moments of an atom, (components, groups, K)."""
        return self.components, self.groups, self.basis.size

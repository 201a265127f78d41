"""What a gated density network is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepaw.errors import InputError


@dataclass(frozen=True)
class LocalConfig:
    """F_local: a linear map of the probe representation to `hidden` numbers, then a KAN hidden -> width -> outputs.

    `grid` intervals on [-1, 1] and polynomials of degree `order` for its splines.
    """

    hidden: int = 32
    width: int = 6
    grid: int = 8
    order: int = 4

    def __post_init__(self) -> None:
        for name in ("hidden", "width", "grid", "order"):
            if getattr(self, name) < 1:
                raise InputError(f"local.{name} is {getattr(self, name)}; it must be at least 1.")


@dataclass(frozen=True)
class GatedConfig:
    """F_nonlocal (the ChargE3Net family: Koker et al., npj Comput. Mater. 10, 161 (2024)), with or without F_local.

    mul: budget of channels; every degree l = 0..lmax gets round(mul / (lmax + 1) / (2 l + 1)) copies of either parity.
    num_interactions: layers of the atom network and of the probe network.
    cutoff: A, from atom to atom and from atom to probe.
    num_basis, basis: radial functions that the radial MLPs read.
    num_neighbors: sums over neighbours are divided by its square root.
    spin: two outputs, total density and magnetisation, rather than one.
    envelope: every message fades to zero at the cutoff, so the density is continuous where an atom leaves it.
    local: F_local, added to the readout, or None.
    """

    mul: int = 500
    lmax: int = 4
    num_interactions: int = 3
    cutoff: float = 4.0
    num_basis: int = 10
    basis: Literal["gaussian", "bessel"] = "gaussian"
    num_neighbors: float = 20.0
    spin: bool = False
    envelope: bool = True
    local: LocalConfig | None = None

    def __post_init__(self) -> None:
        for name, least in (("lmax", 0), ("num_interactions", 1), ("num_basis", 2), ("num_neighbors", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        if not self.cutoff > 0:
            raise InputError(f"cutoff is {self.cutoff} A; it must be positive.")
        if self.basis not in ("gaussian", "bessel"):
            raise InputError(f"basis is {self.basis!r}; it must be 'gaussian' or 'bessel'.")
        if self.copies(self.lmax) < 1:
            raise InputError(
                f"mul is {self.mul}, which leaves no channel for degree {self.lmax}; give at least "
                f"{(self.lmax + 1) * (2 * self.lmax + 1) // 2 + 1} or a smaller lmax."
            )

    def copies(self, degree: int) -> int:
        """Channels of one degree and one parity."""
        return round(self.mul / (self.lmax + 1) / (2 * degree + 1))

    @property
    def outputs(self) -> int:
        """1, or 2 with spin."""
        return 2 if self.spin else 1

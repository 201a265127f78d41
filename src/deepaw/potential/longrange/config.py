"""Section `model.modifier` of the input."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepaw.inputfile import Section


class DipoleChargeConfig(Section):
    """Electrostatics of Gaussian charges on atoms and on Wannier centroids, at positions from a dipole model (DPLR)."""

    type: Literal["dipole_charge"]
    model_name: str = Field(description="file of the dipole model, which predicts centroids relative to their atoms, A")
    model_charge_map: tuple[float, ...] = Field(
        min_length=1, description="e: charge of the centroid of each type that has dipoles"
    )
    sys_charge_map: tuple[float, ...] = Field(min_length=1, description="e: charge of each type of atom")
    ewald_beta: float = Field(0.4, gt=0, description="1/A: inverse width of the Gaussian charges")
    ewald_h: float = Field(1.0, gt=0, description="A: grid spacing, which determines the number of reciprocal vectors")

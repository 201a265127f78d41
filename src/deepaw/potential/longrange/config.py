"""The section `model.modifier`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepaw.inputfile import Section


class DipoleChargeConfig(Section):
    """Electrostatics of Gaussian charges on atoms and on Wannier centroids, which a model of dipoles places (DPLR)."""

    type: Literal["dipole_charge"]
    model_name: str = Field(description="the file of the model of dipoles, which are those of centroids from atoms, A")
    model_charge_map: tuple[float, ...] = Field(
        min_length=1, description="e: the charge of the centroid of each type that has dipoles"
    )
    sys_charge_map: tuple[float, ...] = Field(min_length=1, description="e: the charge of each type of atom")
    ewald_beta: float = Field(0.4, gt=0, description="1/A: how narrow the Gaussians are")
    ewald_h: float = Field(1.0, gt=0, description="A: the spacing that says how many waves there are")

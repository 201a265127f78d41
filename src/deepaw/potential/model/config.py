"""Section `model` of the input: types of atoms, descriptor, fitting net, and additional energy terms."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from deepaw.inputfile import Section
from deepaw.potential.descriptor.registry import DescriptorConfig
from deepaw.potential.descriptor.se_a_mask import SeAMaskConfig
from deepaw.potential.descriptor.se_atten_config import AttentionConfig
from deepaw.potential.descriptor.se_e2_a import NEED_TYPES, SeE2AConfig
from deepaw.potential.descriptor.type_embedding import TypeEmbeddingConfig
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.fitting.registry import FittingConfig
from deepaw.potential.longrange.config import DipoleChargeConfig


class ModelConfig(Section):
    """Descriptor, fitting net and additional energy terms of a potential.

    type_map: the name of each type, usually its chemical symbol.
    pair_exclude_types: pairs of types that are no neighbours of each other.
    atom_exclude_types: types whose atoms do not contribute to the prediction.
    """

    type_map: tuple[str, ...] = Field(min_length=1, description="the name of each type of atom, such as its element")
    descriptor: DescriptorConfig = SeE2AConfig()
    type_embedding: TypeEmbeddingConfig | None = Field(
        None, description="one embedding net for all types, with this embedding of the types as additional input"
    )
    fitting_net: FittingConfig = EnergyFittingConfig()
    pair_exclude_types: tuple[tuple[int, int], ...] = Field((), description="pairs of types that are no neighbours")
    atom_exclude_types: tuple[int, ...] = Field((), description="types whose atoms do not contribute to the prediction")
    use_srtab: str | None = Field(
        None, description="file of a tabulated pair potential, which replaces the networks at short distances"
    )
    smin_alpha: float = Field(0.1, gt=0, description="A: softness of the minimum over an atom's distances")
    sw_rmin: float | None = Field(None, ge=0, description="A: soft minimum below which only the table is used")
    sw_rmax: float | None = Field(None, gt=0, description="A: soft minimum above which the table is not used")
    srtab_add_bias: bool = Field(True, description="whether the energies of types are added to those of the table, too")
    modifier: DipoleChargeConfig | None = Field(
        None, description="electrostatics, added to the prediction of the networks and subtracted from the labels"
    )

    @property
    def is_masked(self) -> bool:
        """Whether aparam is a mask that distinguishes real atoms from virtual ones."""
        return isinstance(self.fitting_net, EnergyFittingConfig) and self.fitting_net.use_aparam_as_mask

    @model_validator(mode="after")
    def _check_mask(self) -> Self:
        if self.is_masked and not isinstance(self.descriptor, SeAMaskConfig):
            raise ValueError("fitting_net.use_aparam_as_mask is given; it belongs to the descriptor se_a_mask")
        if isinstance(self.descriptor, SeAMaskConfig) and not self.is_masked:
            raise ValueError("se_a_mask needs a fitting_net of energies with numb_aparam 1 and use_aparam_as_mask true")
        for name in ("use_srtab", "type_embedding", "modifier"):
            if self.is_masked and getattr(self, name) is not None:
                raise ValueError(f"{name} is given; it is not supported with se_a_mask")
        return self

    @model_validator(mode="after")
    def _check_type_embedding(self) -> Self:
        if self.type_embedding is not None and not isinstance(self.descriptor, SeE2AConfig | AttentionConfig):
            raise ValueError("type_embedding is given; it belongs to the descriptors se_e2_a and se_atten")
        if self.type_embedding is None and self.descriptor.type in NEED_TYPES:
            raise ValueError(
                f"type_embedding is missing; the descriptor {self.descriptor.type} needs it, {{}} for one with defaults"
            )
        return self

    @model_validator(mode="after")
    def _check_added_energies(self) -> Self:
        if self.modifier is not None and not isinstance(self.fitting_net, EnergyFittingConfig):
            raise ValueError(f"modifier is given for a fitting net of type {self.fitting_net.type}; it adds energies")
        limits = [name for name in ("sw_rmin", "sw_rmax") if getattr(self, name) is not None]
        if self.use_srtab is None:
            if limits:
                raise ValueError(f"{limits[0]} is given without use_srtab, the table that it is about")
            return self
        if self.sw_rmin is None or self.sw_rmax is None:
            raise ValueError("use_srtab needs sw_rmin and sw_rmax, between which the table fades")
        if self.sw_rmin >= self.sw_rmax:
            raise ValueError(f"sw_rmin is {self.sw_rmin:g} and sw_rmax {self.sw_rmax:g}; sw_rmin should be less")
        if not isinstance(self.fitting_net, EnergyFittingConfig):
            raise ValueError(f"use_srtab is given for a fitting net of type {self.fitting_net.type}; it adds energies")
        return self

"""The section `model` of the input: which elements, which descriptor, which fitting net, what is added to them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from deepaw.inputfile import Section
from deepaw.potential.descriptor.registry import DescriptorConfig
from deepaw.potential.descriptor.se_a_mask import SeAMaskConfig
from deepaw.potential.descriptor.se_atten_config import AttentionConfig
from deepaw.potential.descriptor.se_e2_a import SeE2AConfig
from deepaw.potential.descriptor.type_embedding import TypeEmbeddingConfig
from deepaw.potential.fitting.energy import EnergyFittingConfig
from deepaw.potential.fitting.registry import FittingConfig
from deepaw.potential.longrange.config import DipoleChargeConfig


class ModelConfig(Section):
    """What a potential is made of.

    type_map: the name of each type, usually its chemical symbol.
    pair_exclude_types: pairs of types that are no neighbours of each other; atom_exclude_types: types that contribute
    nothing of their own.
    """

    type_map: tuple[str, ...] = Field(min_length=1, description="the name of each type of atom, such as its element")
    descriptor: DescriptorConfig = SeE2AConfig()
    type_embedding: TypeEmbeddingConfig | None = Field(
        None, description="one embedding net for all types, which sees the types through this net of theirs"
    )
    fitting_net: FittingConfig = EnergyFittingConfig()
    pair_exclude_types: tuple[tuple[int, int], ...] = Field((), description="pairs of types that are no neighbours")
    atom_exclude_types: tuple[int, ...] = Field((), description="types whose atoms have nothing of what is predicted")
    use_srtab: str | None = Field(
        None, description="the file of a tabulated pair potential, which takes over where atoms are close"
    )
    smin_alpha: float = Field(0.1, gt=0, description="A: how soft the minimum of an atom's distances is")
    sw_rmin: float | None = Field(None, ge=0, description="A: with a soft minimum below, the table alone holds")
    sw_rmax: float | None = Field(None, gt=0, description="A: with a soft minimum above, the table does not matter")
    srtab_add_bias: bool = Field(True, description="whether energies of types are added to the table's, too")
    modifier: DipoleChargeConfig | None = Field(
        None, description="electrostatics that are added to what the networks say, and taken off the labels"
    )

    @property
    def is_masked(self) -> bool:
        """Whether aparam says which atoms are there."""
        return isinstance(self.fitting_net, EnergyFittingConfig) and self.fitting_net.use_aparam_as_mask

    @model_validator(mode="after")
    def _mask_is_of_clusters(self) -> Self:
        if self.is_masked and not isinstance(self.descriptor, SeAMaskConfig):
            raise ValueError("fitting_net.use_aparam_as_mask is given; it belongs to the descriptor se_a_mask")
        if isinstance(self.descriptor, SeAMaskConfig) and not self.is_masked:
            raise ValueError("se_a_mask needs a fitting_net of energies with numb_aparam 1 and use_aparam_as_mask true")
        for name in ("use_srtab", "type_embedding", "modifier"):
            if self.is_masked and getattr(self, name) is not None:
                raise ValueError(f"{name} is given; it is not supported with se_a_mask")
        return self

    @model_validator(mode="after")
    def _types_are_embedded(self) -> Self:
        if self.type_embedding is not None and not isinstance(self.descriptor, SeE2AConfig | AttentionConfig):
            raise ValueError("type_embedding is given; it belongs to the descriptors se_e2_a and se_atten")
        return self

    @model_validator(mode="after")
    def _what_is_added_is_whole(self) -> Self:
        if self.modifier is not None and not isinstance(self.fitting_net, EnergyFittingConfig):
            raise ValueError(f"modifier is given for a fitting net of type {self.fitting_net.type}; it adds energies")
        given = [name for name in ("sw_rmin", "sw_rmax") if getattr(self, name) is not None]
        if self.use_srtab is None:
            if given:
                raise ValueError(f"{given[0]} is given without use_srtab, the table that it is about")
            return self
        if len(given) < 2 or self.sw_rmin is None or self.sw_rmax is None:
            raise ValueError("use_srtab needs sw_rmin and sw_rmax, between which the table fades")
        if self.sw_rmin >= self.sw_rmax:
            raise ValueError(f"sw_rmin is {self.sw_rmin:g} and sw_rmax {self.sw_rmax:g}; sw_rmin should be less")
        if not isinstance(self.fitting_net, EnergyFittingConfig):
            raise ValueError(f"use_srtab is given for a fitting net of type {self.fitting_net.type}; it adds energies")
        return self

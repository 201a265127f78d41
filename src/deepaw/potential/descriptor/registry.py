"""All descriptors by the `type` of their section in an input file. A new descriptor is its file and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, Tag

from deepaw.inputfile import chosen_by
from deepaw.potential.descriptor.base import Descriptor, DescriptorSection
from deepaw.potential.descriptor.hybrid import Hybrid
from deepaw.potential.descriptor.loc_frame import LocFrame, LocFrameConfig
from deepaw.potential.descriptor.se_a_mask import SeAMask, SeAMaskConfig
from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.se_atten_config import AttentionConfig, SeAttenConfig, SeAttenV2Config
from deepaw.potential.descriptor.se_e2_a import SeAEbdV2Config, SeE2A, SeE2AConfig
from deepaw.potential.descriptor.se_e2_r import SeE2R, SeE2RConfig
from deepaw.potential.descriptor.se_e3 import SeE3, SeE3Config
from deepaw.potential.descriptor.type_embedding import TypeEmbeddingConfig

PartConfig = Annotated[
    Annotated[SeE2AConfig, Tag("se_e2_a")]
    | Annotated[SeE2AConfig, Tag("se_a")]
    | Annotated[SeE2RConfig, Tag("se_e2_r")]
    | Annotated[SeE2RConfig, Tag("se_r")]
    | Annotated[SeE3Config, Tag("se_e3")]
    | Annotated[SeE3Config, Tag("se_at")]
    | Annotated[SeE3Config, Tag("se_a_3be")]
    | Annotated[SeE3Config, Tag("se_t")]
    | Annotated[SeAttenConfig, Tag("se_atten")]
    | Annotated[SeAttenConfig, Tag("dpa1")]
    | Annotated[SeAttenV2Config, Tag("se_atten_v2")]
    | Annotated[LocFrameConfig, Tag("loc_frame")],
    chosen_by("type", "se_e2_a"),
]
"""Descriptors that can be parts of a hybrid."""


class HybridConfig(DescriptorSection):
    """Several descriptors side by side; `list` holds their sections."""

    type: Literal["hybrid"]
    list: tuple[PartConfig, ...] = Field(min_length=1, description="the sections of the parts")

    @property
    def sections(self) -> tuple[DescriptorSection, ...]:
        """Sections of the parts."""
        return self.list

    @property
    def rcut(self) -> float:
        """Largest cutoff of the parts, A."""
        return max(part.rcut for part in self.list)

    def check_types(self, ntypes: int) -> None:
        """Check the parts."""
        for part in self.list:
            part.check_types(ntypes)


DescriptorConfig = Annotated[
    Annotated[SeE2AConfig, Tag("se_e2_a")]
    | Annotated[SeE2AConfig, Tag("se_a")]
    | Annotated[SeE2RConfig, Tag("se_e2_r")]
    | Annotated[SeE2RConfig, Tag("se_r")]
    | Annotated[SeE3Config, Tag("se_e3")]
    | Annotated[SeE3Config, Tag("se_at")]
    | Annotated[SeE3Config, Tag("se_a_3be")]
    | Annotated[SeE3Config, Tag("se_t")]
    | Annotated[SeAttenConfig, Tag("se_atten")]
    | Annotated[SeAttenConfig, Tag("dpa1")]
    | Annotated[SeAttenV2Config, Tag("se_atten_v2")]
    | Annotated[LocFrameConfig, Tag("loc_frame")]
    | Annotated[SeE2AConfig, Tag("se_e2_a_tebd")]
    | Annotated[SeAEbdV2Config, Tag("se_a_ebd_v2")]
    | Annotated[SeAEbdV2Config, Tag("se_a_tpe_v2")]
    | Annotated[SeAMaskConfig, Tag("se_a_mask")]
    | Annotated[HybridConfig, Tag("hybrid")],
    chosen_by("type", "se_e2_a"),
]
"""The section `model.descriptor`."""


KINDS: dict[type[DescriptorSection], Any] = {
    SeE2AConfig: SeE2A,
    SeAEbdV2Config: SeE2A,
    SeE2RConfig: SeE2R,
    SeE3Config: SeE3,
    SeAttenConfig: SeAtten,
    SeAttenV2Config: SeAtten,
    LocFrameConfig: LocFrame,
    SeAMaskConfig: SeAMask,
}
"""Class of the descriptor for each class of section."""


def make_descriptor(
    config: DescriptorSection,
    ntypes: int,
    *,
    type_map: Sequence[str] = (),
    types: TypeEmbeddingConfig | None = None,
    fixed_slots: bool = False,
    generator: torch.Generator | None = None,
) -> Descriptor:
    """Return the descriptor of a section, with random weights.

    type_map: names of the types, for electron configurations. types: the section `model.type_embedding`. fixed_slots:
    see `SlottedDescriptor`. Raises InputError: a `sel` that is still `auto` or of the wrong length.
    """
    if isinstance(config, HybridConfig):
        options: dict[str, Any] = {"type_map": type_map, "fixed_slots": fixed_slots, "generator": generator}
        return Hybrid([make_descriptor(part, ntypes, **options) for part in config.list])
    seed = getattr(config, "seed", None)
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
    typed = {"type_map": type_map, "types": types} if isinstance(config, AttentionConfig | SeE2AConfig) else {}
    descriptor: Descriptor = KINDS[type(config)](config, ntypes, fixed_slots=fixed_slots, generator=generator, **typed)
    return descriptor

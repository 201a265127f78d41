"""All descriptors, by the `type` of their section in an input file. A new one is its file and a line here."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, Tag

from deepaw.inputfile import Section, chosen_by
from deepaw.potential.descriptor.base import Descriptor
from deepaw.potential.descriptor.hybrid import Hybrid
from deepaw.potential.descriptor.pairwise import PairwiseDescriptor
from deepaw.potential.descriptor.se_e2_a import SeE2A, SeE2AConfig
from deepaw.potential.descriptor.se_e2_r import SeE2R, SeE2RConfig

PartConfig = Annotated[
    Annotated[SeE2AConfig, Tag("se_e2_a")]
    | Annotated[SeE2AConfig, Tag("se_a")]
    | Annotated[SeE2RConfig, Tag("se_e2_r")]
    | Annotated[SeE2RConfig, Tag("se_r")],
    chosen_by("type", "se_e2_a"),
]
"""Descriptors that can be parts of a hybrid."""


class HybridConfig(Section):
    """Several descriptors side by side; `list` holds their sections."""

    type: Literal["hybrid"]
    list: tuple[PartConfig, ...] = Field(min_length=1, description="the sections of the parts")


DescriptorConfig = Annotated[
    Annotated[SeE2AConfig, Tag("se_e2_a")]
    | Annotated[SeE2AConfig, Tag("se_a")]
    | Annotated[SeE2RConfig, Tag("se_e2_r")]
    | Annotated[SeE2RConfig, Tag("se_r")]
    | Annotated[HybridConfig, Tag("hybrid")],
    chosen_by("type", "se_e2_a"),
]
"""The section `model.descriptor`."""


def make_descriptor(
    config: SeE2AConfig | SeE2RConfig | HybridConfig,
    ntypes: int,
    *,
    fixed_slots: bool = False,
    generator: torch.Generator | None = None,
) -> Descriptor:
    """The descriptor that a section asks for, with random weights.

    fixed_slots: see `PairwiseDescriptor`. Raises InputError: a `sel` that is still `auto` or of the wrong length.
    """
    if isinstance(config, HybridConfig):
        return Hybrid([_make_part(part, ntypes, fixed_slots, generator) for part in config.list])
    return _make_part(config, ntypes, fixed_slots, generator)


def _make_part(
    config: SeE2AConfig | SeE2RConfig, ntypes: int, fixed_slots: bool, generator: torch.Generator | None
) -> PairwiseDescriptor:
    kind = SeE2A if isinstance(config, SeE2AConfig) else SeE2R
    if config.seed is not None:
        generator = torch.Generator().manual_seed(config.seed)
    return kind(config, ntypes, fixed_slots=fixed_slots, generator=generator)

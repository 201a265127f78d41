"""Sections of DPA-1 in an input file: `se_atten`, `dpa1`, `se_atten_v2`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from deepaw.errors import InputError
from deepaw.potential.data.neighbours import NeighbourStatistics, with_room
from deepaw.potential.descriptor.pairwise import PairwiseConfig
from deepaw.potential.descriptor.sel import auto_factor, check_excluded
from deepaw.potential.descriptor.type_embedding import InputMode, TypeEmbeddingConfig


class AttentionConfig(PairwiseConfig):
    """Keys of all versions. A list in `sel` is replaced by its sum."""

    sel: int | tuple[int, ...] | str = Field(  # type: ignore[assignment]
        "auto",
        description="neighbours of all types together that the normalisation counts with; auto, or auto:FACTOR times "
        "the most that the data has, rounded up to a multiple of 4",
    )
    axis_neuron: int = Field(4, ge=1, description="columns of the embedding that the descriptor is projected on")
    set_davg_zero: bool = Field(True, description="rows are not shifted by their mean before they are scaled")
    tebd_dim: int = Field(8, ge=1, description="width of the type embedding")
    use_econf_tebd: bool = Field(False, description="electron configurations in the type embedding, not type numbers")
    use_tebd_bias: bool = Field(False, description="a bias in the type embedding")
    concat_output_tebd: bool = Field(True, description="the fitting net sees the type embedding of the atom itself")
    attn: int = Field(128, ge=1, description="width of queries, keys and values")
    attn_layer: int = Field(2, ge=0, description="attention layers")
    attn_dotr: bool = Field(True, description="attention is weighted by the cosine of the angle between neighbours")
    normalize: bool = Field(True, description="queries, keys and values have length 1")
    scaling_factor: float = Field(1.0, gt=0, description="attention is scaled by (attn * scaling_factor)^-0.5")
    temperature: float | None = Field(None, description="what attention is scaled by instead")
    trainable_ln: bool = Field(True, description="whether training changes the layer normalisation")
    ln_eps: float | None = Field(None, ge=0, description="added to variances where they divide; default is 1e-5")

    @field_validator("sel")
    @classmethod
    def _total(cls, sel: int | tuple[int, ...] | str) -> int | str:
        if isinstance(sel, str):
            auto_factor(sel)
            return sel
        total = sel if isinstance(sel, int) else sum(sel)
        if total < 1 or (isinstance(sel, tuple) and min(sel) < 0):
            raise ValueError(f"{sel if isinstance(sel, int) else list(sel)} should be a number of neighbours above 0")
        return total

    @model_validator(mode="after")
    def _axes(self) -> Self:
        if self.axis_neuron > self.neuron[-1]:
            raise ValueError(
                f"axis_neuron is {self.axis_neuron}; it should not exceed the last width of neuron, {self.neuron[-1]}"
            )
        if not self.set_davg_zero and not self.fades_types:
            raise ValueError(
                "set_davg_zero is false, which would make energies jump where a neighbour crosses the cutoff; it "
                "should be true unless tebd_input_mode is strip and smooth_type_embedding is true"
            )
        return self

    @property
    def mode(self) -> InputMode:
        """Form in which types enter the embedding."""
        raise NotImplementedError

    @property
    def is_smooth(self) -> bool:
        """Whether attention and, in strip mode, types fade out towards the cutoff."""
        raise NotImplementedError

    @property
    def fades_types(self) -> bool:
        """Whether a neighbour at the cutoff has the same embedding whatever its type."""
        return self.mode == "strip" and self.is_smooth

    @property
    def types(self) -> TypeEmbeddingConfig:
        """Section of the net of types for models without `type_embedding`."""
        return TypeEmbeddingConfig(
            neuron=(self.tebd_dim,),
            activation_function="linear",
            precision=self.precision,
            use_econf_tebd=self.use_econf_tebd,
            use_tebd_bias=self.use_tebd_bias,
        )

    def with_counts(self, statistics: NeighbourStatistics, type_map: Sequence[str], fixed_slots: bool) -> Self:
        """Return the section with a number for `sel`; warn of jumps at the cutoff, too."""
        if self.attn_layer and not self.is_smooth:
            warnings.warn(
                "smooth_type_embedding is false, so that energies jump a little where a neighbour of another neighbour "
                "crosses the cutoff; with true there are no jumps",
                stacklevel=4,
            )
        if isinstance(self.sel, str):
            if statistics.largest_total == 0:
                raise InputError(
                    f'sel is "{self.sel}", but no atom of the training data has a neighbour within {self.rcut:g} A; '
                    "give a number or a larger rcut."
                )
            return self.model_copy(update={"sel": with_room(statistics.largest_total, auto_factor(self.sel))})
        assert isinstance(self.sel, int)
        if statistics.largest_total > self.sel:
            rule = (
                "the farthest are dropped" if fixed_slots else "all of them count, where DeePMD-kit drops the farthest"
            )
            warnings.warn(
                f"sel is {self.sel}, and atoms of the training data have up to {statistics.largest_total} neighbours "
                f"within {self.rcut:g} A; {rule}",
                stacklevel=4,
            )
        return self

    def check_types(self, ntypes: int) -> None:
        """Check `exclude_types`."""
        check_excluded([number for pair in self.exclude_types for number in pair], ntypes)


class SeAttenConfig(AttentionConfig):
    """Embedding of neighbours and of their types, with attention among neighbours."""

    type: Literal["se_atten", "dpa1"] = "se_atten"
    tebd_input_mode: InputMode = Field(
        "concat",
        description="type embeddings as further inputs of the embedding net, or (strip) through a net of theirs",
    )
    smooth_type_embedding: bool = Field(
        False, description="attention and, in strip mode, types fade out towards the cutoff"
    )

    @property
    def mode(self) -> InputMode:
        return self.tebd_input_mode

    @property
    def is_smooth(self) -> bool:
        return self.smooth_type_embedding


class SeAttenV2Config(AttentionConfig):
    """`se_atten` with tebd_input_mode strip and smooth_type_embedding true."""

    type: Literal["se_atten_v2"] = "se_atten_v2"
    set_davg_zero: bool = Field(False, description="rows are not shifted by their mean before they are scaled")

    @property
    def mode(self) -> InputMode:
        return "strip"

    @property
    def is_smooth(self) -> bool:
        return True

"""`density.json`: what to train, on what, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.expansion_config import ExpansionConfig
from deepaw.density.model.splines import SplineConfig
from deepaw.density.occupancies.channels import Channels, channels_of_text
from deepaw.inputfile import Section, chosen_by, read_input_file, refusing


class SplinesInput(Section):
    """Radial functions of the density, for every degree l = 0..lmax."""

    counts: tuple[int, ...] = SplineConfig.counts
    cutoffs: tuple[float, ...] = SplineConfig.cutoffs
    power: float = SplineConfig.power

    @model_validator(mode="after")
    def _makes_splines(self) -> SplinesInput:
        with refusing():
            self.config()
        return self

    def config(self) -> SplineConfig:
        """The same as the model owns it."""
        return SplineConfig(self.counts, self.cutoffs, self.power)


class ExpansionInput(Section):
    """The multipole expansion; keys as in `ExpansionConfig`, the elements are those of the data."""

    readout: Literal["expansion"] = "expansion"
    channels: int = ExpansionConfig.channels
    lmax: int = ExpansionConfig.lmax
    sender_lmax: int = ExpansionConfig.sender_lmax
    num_interactions: int = ExpansionConfig.num_interactions
    cutoff: float = ExpansionConfig.cutoff
    num_basis: int = ExpansionConfig.num_basis
    radial_hidden: int = ExpansionConfig.radial_hidden
    num_neighbors: float = ExpansionConfig.num_neighbors
    splines: SplinesInput = SplinesInput()

    @model_validator(mode="after")
    def _makes_a_network(self) -> ExpansionInput:
        with refusing():
            self.config(elements=(1,))
        return self

    def config(self, elements: tuple[int, ...]) -> ExpansionConfig:
        """The same as the model owns it."""
        given = self.model_dump(exclude={"readout", "splines"})
        return ExpansionConfig(elements=elements, splines=self.splines.config(), **given)


class LocalInput(Section):
    """F_local; keys as in `LocalConfig`."""

    hidden: int = LocalConfig.hidden
    width: int = LocalConfig.width
    grid: int = LocalConfig.grid
    order: int = LocalConfig.order


class GatedInput(Section):
    """The gated probe network; keys as in `GatedConfig`."""

    readout: Literal["gated"]
    mul: int = 100
    lmax: int = 3
    num_interactions: int = GatedConfig.num_interactions
    cutoff: float = GatedConfig.cutoff
    num_basis: int = GatedConfig.num_basis
    basis: Literal["gaussian", "bessel"] = GatedConfig.basis
    num_neighbors: float = GatedConfig.num_neighbors
    local: LocalInput | None = None
    splines: SplinesInput = SplinesInput()

    @model_validator(mode="after")
    def _makes_a_network(self) -> GatedInput:
        with refusing():
            self.config()
        return self

    def config(self) -> GatedConfig:
        """The same as the model owns it; its cutoff envelope is on."""
        given = self.model_dump(exclude={"readout", "splines", "local"})
        local = LocalConfig(**self.local.model_dump()) if self.local else None
        return GatedConfig(envelope=True, local=local, **given)


class DataInput(Section):
    """Densities to learn from; paths are relative to the file.

    systems: folders of CHGCAR or cube files, folders or files of extxyz with npz densities, ASE databases.
    validation_fraction: of every crystal type, set aside and never trained on.
    leave_out: crystal types (patterns with * allowed) set aside as a whole.
    split_seed: decides which structures are set aside.
    """

    systems: tuple[str, ...] = Field(min_length=1)
    validation_fraction: float = Field(0.1, ge=0, lt=1)
    leave_out: tuple[str, ...] = ()
    split_seed: int = 0


class OccupanciesInput(Section):
    """PAW occupancies, learnt where the data has any and the readout is an expansion.

    learn: whether they are learnt beside the density. weight: of their error in the loss, where that of the density
    counts 1. density_model: a finished model, whose density stays as it is; occupancies alone are then learnt from its
    features, in closed form, and the sections model and training are left out.
    setup_channels: channels in the order of the POTCAR, such as "s s p p d", of elements whose number of augmentation
    occupancies in a CHGCAR is not 15, 33 or 138. cutoff: of plane waves in eV, and xc: exchange-correlation functional,
    of the calculations, where their files do not say them; they are kept in the model.
    smooth_density: whether the network learns the smooth density of PAW, to which the compensation charges of the
    occupancies add, instead of the total. compensation_radii: of the Gaussian shapes of these charges, A, by element,
    where the setups do not say them.
    """

    learn: bool = True
    weight: float = Field(0.1, gt=0)
    density_model: str | None = None
    setup_channels: dict[str, str] = Field({})
    cutoff: float | None = Field(None, gt=0)
    xc: str | None = None
    smooth_density: bool = False
    compensation_radii: dict[str, Annotated[float, Field(gt=0)]] = Field({})

    @model_validator(mode="after")
    def _has_channels(self) -> OccupanciesInput:
        with refusing():
            self.named_channels()
        if self.density_model is not None and not self.learn:
            raise ValueError("learn is false, and a model is named whose occupancies would be learnt; give one of them")
        return self

    def named_channels(self) -> dict[str, Channels]:
        """The channels by symbol; raises InputError for a text that names none."""
        return {symbol: channels_of_text(symbol, text) for symbol, text in self.setup_channels.items()}


class TrainingInput(Section):
    """How to train.

    steps: optimisation steps; batch_size: structures a step; probes: points a structure and step.
    learning_rate is reached after `warmup` steps and falls along a cosine to final_learning_rate.
    weight_decay, gradient_clip: of AdamW, and the norm gradients are cut to.
    ema: decay of the averaged weights, which are the ones that are validated and kept.
    accumulate: parts a batch is worked on in, for memory.
    mixed_precision: bfloat16 in the network, the density itself in float32; needs a GPU.
    validate_every, validation_probes: steps between validations, points of each structure there.
    save_every: steps between checkpoints.
    """

    steps: int = Field(20000, ge=1)
    batch_size: int = Field(2, ge=1)
    probes: int = Field(1000, ge=1)
    learning_rate: float = Field(4e-3, gt=0)
    final_learning_rate: float = Field(4e-5, gt=0)
    warmup: int = Field(100, ge=0)
    weight_decay: float = Field(1e-4, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    ema: float = Field(0.995, ge=0, lt=1)
    accumulate: int = Field(1, ge=1)
    mixed_precision: bool = False
    seed: int = 0
    validate_every: int = Field(500, ge=1)
    validation_probes: int = Field(2000, ge=1)
    save_every: int = Field(500, ge=1)


class DensityInput(Section):
    """The whole file; `model.readout` decides which keys `model` has."""

    model: Annotated[
        Annotated[ExpansionInput, Tag("expansion")] | Annotated[GatedInput, Tag("gated")],
        chosen_by("readout", "expansion"),
    ] = ExpansionInput()
    data: DataInput
    occupancies: OccupanciesInput = OccupanciesInput()
    training: TrainingInput = TrainingInput()

    @model_validator(mode="after")
    def _describes_one_training(self) -> DensityInput:
        if self.occupancies.density_model is not None and (given := {"model", "training"} & self.model_fields_set):
            raise ValueError(
                "occupancies.density_model names a finished model, which is not trained again; leave out "
                f"{sorted(given)[0]}"
            )
        return self


def read_input(path: str | Path) -> DensityInput:
    """Read and check a `density.json`.

    Raises InputError: no such file, not JSON, an unknown key or a wrong value, named by its place in the file.
    """
    return read_input_file(path, DensityInput)

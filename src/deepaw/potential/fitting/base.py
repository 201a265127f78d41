"""Base class of fitting nets: one net for each type of atom, or one for all, applied to descriptors and parameters."""

from __future__ import annotations

import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import Tensor, nn

from deepaw.errors import InputError
from deepaw.inputfile import Section
from deepaw.potential.network.activation import ActivationName
from deepaw.potential.network.fitting import FittingNet
from deepaw.potential.precision import Precision, dtype_of

_OWNER = {"fparam": "frame", "aparam": "atom"}


class NetsConfig(Section):
    """Keys of fitting nets of any type."""

    neuron: tuple[int, ...] = Field((120, 120, 120), description="widths of the hidden layers")
    resnet_dt: bool = Field(True, description="a timestep in residual layers")
    activation_function: ActivationName = Field("tanh", description="activation function of the hidden layers")
    precision: Precision = Field("default", description="precision of the fitting nets; default is float64")
    numb_fparam: int = Field(0, ge=0, description="number of frame parameters, inputs of the nets")
    numb_aparam: int = Field(0, ge=0, description="number of atomic parameters, inputs of the nets")
    default_fparam: tuple[float, ...] | None = Field(None, description="fparam of frames without fparam")
    trainable: bool = Field(True, description="whether training changes the fitting nets")
    seed: int | None = Field(None, description="seed of the initial weights; by default that of the training")

    @field_validator("neuron")
    @classmethod
    def _check_widths(cls, neuron: tuple[int, ...]) -> tuple[int, ...]:
        if min(neuron, default=1) < 1:
            raise ValueError(f"{list(neuron)} should be widths of layers, 1 or more")
        return neuron

    @field_validator("trainable", mode="before")
    @classmethod
    def _trainable_of_layers(cls, trainable: object, info: ValidationInfo) -> object:
        if not isinstance(trainable, list) or not all(type(layer) is bool for layer in trainable):
            return trainable
        layers = len(info.data.get("neuron", trainable[1:])) + 1
        if len(trainable) != layers or len(set(trainable)) != 1:
            raise ValueError(
                f"{str(trainable).lower()} should be true or false, or one of them for each of the {layers} layers; "
                "that only some layers are trained is not supported"
            )
        return trainable[0]

    @model_validator(mode="after")
    def _check_default_fparam(self) -> NetsConfig:
        if self.default_fparam is not None and len(self.default_fparam) != self.numb_fparam:
            raise ValueError(
                f"default_fparam has {len(self.default_fparam)} numbers; it should have numb_fparam, {self.numb_fparam}"
            )
        return self

    @property
    def numb_aparam_inputs(self) -> int:
        """Number of atomic parameters that are inputs of the nets."""
        return self.numb_aparam

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names, in data, of the parameters that the model reads."""
        return ("fparam",) * (self.numb_fparam > 0) + ("aparam",) * (self.numb_aparam > 0)

    def check_types(self, ntypes: int) -> None:
        """Raise ValueError if lists by type do not fit the number of types."""


class FittingNets(nn.Module):
    """A net for each type of atom, or one for all: R^(width + parameters) -> R^outputs.

    Buffers: fparam_mean, fparam_scale (numb_fparam,), aparam_mean, aparam_scale (numb_aparam_inputs,). The inputs of
    the nets are (p - mean) * scale of each parameter p.
    """

    config: NetsConfig
    fparam_mean: Tensor
    fparam_scale: Tensor
    aparam_mean: Tensor
    aparam_scale: Tensor

    def __init__(
        self,
        config: NetsConfig,
        ntypes: int,
        width: int,
        outputs: int,
        *,
        shared: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """Create nets with random weights; shared: one net for all types, for descriptors that encode the type."""
        super().__init__()
        try:
            config.check_types(ntypes)
        except ValueError as error:
            raise InputError(str(error)) from None
        self.config = config
        self.width = width
        self.shared = shared
        if config.seed is not None:
            generator = torch.Generator().manual_seed(config.seed)
        self.nets = nn.ModuleList(
            FittingNet(
                width + config.numb_fparam + config.numb_aparam_inputs,
                config.neuron,
                outputs,
                activation=config.activation_function,
                resnet_dt=config.resnet_dt,
                dtype=dtype_of(config.precision),
                generator=generator,
            )
            for _ in range(1 if shared else ntypes)
        )
        self.nets.requires_grad_(config.trainable)
        for name, count in (("fparam", config.numb_fparam), ("aparam", config.numb_aparam_inputs)):
            self.register_buffer(f"{name}_mean", torch.zeros(count, dtype=torch.float64))
            self.register_buffer(f"{name}_scale", torch.ones(count, dtype=torch.float64))

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the fitting nets."""
        return next(self.nets.parameters()).dtype

    def net(self, kind: int) -> FittingNet:
        """Return the net of a type."""
        net = self.nets[0 if self.shared else kind]
        assert isinstance(net, FittingNet)
        return net

    def normalised_parameters(self, atoms: int, fparam: Tensor | None, aparam: Tensor | None) -> Tensor | None:
        """Return normalised parameters (atoms, numb_fparam + numb_aparam_inputs), inputs of the nets, or None.

        atoms: number of atoms.
        fparam: (atoms, numb_fparam), that of each atom's frame; default_fparam is used if it is None.
        aparam: (atoms, numb_aparam).

        Raises InputError: parameters that are missing or of the wrong number.
        """
        default = self.config.default_fparam
        if fparam is None and default is not None:
            fparam = self.fparam_mean.new_tensor(default).expand(atoms, -1)
        columns = []
        for name, values, count in (
            ("fparam", fparam, self.config.numb_fparam),
            ("aparam", aparam, self.config.numb_aparam_inputs),
        ):
            if count == 0:
                continue
            if values is None:
                raise InputError(f"{name} is missing; the model needs {count} for each {_OWNER[name]}.")
            if values.shape != (atoms, count):
                raise InputError(
                    f"{name} has {values.shape[-1]} numbers for each {_OWNER[name]}; the model needs {count}."
                )
            mean, scale = getattr(self, f"{name}_mean"), getattr(self, f"{name}_scale")
            columns.append((values.to(mean) - mean) * scale)
        return torch.cat(columns, dim=1).to(self.dtype) if columns else None

    def net_outputs(
        self, kind: int, D: Tensor, parameters: Tensor | None, compute: torch.dtype | None = None
    ) -> Tensor:
        """Compute the outputs (n, outputs) of the net of one type.

        D: descriptors (n, width). parameters: their rows of `normalised_parameters`. compute: as for `FittingNet`.
        """
        D = D.to(self.dtype)
        result: Tensor = self.net(kind)(D if parameters is None else torch.cat([D, parameters], dim=1), compute)
        return result

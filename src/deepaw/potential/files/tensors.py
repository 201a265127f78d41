"""Fitting nets of tensors (`dipole` and `polar`) in DeePMD-kit's files.

DeePMD-kit's PyTorch and NumPy backends do not add `out_bias` to dipoles. To polarizabilities they add the mean of its
diagonal, times the unit matrix and the scale, with `shift_diag`; `constant_matrix`, which its TensorFlow backend
writes, is added in the same way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepaw.potential.files.component import DescriptorPart, FittingPart
from deepaw.potential.files.fields import Fields
from deepaw.potential.files.nets import Nets, read_nets, write_nets
from deepaw.potential.fitting.dipole import DipoleFittingConfig
from deepaw.potential.fitting.polar import PolarFitting, PolarFittingConfig
from deepaw.potential.fitting.tensor import TensorConfig
from deepaw.potential.model.tensor import TensorModel

DIPOLE_VERSION, POLAR_VERSION = 4, 5
"""Newest supported versions of these objects."""


def read_dipole(fields: Fields, type_map: list[str], descriptor: DescriptorPart, model: dict[str, Any]) -> FittingPart:
    """Read the fitting nets of atomic dipoles; model: section `model` as far as it is known."""
    fields.check_version(DIPOLE_VERSION)
    fields.ignore("r_differentiable", "c_differentiable")
    section = {"type": "dipole"}
    nets, bias = _read(fields, type_map, descriptor, model, DipoleFittingConfig, section, descriptor.channels)

    def load(tensor: TensorModel, out_bias: np.ndarray) -> None:
        nets.load(tensor.fitting)
        _add_bias(tensor, bias)

    return FittingPart(nets.config, load, 3)


def read_polar(fields: Fields, type_map: list[str], descriptor: DescriptorPart, model: dict[str, Any]) -> FittingPart:
    """Read the fitting nets of atomic polarizabilities; model: section `model` as far as it is known."""
    fields.check_version(POLAR_VERSION)
    ntypes = len(type_map)
    section = {"type": "polar", **fields.take_present(("fit_diag", "shift_diag")), "scale": _scale(fields, ntypes)}
    constant = fields.optional_array("constant_matrix")
    if constant is not None and constant.size != ntypes:
        raise fields.error(f"has {constant.size} values; it should have one for each of the {ntypes} types",
                           "@variables.constant_matrix")  # fmt: skip
    outputs = descriptor.channels if section.get("fit_diag", True) else descriptor.channels**2
    nets, bias = _read(fields, type_map, descriptor, model, PolarFittingConfig, section, outputs)

    def load(tensor: TensorModel, out_bias: np.ndarray) -> None:
        fitting = tensor.fitting
        assert isinstance(fitting, PolarFitting)
        nets.load(fitting)
        _add_bias(tensor, bias)
        if fitting.config.shift_diag:
            shift = out_bias.reshape(ntypes, 3, 3).trace(axis1=1, axis2=2) / 3
            fitting.shift.copy_(torch.from_numpy(shift if constant is None else shift + constant.reshape(-1)))

    return FittingPart(nets.config, load, 9)


def _scale(fields: Fields, ntypes: int) -> tuple[float, ...]:
    """Read the scale of each type: from the variables of a model file, or as a number or a list from its section."""
    array = fields.optional_array("scale")
    values = np.atleast_1d(np.asarray(fields.take("scale", 1.0), dtype=np.float64)) if array is None else array
    if values.size not in (1, ntypes):
        raise fields.error(f"has {values.size} values; it should have one for each of the {ntypes} types", "scale")
    return tuple(np.broadcast_to(values.reshape(-1), ntypes).tolist())


def _read(
    fields: Fields,
    type_map: list[str],
    descriptor: DescriptorPart,
    model: dict[str, Any],
    config_class: type[TensorConfig],
    section: dict[str, Any],
    outputs: int,
) -> tuple[Nets, np.ndarray | None]:
    """Read the nets, and the bias of their outputs (ntypes, outputs), if any."""
    ntypes = len(type_map)
    fields.expect("var_name", section["type"])
    fields.expect("embedding_width", descriptor.channels)
    if descriptor.channels == 0:
        raise fields.error("needs a descriptor with vectors, such as se_e2_a")
    # DeePMD-kit's PyTorch backend writes the types without a tensor in both places, its TensorFlow backend in one
    fields.ignore("sel_type")
    excluded = {*(model.get("atom_exclude_types") or ()), *fields.take_types("exclude_types", ntypes)}
    section["sel_type"] = tuple(kind for kind in range(ntypes) if kind not in excluded) if excluded else None
    nets = read_nets(fields, type_map, descriptor.width, outputs, config_class, section)
    bias = fields.optional_array("bias_atom_e")
    if bias is not None:
        if bias.size != ntypes * outputs:
            raise fields.error(f"has the shape {bias.shape} where {(ntypes, outputs)} belongs",
                               "@variables.bias_atom_e")  # fmt: skip
        if bias.any() and descriptor.shares_nets:
            raise fields.error("is not 0, which is not supported for a net of all types", "@variables.bias_atom_e")
        bias = bias.reshape(ntypes, outputs)
    fields.finish()
    return nets, bias


@torch.no_grad()
def _add_bias(model: TensorModel, bias: np.ndarray | None) -> None:
    """Add the bias of the outputs (ntypes, outputs) to the last layers of the nets."""
    if bias is not None:
        for kind, row in enumerate(bias):
            net: Any = model.fitting.net(kind)
            net.layers[-1].b += torch.from_numpy(row)


def write_dipole(model: TensorModel, type_map: list[str]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the object of the fitting net in a file, and `out_bias` (ntypes, 3)."""
    content, variables = _write(model, type_map)
    content |= {"@version": DIPOLE_VERSION, "r_differentiable": True, "c_differentiable": True}
    content |= {"@variables": variables}
    return content, np.zeros((len(type_map), 3))


def write_polar(model: TensorModel, type_map: list[str]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the object of the fitting net in a file, and `out_bias` (ntypes, 9)."""
    fitting = model.fitting
    assert isinstance(fitting, PolarFitting)
    content, variables = _write(model, type_map)
    variables |= {
        "scale": fitting.scale.cpu().numpy().reshape(-1, 1),
        "constant_matrix": np.zeros(len(type_map)),
    }
    content |= {
        "@version": POLAR_VERSION,
        **fitting.config.model_dump(mode="json", include={"fit_diag", "shift_diag"}),
        "@variables": variables,
    }
    return content, fitting.shift.cpu().numpy()[:, None] * np.eye(3).reshape(1, 9)


def _write(model: TensorModel, type_map: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the common fields of dipoles and polarizabilities, and their `@variables`."""
    fitting = model.fitting
    content, variables = write_nets(fitting, type_map)
    fitting_type = fitting.config.model_dump()["type"]
    outputs = fitting.nets[0].layers[-1].w.shape[1]  # type: ignore[union-attr, index]
    content |= {
        "type": fitting_type,
        "var_name": fitting_type,
        "embedding_width": fitting.channels,
        "exclude_types": [kind for kind in range(len(type_map)) if kind not in model.selected],
    }
    return content, {"bias_atom_e": np.zeros((len(type_map), outputs)), **variables}

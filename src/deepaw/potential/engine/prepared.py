"""Settings and tensors of the forms of a model that the compiled library evaluates (`deepaw.potential.prepared`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepaw.potential.descriptor.se_atten import SeAtten
from deepaw.potential.descriptor.slotted import SlottedDescriptor
from deepaw.potential.engine.block import Block
from deepaw.potential.engine.fitting import FoldedFitting
from deepaw.potential.engine.kernel import Kernel
from deepaw.potential.engine.pairs import PairKernel
from deepaw.potential.engine.registry import is_spectral
from deepaw.potential.engine.triples import TripleKernel
from deepaw.potential.engine.typed import TypedKernel
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel

VERSION = 1
"""Raised by one whenever older libraries would misread the form."""

Tensors = dict[str, Tensor]


def refusal(model: AtomicModel) -> str | None:
    """Return the member of the family whose networks the library does not evaluate, or None."""
    for part in model.descriptor.parts:
        if isinstance(part, SeAtten) and len(part.attention):
            return "se_atten with attention layers"
        if model.config.is_masked or not isinstance(part, SlottedDescriptor):
            return f"the descriptor {part.config.type}"
        if not is_spectral(part):
            return f"the activation function {part.config.activation_function} in embedding nets, which is not smooth"
    return None


def shared_settings(model: AtomicModel) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors that all forms have in common."""
    fitting = model.fitting
    settings = {
        "type_map": list(model.type_map),
        "rcut": model.rcut,
        "quantity": model.config.fitting_net.type,
        "fixed_slots": model.fixed_slots,
        "sel": [int(count) for count in model.descriptor.sel],
        "default_fparam": fitting.config.default_fparam,
    }
    tensors = {
        "neighbours": model.neighbours.to(torch.uint8),
        "type_mask": model.type_mask,
        **{name: getattr(fitting, name) for name in ("fparam_mean", "fparam_scale", "aparam_mean", "aparam_scale")},
    }
    if isinstance(fitting, PolarFitting):
        settings["fit_diag"] = fitting.config.fit_diag
        tensors |= {"scale": fitting.scale, "shift": fitting.shift}
    if isinstance(model, PotentialModel):
        tensors["bias"] = model.bias
        if (table := model.interpolation) is not None:
            settings["table"] = {
                "rmin": table.rmin,
                "rmax": table.rmax,
                "alpha": table.alpha,
                "first": table.first,
                "spacing": table.spacing,
            }
            tensors["table"] = table.coefficients
            tensors["table_shift"] = model.table_shift(torch.arange(len(model.type_map)))
    return settings, tensors


def form_settings(model: AtomicModel, blocks: Sequence[Block]) -> tuple[dict[str, Any], Tensors]:
    """Return settings and tensors of one form, from the blocks of all types of atoms."""
    parts, kinds = [], []
    tensors: Tensors = {}
    for number, part in enumerate(model.descriptor.parts):
        assert isinstance(part, SlottedDescriptor)
        settings, part_tensors = _part(_untyped(blocks[0].kernels[number]))
        parts.append({**settings, "limits": _limits(part)})
        tensors |= {f"part{number}.{name}": tensor for name, tensor in part_tensors.items()}
    for kind, block in enumerate(blocks):
        settings, kind_tensors = _kind(model, kind, block)
        kinds.append(settings)
        tensors |= {f"kind{kind}.{name}": tensor for name, tensor in kind_tensors.items()}
    return {"parts": parts, "kinds": kinds}, tensors


def _limits(part: SlottedDescriptor) -> list[int] | None:
    """Return the largest numbers of neighbours by type, or one for all types, beyond which the farthest are dropped."""
    return [int(count) for count in part.sel] if part.fixed_slots else None


def _untyped(kernel: Kernel) -> Kernel:
    return kernel.kernel if isinstance(kernel, TypedKernel) else kernel


def _part(kernel: Kernel) -> tuple[dict[str, Any], Tensors]:
    """Return what a part of the descriptor has in common for centres of all types."""
    if isinstance(kernel, PairKernel):
        form = kernel.operator.form
        names = ("mean", "scale", "slots", "empty", "hidden")
        tensors = {name: getattr(form, name).double() for name in names}
        settings = {
            "kind": "pairs",
            "components": form.components,
            "polynomials": form.basis.size,
            "fading": form.fading,
            "fixed_slots": form.fixed_slots,
            "high": form.basis.high,
        }
        form_excluded, rcut, rcut_smth, protection = form.excluded, form.rcut, form.rcut_smth, form.protection
    else:
        assert isinstance(kernel, TripleKernel)
        part, basis = kernel.part, kernel.basis
        tensors = {
            "scale": 1 / part.dstd[:, 1:].double(),
            "coefficients": part.coefficients(basis).flatten(0, 1).double(),
            "derivative": basis.derivative,
        }
        settings = {"kind": "triples", "rows": basis.product.rows, "columns": basis.product.columns}
        settings["reach"] = basis.reach
        form_excluded, rcut, rcut_smth = part.excluded, part.config.rcut, part.config.rcut_smth
        protection = part.config.env_protection
    tensors["excluded"] = form_excluded.to(torch.uint8)
    return {**settings, "rcut": rcut, "rcut_smth": rcut_smth, "protection": protection}, tensors


def _kind(model: AtomicModel, kind: int, block: Block) -> tuple[dict[str, Any], Tensors]:
    """Return projections and fitting net for centres of one type."""
    parts = []
    tensors: Tensors = {}
    for number, kernel in enumerate(block.kernels):
        pair_kernel = _untyped(kernel)
        entry: dict[str, Any] = {"typed": kernel is not pair_kernel, "features": len(pair_kernel.weights)}
        if isinstance(pair_kernel, PairKernel):
            entry |= {"axes": pair_kernel.axes, "vectors": pair_kernel.directions is not None}
            tensors[f"part{number}.project"] = pair_kernel.project
        parts.append(entry)
    net, directions = block.net, block.directions
    layers, net_tensors = _net(net)
    tensors |= net_tensors
    if directions is not None:
        tensors["directions"] = directions
    isolated = isinstance(model, PotentialModel) and model.fitting.subtracts_isolated_atom(kind)
    return {"parts": parts, "layers": layers, "isolated": isolated}, tensors


def _net(net: FoldedFitting) -> tuple[list[dict[str, Any]], Tensors]:
    """Return layers of a fitting net; the weights of the first are those of features and of parameters."""
    tensors: Tensors = {"features": net.feature_weights, "parameters": net.parameter_weights}
    layers = []
    for number, layer in enumerate(net.layers):
        layers.append({"activation": layer.activation, "copies": layer.copies, "width": layer.w.shape[1]})
        values = {"w": layer.w if number else None, "b": layer.b, "idt": layer.idt}
        tensors |= {f"layer{number}.{name}": value for name, value in values.items() if value is not None}
    return layers, tensors

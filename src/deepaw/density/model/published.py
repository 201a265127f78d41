"""Checkpoints in the published layout: a directory with f_nonlocal.pth and, where there is one, f_local.pth."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from deepaw.density.model.config import GatedConfig, LocalConfig
from deepaw.density.model.gated import GatedNetwork
from deepaw.density.model.layout import SPECIES
from deepaw.density.model.radial import RadialBasis
from deepaw.errors import InputError
from deepaw.textfile import read_text

NONLOCAL, LOCAL, SETTINGS = "f_nonlocal.pth", "f_local.pth", "config.json"
LAYER = r"probe_model\.interaction_block\.convolutions\.(\d+)\."
FIRST = "atom_model.interaction_block.convolutions.0."


def read_published(directory: str | Path) -> GatedNetwork:
    """The network of a published-layout checkpoint, float32, without an envelope.

    Sizes are those of the tensors. What they do not tell is read from config.json beside them: `cutoff` (4.0 A when it
    is not there) and `num_neighbors` (20).

    Raises InputError: no such file, not a checkpoint, tensors missing, of the wrong shape or not numbers, a spin model.
    """
    directory = Path(directory)
    path = directory / NONLOCAL
    tensors = _tensors(path)
    settings = _settings(directory / SETTINGS)
    local = None
    if (directory / LOCAL).exists():
        local = _tensors(directory / LOCAL)
    network = GatedNetwork(_configuration(path, tensors, settings, _local_configuration(directory / LOCAL, local)))
    _load(network, tensors, path, "")
    if local is not None:
        _load(network, local, directory / LOCAL, "local.")
    return network


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; a published checkpoint is a directory with {NONLOCAL}.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError):
        raise InputError(f"{path} is not a readable checkpoint of tensors; it may be cut short or not one.") from None
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path} does not hold a plain dictionary of tensors, which a published checkpoint does.")
    for name, value in content.items():
        if not torch.isfinite(value).all():
            raise InputError(f"{path} holds values in {name} that are not finite numbers.")
    return {name: value for name, value in content.items() if "_w3j_" not in name}


def published_files(directory: Path) -> list[Path]:
    """Return those files of a published-layout checkpoint that are there."""
    return [path for name in (NONLOCAL, LOCAL, SETTINGS) if (path := directory / name).is_file()]


def _settings(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        settings = json.loads(read_text(path))
    except (ValueError, OSError):
        raise InputError(f"{path} is not readable JSON.") from None
    if not isinstance(settings, dict):
        raise InputError(f"{path} must hold an object with keys such as cutoff, not a {type(settings).__name__}.")
    for name in ("cutoff", "num_neighbors"):
        value = settings.get(name, 1.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise InputError(f"{path}: {name} is {value!r}; it must be a positive number.")
    return settings


def _local_configuration(path: Path, tensors: dict[str, Tensor] | None) -> LocalConfig | None:
    if tensors is None:
        return None
    for name in ("mlp.weight", "kan.act_fun.0.grid", "kan.act_fun.0.coef"):
        if name not in tensors:
            raise InputError(f"{path} has no tensor {name}, which F_local in the published layout has.")
    if any(name.startswith("kan.symbolic_fun") and "mask" in name and value.any() for name, value in tensors.items()):
        raise InputError(f"{path} uses symbolic functions in its KAN; only splines are supported.")
    _, width, coefficients = tensors["kan.act_fun.0.coef"].shape
    order = tensors["kan.act_fun.0.grid"].shape[1] - coefficients - 1
    return LocalConfig(tensors["mlp.weight"].shape[0], width, coefficients - order, order)


def _configuration(
    path: Path, tensors: dict[str, Tensor], settings: dict[str, Any], local: LocalConfig | None
) -> GatedConfig:
    needed = [FIRST + "tp.output_mask", "atom_model.basis.mean", "probe_model.readout.weight"]
    for name in needed:
        if name not in tensors:
            raise InputError(f"{path} has no tensor {name}, which F_nonlocal in the published layout has.")
    outputs = tensors.get("probe_model.readout.output_mask", torch.ones(1)).numel()
    if outputs != 1:
        raise InputError(f"{path} gives {outputs} values a point; published checkpoints with spin are not supported.")
    layers = {found[1] for name in tensors if (found := re.match(LAYER, name))}
    lmax = round((tensors[FIRST + "tp.output_mask"].numel() / SPECIES) ** 0.5) - 1
    cutoff = float(settings.get("cutoff", 4.0))
    number = tensors["atom_model.basis.mean"].numel()
    scalars = tensors["probe_model.readout.weight"].numel()
    for mul in _budgets(scalars, lmax, settings.get("mul")):
        config = GatedConfig(
            mul=mul,
            lmax=lmax,
            num_interactions=len(layers),
            cutoff=cutoff,
            num_basis=number,
            basis=_radial_kind(path, tensors["atom_model.basis.mean"], cutoff),
            num_neighbors=float(settings.get("num_neighbors", 20)),
            envelope=False,
            local=local,
        )
        with torch.device("meta"):
            expected = GatedNetwork(config).state_dict()
        if all(expected[name].shape == value.shape for name, value in tensors.items() if name in expected):
            return config
    raise InputError(f"{path}: the shapes of its tensors do not belong to a network with {scalars} scalar channels.")


def _budgets(scalars: int, lmax: int, stated: Any) -> list[int]:
    """Values of `mul` that give this many scalar channels, the likeliest first."""
    centre = scalars * (lmax + 1)
    near = sorted(range(max(1, centre - lmax - 1), centre + lmax + 2), key=lambda mul: abs(mul - centre))
    return ([stated] if isinstance(stated, int) else []) + [m for m in near if round(m / (lmax + 1)) == scalars]


def _radial_kind(path: Path, mean: Tensor, cutoff: float) -> Literal["gaussian", "bessel"]:
    kinds: tuple[Literal["gaussian", "bessel"], ...] = ("gaussian", "bessel")
    off = {kind: float((RadialBasis(mean.numel(), cutoff, kind).mean - mean).abs().max()) for kind in kinds}
    best = min(kinds, key=lambda kind: off[kind])
    if off[best] > 1e-3:
        raise InputError(
            f"{path}: its radial functions are neither Gaussian nor Bessel functions on [0, {cutoff:g}] A; state the "
            f"cutoff it was trained with in {SETTINGS} beside it."
        )
    return best


def _load(network: GatedNetwork, tensors: dict[str, Tensor], path: Path, prefix: str) -> None:
    own = {name: value for name, value in network.state_dict().items() if name.startswith("local.") == bool(prefix)}
    for name, value in own.items():
        short = name.removeprefix(prefix)
        if short not in tensors:
            if value.numel() and not short.endswith("output_mask") and "symbolic_fun" not in short:
                raise InputError(f"{path} has no tensor {short}.")
        elif tensors[short].shape != value.shape:
            found, right = tuple(tensors[short].shape), tuple(value.shape)
            raise InputError(f"{path}: tensor {short} has the shape {found} where {right} belongs.")
    unknown = [name for name in tensors if prefix + name not in own]
    if unknown:
        raise InputError(f"{path} holds a tensor {unknown[0]} that no network in the published layout has.")
    network.load_state_dict({prefix + name: value for name, value in tensors.items()}, strict=False)

"""`deepaw convert`: models of other software as native ones, and potentials back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.typemap import MoreTypes, NewTypeMap, read_type_map


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            help="A potential (.safetensors, or DeePMD-kit's .dp, .yaml, .pb, or .pt checkpoint), or for densities a "
            "folder with f_nonlocal.pth and, if there is one, f_local.pth."
        ),
    ],
    output: Annotated[
        Path, typer.Argument(help="The model file to write: .safetensors, for potentials also .dp or .yaml.")
    ],
    type_map: NewTypeMap = None,
    more_types: MoreTypes = None,
) -> None:
    """Turn a DeePMD-kit model or a published density checkpoint into a native model file, or a potential into .dp."""
    from deepaw.errors import InputError
    from deepaw.outputfile import check_output

    names = read_type_map(type_map, more_types)
    check_output(output)
    if not source.is_dir():
        _potential(source, output, names)
        return
    if names is not None:
        raise InputError(f"--type-map names the types of a potential, and {source} is a folder, of a density model.")
    _density(source, output)


def _density(directory: Path, output: Path) -> None:
    from deepaw.density.model.model import DensityModel
    from deepaw.density.model.published import read_published
    from deepaw.errors import InputError

    if output.suffix != ".safetensors":
        raise InputError(f"{output} must end with .safetensors; other files are not read as models.")
    network = read_published(directory)
    DensityModel(network, provenance={"converted_from": directory.resolve().name}).save(output)
    weights = sum(parameter.numel() for parameter in network.parameters())
    parts = "F_nonlocal" if network.local is None else "F_nonlocal and F_local"
    print(f"{output}: {parts}, {weights:,} weights, cutoff {network.cutoff:g} A")
    print("It does not say which elements it knows nor their valence electrons: densities will not be scaled.")


def _potential(source: Path, output: Path, names: Sequence[str] | None) -> None:
    from deepaw.potential.files.deepmd import deepmd_differences
    from deepaw.potential.files.formats import check_writable, read_model, write_potential
    from deepaw.potential.nativefile import with_type_names

    check_writable(output)
    model = read_model(source)
    if names is not None:
        model = with_type_names(model, names)
    write_potential(output, model)
    weights = sum(parameter.numel() for parameter in model.parameters())
    descriptor, fitting = model.config.descriptor.type, model.config.fitting_net.type
    types = " ".join(model.type_map)
    print(f"{output}: potential of {types}, {descriptor} and {fitting}, {weights:,} weights, cutoff {model.rcut:g} A")
    if model.fixed_slots:
        print("Where an atom has more neighbours than 'sel', the farthest are dropped, as in DeePMD-kit.")
    elif output.suffix != ".safetensors":
        for sentence in deepmd_differences(model):
            print(sentence)

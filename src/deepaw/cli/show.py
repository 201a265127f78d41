"""`deepaw show`: single properties of a model, as DeePMD-kit prints them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Attribute(StrEnum):
    """Properties of a model."""

    model_branch = "model-branch"
    type_map = "type-map"
    descriptor = "descriptor"
    fitting_net = "fitting-net"
    size = "size"
    observed_type = "observed-type"


def show(
    model: Annotated[Path, typer.Argument(metavar="INPUT", help="A model file or a checkpoint.")],
    attributes: Annotated[list[Attribute], typer.Argument(metavar="ATTRIBUTE...", help=", ".join(Attribute))],
) -> None:
    """Print properties of a model: its types, sections of its input, numbers of weights (deepaw info says more)."""
    from deepaw.errors import InputError
    from deepaw.infer import DeepEval
    from deepaw.potential.files.formats import find_model

    if Attribute.model_branch in attributes:
        raise InputError("model-branch is asked for; models have one fitting net and no branches.")
    interface: DeepEval[Any, Any] = DeepEval(find_model(model))
    script = interface.get_model_def_script()
    print("This is a singletask model")
    if Attribute.type_map in attributes:
        print(f"The type_map is {interface.get_type_map()}")
    if Attribute.descriptor in attributes:
        print(f"The descriptor parameter is {script['descriptor']}")
    if Attribute.fitting_net in attributes:
        print(f"The fitting_net parameter is {script['fitting_net']}")
    if Attribute.size in attributes:
        print("Parameter counts:")
        for name, count in sorted(interface.get_model_size().items()):
            print(f"Parameters in {name}: {count:,}")
    if Attribute.observed_type in attributes:
        observed = interface.get_observed_types()
        print(f"Number of observed types: {observed['type_num']}")
        print(f"Observed types: {observed['observed_type']}")

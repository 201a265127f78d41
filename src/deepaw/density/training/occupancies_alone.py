"""Occupancies for a finished density model, whose features and density stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from deepaw.density.data.example import Example
from deepaw.density.data.sources import read_examples
from deepaw.density.data.split import split
from deepaw.density.model.expansion import ExpansionNetwork
from deepaw.density.model.model import DensityModel, load_density_model
from deepaw.density.training.checkpoint import structure_names
from deepaw.density.training.config import DensityInput
from deepaw.density.training.occupancies import occupancy_training, shown_errors
from deepaw.errors import InputError
from deepaw.outputfile import check_folder, output_file

Say = Callable[[str], None]


def train_occupancies(
    settings: DensityInput, folder: Path, output: Path, device: torch.device, say: Say = print
) -> DensityModel:
    """Fit the readout of occupancies to the features of the model that `settings.occupancies.density_model` names.

    Args:
        settings: the input file's content; `folder`: what its paths are relative to.
        output: the folder to work in, made if need be; receives `model.safetensors`, `validation.txt`, `left_out.txt`.
        device: where the network runs.
        say: receives the progress lines.

    Raises:
        InputError: anything wrong with the data, the model or the folder.
    """
    check_folder(output)
    source = settings.occupancies.density_model
    assert source is not None
    model = load_density_model(folder / source if (folder / source).exists() else source)
    if not isinstance(model.network, ExpansionNetwork):
        raise InputError(f"{source} has a gated readout; occupancies are read off the features of an expansion.")
    examples = read_examples(*(folder / system for system in settings.data.systems))
    parts = split(examples, settings.data.validation_fraction, settings.data.split_seed, settings.data.leave_out)
    for example in examples:
        model.check_elements([int(number) for number in example.atoms.numbers])
    network = model.network.to(device).requires_grad_(False)
    training = occupancy_training(settings.occupancies, parts, network, device)
    if training is None:
        raise InputError(
            f"None of the {len(parts.train)} structures to learn from has occupancies: neither augmentation/<name>.npz "
            "beside their densities, nor augmentation occupancies in their CHGCARs."
        )
    say(f"{len(training.targets)} structures with occupancies to learn from, of {len(training.setups)} elements")
    training.correct((example, _features(network, example)) for example in parts.train)
    known, unseen = (
        training.errors(
            (example, training.readout.matrices(_features(network, example), example.atoms.get_atomic_numbers()))
            for example in part
        )
        for part in (parts.validation, parts.left_out)
    )
    say(f"occupancies, validation: {shown_errors(known) or 'none'}")
    if unseen:
        say(f"occupancies, left out: {shown_errors(unseen)}")
    provenance = {
        **model.provenance,
        "occupancies_input": settings.model_dump(mode="json", exclude={"model", "training"}),
    }
    finished = replace(
        model,
        network=network.cpu(),
        occupancies=training.finished(training.readout.cpu(), known),
        provenance=provenance,
    )
    output.mkdir(exist_ok=True)
    for part in ("validation", "left_out"):
        with output_file(output / f"{part}.txt") as beside:
            beside.write_text("".join(f"{name}\n" for name in structure_names(parts)[part]))
    finished.save(output / "model.safetensors")
    say(f"written: {output / 'model.safetensors'}")
    return finished


@torch.no_grad()
def _features(network: ExpansionNetwork, example: Example) -> Sequence[Tensor]:
    return network.features(network.graph(example.atoms))

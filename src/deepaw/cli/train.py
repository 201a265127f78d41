"""`deepaw train`: a model of densities or a potential, by what the input file holds."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from deepaw.errors import InputError

POTENTIAL = "Potentials"


def train(
    input_file: Annotated[Path, typer.Argument(metavar="INPUT", help="What to train, such as input.json.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Densities: the folder for curve, checkpoint and model (default: this one). Potentials: the file for "
            "the input as it was understood (default: out.json); all else goes to this folder.",
        ),
    ] = None,
    restart: Annotated[Path | None, typer.Option("--restart", "-r", help="Go on from this checkpoint.")] = None,
    init_model: Annotated[
        Path | None,
        typer.Option(
            "--init-model",
            "-i",
            "--init-frz-model",
            "-f",
            help="Start from the weights of this model or checkpoint.",
            rich_help_panel=POTENTIAL,
        ),
    ] = None,
    finetune: Annotated[
        Path | None,
        typer.Option(
            "--finetune",
            "-t",
            help="The same, and fit the energies of types to the new data first.",
            rich_help_panel=POTENTIAL,
        ),
    ] = None,
    skip_neighbor_stat: Annotated[
        bool,
        typer.Option(
            "--skip-neighbor-stat",
            help="No effect: neighbours are counted once, and the numbers kept beside the data.",
            rich_help_panel=POTENTIAL,
        ),
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:N; by default cpu, for potentials a GPU where there is one.")
    ] = None,
) -> None:
    """Train a model: learning curve, checkpoints and at the end the model appear in the working folder."""
    if _is_potential(input_file):
        _potential(input_file, output or Path("out.json"), restart, init_model, finetune, device)
        return
    if init_model is not None or finetune is not None:
        option = "--init-model" if init_model is not None else "--finetune"
        raise InputError(f"{option} goes with potentials, and {input_file} describes a model of densities.")
    _density(input_file, output or Path(), restart, device or "cpu")


def _density(input_file: Path, output: Path, restart: Path | None, device: str) -> None:
    from functools import partial

    from deepaw.density.engine.engine import find_device
    from deepaw.density.training.config import read_input
    from deepaw.density.training.occupancies_alone import train_occupancies
    from deepaw.density.training.trainer import Trainer

    settings = read_input(input_file)
    place = find_device(device)
    if settings.occupancies.density_model is not None:
        if restart is not None:
            raise InputError(
                f"--restart {restart} goes on with a training, and {input_file} asks for the occupancies of the "
                f"finished model {settings.occupancies.density_model}, which take seconds; leave it out."
            )
        train_occupancies(settings, input_file.parent, output, place, partial(print, flush=True))
        return
    Trainer(settings, input_file.parent, output, place, restart, partial(print, flush=True)).run()


def _potential(
    input_file: Path,
    understood: Path,
    restart: Path | None,
    init_model: Path | None,
    finetune: Path | None,
    device: str | None,
) -> None:
    from functools import partial

    from deepaw.cli.progress import LateProgress
    from deepaw.cli.trainprogress import TrainingProgress
    from deepaw.density.engine.engine import find_device
    from deepaw.potential.input import read_potential_input
    from deepaw.potential.training.processes import join_processes
    from deepaw.potential.training.start import choose_start
    from deepaw.potential.training.trainer import Trainer

    with join_processes(None if device is None else find_device(device)) as (processes, place):
        if not processes.is_first:
            warnings.simplefilter("ignore")
        try:
            settings = read_potential_input(input_file)
            start = choose_start(restart, init_model, finetune)
            with TrainingProgress() as show, LateProgress("neighbours") as counted:
                Trainer(
                    settings,
                    input_file.parent,
                    Path(),
                    place,
                    start,
                    str(understood),
                    processes,
                    partial(print, flush=True),
                    show,
                    counted if processes.is_first else None,
                ).run()
        except InputError:
            if processes.is_first:
                raise
            sys.exit(2)  # the first process says the same


def _is_potential(path: Path) -> bool:
    """Whether an input file describes a potential; one that cannot be read is left to whoever says what is wrong."""
    import json

    from deepaw.textfile import read_text

    try:
        content: Any = json.loads(read_text(path))
    except (InputError, OSError, ValueError, RecursionError):
        return False
    if not isinstance(content, dict) or "data" in content:
        return False
    if {"learning_rate", "loss", "learning_rate_dict", "loss_dict", "use_smooth", "sel_a"} & content.keys():
        return True
    model, training = (content[key] if isinstance(content.get(key), dict) else {} for key in ("model", "training"))
    return bool(
        {"type_map", "descriptor", "fitting_net", "model_dict"} & model.keys()
        or {"training_data", "systems", "numb_steps", "stop_batch"} & training.keys()
    )

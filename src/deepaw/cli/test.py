"""`deepaw test`: a model beside what it learnt to predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepaw.cli.deepmd import SetPrefix, check_set_prefix
from deepaw.errors import InputError


def test(
    model: Annotated[
        str | None, typer.Argument(help="A model file, or for densities a bundled model; or give it with -m.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            help="For densities: ASE databases, extxyz files with npz densities, CHGCAR or cube files, or folders of "
            "these. For potentials: systems (deepmd/npy) or folders of them, as with -s."
        ),
    ] = None,
    only: Annotated[
        Path | None, typer.Option(help="Densities: a file with the names of the structures to test, one a line.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Densities: write OUTPUT.csv and OUTPUT.png.", metavar="OUTPUT"),
    ] = None,
    device: Annotated[str, typer.Option(help="Densities: cpu, cuda or cuda:N.")] = "cpu",
    potential: Annotated[Path | None, typer.Option("--model", "-m", help="A potential.", metavar="MODEL")] = None,
    system: Annotated[
        list[str] | None,
        typer.Option("--system", "-s", help="Potentials: a system (deepmd/npy) or a folder of them.", metavar="SYSTEM"),
    ] = None,
    datafile: Annotated[
        Path | None, typer.Option("--datafile", "-f", help="Potentials: a file that lists systems, one a line.")
    ] = None,
    numb_test: Annotated[
        int, typer.Option("--numb-test", "-n", help="Potentials: frames of each system, 0 for all.", min=0)
    ] = 0,
    detail_file: Annotated[
        Path | None,
        typer.Option("--detail-file", "-d", help="Potentials: write PREFIX.*.out and PREFIX.png.", metavar="PREFIX"),
    ] = None,
    atomic: Annotated[
        bool,
        typer.Option("--atomic", "-a", help="Potentials: test energies of atoms, too (atomic tensors always are)."),
    ] = False,
    shuffle: Annotated[
        bool, typer.Option("--shuffle-test", help="Potentials: take random frames rather than the first.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--rand-seed", "-r", help="Potentials: seed of --shuffle-test.", min=0)
    ] = None,
    training_of: Annotated[
        Path | None, typer.Option("--train-data", help="Potentials: test on the training data of this input file.")
    ] = None,
    validation_of: Annotated[
        Path | None, typer.Option("--valid-data", help="Potentials: test on the validation data of this input file.")
    ] = None,
    set_prefix: SetPrefix = "set",
    precision: Annotated[str, typer.Option(help="Potentials: float64, float32 or exact.")] = "float64",
) -> None:
    """Compare a model with calculated densities, or a potential (deepaw test -m MODEL -s SYSTEM) with labelled data."""
    from deepaw.potential.files.formats import find_model, holds_potential

    check_set_prefix(set_prefix)
    if potential is not None:
        # without the model, what is left among the arguments are systems
        data = [Path(name) for name in ([] if model is None else [model])] + (data or [])
    elif model is None:
        raise InputError("There is no model to test; give a model and data, or for potentials -m MODEL -s SYSTEM.")
    elif holds_potential(model) or system or datafile or training_of or validation_of:
        potential = Path(model)
    if potential is None:
        if not data:
            raise InputError(f"There are no densities to compare {model} with; give files or folders with them.")
        test_density(str(model), data, only, output, device)
        return
    from deepaw.cli.potentialtest import FrameChoice, find_test_systems, test_potential

    folders = find_test_systems([*(system or []), *map(str, data or [])], datafile, training_of, validation_of)
    frames = FrameChoice(numb_test or None, shuffle, seed)
    test_potential(find_model(potential), folders, frames, detail_file, precision, atomic)


def test_density(model: str, data: list[Path], only: Path | None, output: Path | None, device: str) -> None:
    """Print figures of every structure; write OUTPUT.csv and OUTPUT.png where an output is given."""
    from deepaw.cli.comparison import print_comparison, print_occupancies
    from deepaw.cli.progress import LateProgress
    from deepaw.density.data.names import read_names, select
    from deepaw.density.data.sources import read_examples
    from deepaw.outputfile import check_output

    # whatever can be wrong with the files is found before anything is computed
    files = [output.with_name(output.name + suffix) for suffix in (".csv", ".png")] if output is not None else []
    for file in files:
        check_output(file)
    examples = read_examples(*data)
    if only is not None:
        examples = select(examples, read_names(only), only)
    with LateProgress("reading") as progress:
        for done, example in enumerate(examples, start=1):
            example.density()
            progress(done, len(examples))

    from deepaw.density.engine import InferenceEngine
    from deepaw.density.evaluation.compare import compare
    from deepaw.density.evaluation.occupancies import compare_occupancies

    engine = InferenceEngine(model=model, device=device)
    with LateProgress("structures") as progress:
        comparisons = compare(engine, examples, progress)
    print_comparison(comparisons)
    occupancies = compare_occupancies(engine, examples)
    print_occupancies(occupancies.elements)
    if files:
        from deepaw.density.evaluation.picture import write_picture
        from deepaw.density.evaluation.table import write_table

        write_table(files[0], comparisons, occupancies)
        write_picture(files[1], comparisons)
        typer.echo(f"Written: {files[0]} and {files[1]}")

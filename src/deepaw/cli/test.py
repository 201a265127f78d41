"""`deepaw test`: a density model beside calculated densities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def test(
    model: Annotated[str, typer.Argument(help="A bundled model or a model file.")],
    data: Annotated[
        list[Path],
        typer.Argument(
            help="ASE databases, extxyz files with npz densities, CHGCAR or cube files, or folders of these."
        ),
    ],
    only: Annotated[
        Path | None, typer.Option(help="A file with the names of the structures to test, one a line.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write OUTPUT.csv and OUTPUT.png.", metavar="OUTPUT")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
) -> None:
    """Compare a density model with calculated densities."""
    from deepaw.cli.comparison import print_comparison
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

    engine = InferenceEngine(model=model, device=device)
    with LateProgress("structures") as progress:
        comparisons = compare(engine, examples, progress)
    print_comparison(comparisons)
    if files:
        from deepaw.density.evaluation.picture import write_picture
        from deepaw.density.evaluation.table import write_table

        write_table(files[0], comparisons)
        write_picture(files[1], comparisons)
        typer.echo(f"Written: {files[0]} and {files[1]}")

"""Reading and writing of model files of all formats, by their suffix."""

from __future__ import annotations

from pathlib import Path

from deepaw.errors import InputError
from deepaw.modelfile import read_metadata
from deepaw.potential.files.checkpoint import read_checkpoint
from deepaw.potential.files.deepmd import read_deepmd, write_deepmd
from deepaw.potential.files.graph.model import read_graph
from deepaw.potential.model.atomic import KIND, AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.model.tensor import TensorModel
from deepaw.potential.nativefile import load_model
from deepaw.potential.prepared import save_prepared
from deepaw.potential.training.checkpoint import load_checkpoint


def _read_pt(path: Path) -> AtomicModel:
    """Read a checkpoint of deepaw or of DeePMD-kit."""
    checkpoint = load_checkpoint(path) if path.is_file() else None
    return read_checkpoint(path) if checkpoint is None else checkpoint.potential(str(path))


READERS = {
    ".safetensors": load_model,
    ".dp": read_deepmd,
    ".yaml": read_deepmd,
    ".yml": read_deepmd,
    ".pt": _read_pt,
    ".pb": read_graph,
    ".pbtxt": read_graph,
}

WRITABLE = (".safetensors", ".dp", ".yaml", ".yml")

FROZEN = (".pth", ".pt2", ".pte", ".savedmodel", ".hlo")
"""Suffixes of DeePMD-kit's frozen models: compiled programs, which cannot be read as models."""


GRAPHS = (".pb", ".pbtxt")
"""Suffixes of TensorFlow's graphs, which are not written."""


def holds_potential(name: str | Path) -> bool:
    """Return whether a file holds a potential rather than a density model, by its suffix or its metadata."""
    path = Path(name)
    if path.suffix != ".safetensors":
        return path.suffix in READERS or path.suffix in FROZEN
    return path.is_file() and read_metadata(path)["kind"] == KIND


def read_model(path: str | Path) -> AtomicModel:
    """Read a model of energies, dipoles or polarizabilities from a native file or one of DeePMD-kit (`READERS`).

    Raises InputError: a frozen model, another suffix, or any error of the readers.
    """
    path = Path(path)
    if path.suffix in FROZEN:
        raise InputError(
            f"{path} is a frozen model, which only DeePMD-kit can open; "
            f"'dp convert-backend {path.name} {path.stem}.dp' turns it into a file that deepaw reads."
        )
    if path.suffix not in READERS:
        raise InputError(f"{path} ends with {path.suffix!r}; a potential is in a file of {', '.join(READERS)}.")
    return READERS[path.suffix](path)


def read_potential(path: str | Path) -> PotentialModel:
    """Read a model of energies. Raises InputError: any error of `read_model`; a model of another quantity."""
    model = read_model(path)
    if not isinstance(model, PotentialModel):
        kind = model.config.fitting_net.type
        raise InputError(f"{path} has a fitting net of type {kind}, which gives no energies and forces.")
    return model


def read_tensor(path: str | Path, kind: str) -> TensorModel:
    """Read a tensor model of type `dipole` or `polar`.

    Raises InputError: any error of `read_model`; a model of another type.
    """
    model = read_model(path)
    if not isinstance(model, TensorModel) or model.config.fitting_net.type != kind:
        raise InputError(f"{path} has a fitting net of type {model.config.fitting_net.type}; {kind} is needed here.")
    return model


def write_potential(path: str | Path, model: AtomicModel) -> None:
    """Write a native file, with its prepared form, or a file for DeePMD-kit, according to the suffix.

    Raises InputError: an unsupported suffix, or a file that cannot be written.
    """
    path = Path(path)
    check_writable(path)
    if path.suffix == ".safetensors":
        save_prepared(model, path)
    else:
        write_deepmd(path, model)


def find_model(path: Path) -> Path:
    """Return the file of a model that may be named without its suffix, as in DeePMD-kit's commands.

    Raises InputError: no file of that name with any suffix of a model.
    """
    if path.suffix in READERS or path.suffix in FROZEN or path.is_file():
        return path
    for suffix in READERS:
        candidate = path.with_name(path.name + suffix)
        if candidate.is_file():
            return candidate
    raise InputError(f"There is no {path}.safetensors, nor {path} with another suffix of a model; give a model file.")


def complete_output(path: Path) -> Path:
    """Return the file to write a model to that may be named without its suffix: `.safetensors` then."""
    has_suffix = path.suffix and not path.suffix[1:].isdigit()
    return path if has_suffix else path.with_name(path.name + ".safetensors")


def check_writable(path: Path) -> None:
    """Raise InputError unless the suffix is one that potentials can be written to."""
    if path.suffix in (*FROZEN, *GRAPHS):
        raise InputError(
            f"{path} would be a program of DeePMD-kit; give {path.with_suffix('.safetensors')}, or "
            f"{path.with_suffix('.dp')} for 'dp convert-backend'."
        )
    if path.suffix not in WRITABLE:
        raise InputError(f"{path} ends with {path.suffix!r}; a potential is written to {', '.join(WRITABLE)}.")

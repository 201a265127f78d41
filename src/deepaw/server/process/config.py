"""What a server is started with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from deepaw.errors import InputError

DENSITY_PRECISIONS = ("tight", "default", "fast")
POTENTIAL_PRECISIONS = ("float64", "float32", "exact")
PUBLISHED = "f_nonlocal.pth"


@dataclass(frozen=True)
class ServerConfig:
    """home: the folder of `Home`. socket: None for the one in it. port: None for no TCP. models: file of each name."""

    home: str
    models: dict[str, str]
    socket: str | None = None
    host: str = "0.0.0.0"
    port: int | None = 8265
    device: str = "cpu"
    density_precision: str = "default"
    potential_precision: str = "float64"
    compile: bool = False
    batch_size: int = 0
    data_dirs: tuple[str, ...] = ()
    require_key: Literal["remote", "always"] = "remote"
    max_atoms: int | None = None
    max_points: int | None = None
    max_body: int | None = None
    max_seconds: float | None = None

    def to_json(self) -> str:
        """For another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ServerConfig:
        """As `to_json` wrote it."""
        values = json.loads(text)
        values["data_dirs"] = tuple(values["data_dirs"])
        return cls(**values)


def find_models(asked: list[str], folder: Path | None) -> dict[str, str]:
    """The file of each model that is asked for; without any, those in the folder, or else the bundled `fast`.

    A model is called by the name of the bundled one, or of its file without what follows the dot.

    Raises InputError: no such model, or two of one name.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(f"--checkpoint-dir {folder} is not a folder.")
    if not asked:
        asked = ["fast"]
        if folder is not None:
            published = (folder / PUBLISHED).is_file()
            asked = [str(folder)] if published else sorted(map(str, folder.glob("*.safetensors")))
            if not asked:
                raise InputError(f"--checkpoint-dir {folder} holds neither *.safetensors nor {PUBLISHED}.")
    found: dict[str, str] = {}
    for name in asked:
        path = _find_model(name, folder)
        if path.stem in found:
            raise InputError(f"Two models are called {path.stem}: {found[path.stem]} and {path}; rename one of them.")
        found[path.stem] = str(path)
    return found


def find_precisions(asked: str) -> tuple[str, str]:
    """Of densities and of potentials, from either or from both with a comma between. Raises InputError."""
    density, potential = "default", "float64"
    for name in filter(None, asked.split(",")):
        if name in DENSITY_PRECISIONS:
            density = name
        elif name in POTENTIAL_PRECISIONS:
            potential = name
        else:
            raise InputError(
                f"--precision is {name!r}; it should be {', '.join(DENSITY_PRECISIONS)} for densities or "
                f"{', '.join(POTENTIAL_PRECISIONS)} for potentials, or one of each with a comma between."
            )
    return density, potential


def _find_model(name: str, folder: Path | None) -> Path:
    bundled = Path(str(files("deepaw") / "models")) / f"{name}.safetensors"
    places = [Path(name), *([folder / name, folder / f"{name}.safetensors"] if folder is not None else []), bundled]
    for place in places:
        if place.exists():
            return place.resolve()
    known = ", ".join(sorted(path.stem for path in bundled.parent.glob("*.safetensors")))
    raise InputError(f"There is no model {name}; give a file or a bundled model ({known}) with --model.")

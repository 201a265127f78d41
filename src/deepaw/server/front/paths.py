"""Files that clients name: over TCP only inside the folders of `--data-dir`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepaw.server.front.errors import RequestError


def resolve_file(name: str, key: str, data_dirs: Sequence[Path], anywhere: bool) -> Path:
    """The file of that name, links followed; relative names are looked for in each folder.

    key: what the request calls it. anywhere: for the owner of the server, who may read it anyway.

    Raises RequestError: 403 for one that lies outside, whether or not it is there; 404 for one that is not a file.
    """
    if "\0" in name:
        raise RequestError(422, "input", f"{key} holds a NUL character; it should be the path of a file.")
    inside = [folder.resolve() for folder in data_dirs]
    absolute = Path(name).is_absolute()
    try:
        places = [Path(name)] if absolute or (anywhere and not inside) else [folder / name for folder in inside]
        found = [place.resolve() for place in places]
        allowed = [place for place in found if anywhere or any(place.is_relative_to(folder) for folder in inside)]
        if not allowed:
            raise RequestError(403, "path", f"{key} is not inside a folder that the server was given with --data-dir.")
        for place in allowed:
            if place.is_file():
                return place
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, no permission
        pass
    raise RequestError(404, "path", f"{key} is not a file that the server can read.")

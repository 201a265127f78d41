"""Densities and potentials from a server, in Python."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.server.client.connection import Connection
from deepaw.server.client.densities import atoms_of, density_message, structure_arrays
from deepaw.server.client.errors import FailedError, ServerError, refusal
from deepaw.server.client.frames import frames_message
from deepaw.server.client.jobs import Progress, followed
from deepaw.server.messages.binary import MEDIA_TYPE, binary_to_dict, message_parts
from deepaw.server.messages.stream import STREAM_TYPE, read_stream
from deepaw.server.process.home import find_home
from deepaw.server.process.instance import find_instance

TIMEOUT = 3600.0
"""Seconds without an answer."""


class DeePAWClient:
    """Asks a server.

    socket_path: its Unix socket; without it and `url`, that of the server in ~/.deepaw or DEEPAW_HOME. url: like
    http://host:8265. api_key: for another machine; without one, DEEPAW_API_KEY. timeout: seconds without an answer.

    Every method raises ServerError (`deepaw.server.client`): NotRunningError, AccessError, RefusedError, BusyError,
    FailedError or TookTooLongError.
    """

    def __init__(
        self,
        socket_path: str | Path | None = None,
        url: str | None = None,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if socket_path is not None and url is not None:
            raise InputError("Give either socket_path or url.")
        path = None if url is not None else Path(socket_path) if socket_path is not None else default_socket()
        self._over_socket = path is not None
        # of several servers behind one address, jobs and kept structures are with one alone
        self._session = {"X-Session-Id": secrets.token_hex(8)}
        self._connection = Connection(path, url, api_key or os.environ.get("DEEPAW_API_KEY"), timeout)

    @property
    def where(self) -> str:
        """The socket or the address."""
        return self._connection.where

    def is_running(self) -> bool:
        """Whether a server takes requests there."""
        try:
            return self._json("GET", "/health")["status"] in ("running", "recovering")
        except ServerError:
            return False

    def status(self) -> dict[str, Any]:
        """State, device, models, queue and memory, as of GET /status."""
        return self._json("GET", "/status")

    def model_info(self) -> list[dict[str, Any]]:
        """The models that are loaded."""
        return self._json("GET", "/model_info")["models"]

    def update_model(self, path: str | Path, name: str | None = None) -> dict[str, Any]:
        """Load another file for a model, or one model more; the old one stays if that fails."""
        place = str(Path(path).absolute()) if self._over_socket and Path(path).exists() else str(path)
        return self._json("POST", "/update_model", {"path": place, **({"name": name} if name else {})}, repeat=False)

    def predict(
        self,
        atoms: Atoms | None = None,
        grid_shape: Sequence[int] | None = None,
        *,
        db_path: str | Path | None = None,
        db_id: int | None = None,
        structure: str | None = None,
        model: str | None = None,
        raw: bool = False,
        occupancies: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """The density on a grid.

        Args:
            atoms, grid_shape: a structure, or the handle `structure` of one, and (nx, ny, nz); or
            db_path, db_id: a row of an ASE database that the server can read.
            model: the name of one of several.
            raw: keep the number of electrons as predicted.
            occupancies: also the blocks of PAW occupancies of a CHGCAR, if the model knows them.
            progress: called with (points done, points to do); Ctrl-C cancels the job on the server.

        Returns:
            density_3d (nx, ny, nz), float32, e/A^3; density_flat, the same (nx ny nz,); atoms; grid_shape; elapsed,
            seconds in the engine; model, the hash of the one that gave it; electrons_predicted, electrons_exact, scale
            points_evaluated and outside_training as of `deepaw.density.engine.PredictionSummary`; magnetisation_3d or
            None; occupancies, a map with their `text`, or None.
        """
        place = self._place(db_path)
        message = density_message(
            atoms,
            structure,
            place,
            db_id,
            model=model,
            raw=raw,
            grid_shape=grid_shape,
            occupancies=occupancies or None,
        )
        found = (
            self._infer(message) if progress is None else followed(self._connection, message, self._session, progress)
        )
        density = found.pop("density")
        row = found.pop("atoms", None)
        return {
            **found,
            "density_3d": density,
            "density_flat": density.reshape(-1),
            "magnetisation_3d": found.pop("magnetisation", None),
            "occupancies": found.pop("occupancies", None),
            "atoms": atoms if row is None else atoms_of(row),
            "grid_shape": density.shape,
        }

    def predict_at(
        self,
        atoms: Atoms | None,
        points: ArrayLike,
        *,
        structure: str | None = None,
        model: str | None = None,
    ) -> np.ndarray:
        """The density, not scaled, at points (n, 3) in A: (n,) float32, e/A^3; (n, 2) with spin."""
        places = np.asarray(points, dtype=np.float64)
        found = self._infer(density_message(atoms, structure, model=model, points=places))
        spin = found.get("magnetisation")
        return found["density"] if spin is None else np.stack([found["density"], spin], axis=-1)

    def predict_chgcar(self, path: str | Path, atoms: Atoms | None = None, **asked: Any) -> dict[str, Any]:
        """As `predict`, and written as a CHGCAR, with PAW occupancies if the model knows them for all atoms."""
        from deepaw.density.files.augmentation import Augmentation
        from deepaw.density.files.chgcar import write_chgcar

        found = self.predict(atoms, **{"occupancies": True, **asked})
        spin, text = found["magnetisation_3d"], (found["occupancies"] or {}).get("text")
        augmentation = None if text is None else Augmentation(tuple(found["atoms"].symbols), text)
        magnetisation = None if spin is None else [spin]
        write_chgcar(path, found["atoms"], found["grid_shape"], [found["density_3d"]], magnetisation, augmentation)
        return found

    def stream(
        self,
        atoms: Atoms,
        grid_shape: Sequence[int],
        *,
        model: str | None = None,
        raw: bool = False,
        occupancies: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The density on a grid that need not fit into memory, in pieces.

        Yields maps with `offset` and `values`, (n,) or (n, 2) with spin, of the points in C order, not scaled; the
        last has `end`, what `predict` returns besides the density, with `scale`. Closing the iterator cancels.
        """
        message = density_message(atoms, model=model, raw=raw, grid_shape=grid_shape, occupancies=occupancies or None)
        headers = {"Content-Type": MEDIA_TYPE, "Accept": STREAM_TYPE}
        try:
            with self._connection.stream("POST", "/infer", message_parts(message), headers) as response:
                for piece in read_stream(response.read):
                    if progress is not None and "progress" in piece:
                        progress(*piece["progress"])
                    if "error" in piece:
                        raise refusal(piece.get("status", 500), piece["error"])
                    if "values" in piece or "end" in piece:
                        yield piece
        except OSError as error:
            raise FailedError(f"The server on {self.where} broke the stream off: {error}.") from None

    def eval(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None = None,
        atype: ArrayLike | None = None,
        *,
        numbers: ArrayLike | None = None,
        pbc: Sequence[bool] | bool = True,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        model: str | None = None,
    ) -> tuple[np.ndarray, ...]:
        """Energy (nframes, 1), eV, force (nframes, natoms, 3), eV/A, and virial (nframes, 9), eV, of a potential.

        With `atomic` also energies (nframes, natoms, 1) and virials (nframes, natoms, 9) of atoms. Arrays and shapes
        are those of `deepaw.infer.DeepPot.eval`; in place of types, atomic `numbers` (natoms,) may be given.
        """
        given = frames_message(
            "potential", coord, cell, atype, numbers, pbc, (fparam, aparam), atomic=atomic, model=model
        )
        found = self._infer(given)
        nframes = len(given["coord"])
        result = (found["energy"].reshape(nframes, 1), found["force"], found["virial"].reshape(nframes, 9))
        if not atomic:
            return result
        return (*result, found["atom_energy"][:, :, None], found["atom_virial"].reshape(nframes, -1, 9))

    def eval_tensor(
        self,
        kind: Literal["dipole", "polar"],
        coord: ArrayLike,
        cell: ArrayLike | None = None,
        atype: ArrayLike | None = None,
        *,
        numbers: ArrayLike | None = None,
        pbc: Sequence[bool] | bool = True,
        atomic: bool = False,
        derivatives: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        model: str | None = None,
    ) -> dict[str, Any]:
        """Dipoles or polarizabilities: `tensor` (nframes, n) of n = 3 or 9 components, with `model` and `elapsed`.

        With `derivatives` also `force` (nframes, n, natoms, 3) and `virial` (nframes, n, 3, 3) of each component; with
        `atomic` also `atom_tensor` (nframes, natoms, n), and with both `atom_virial` (nframes, n, natoms, 3, 3). Signs
        are those of `deepaw.infer.DeepDipole.eval_full`; arguments as of `eval`.
        """
        wanted = {"atomic": atomic, "derivatives": derivatives, "model": model}
        return self._infer(frames_message(kind, coord, cell, atype, numbers, pbc, (fparam, aparam), **wanted))

    def keep(self, atoms: Atoms) -> str:
        """A handle that stands for a structure until the server gives it up for others."""
        body = message_parts({"atoms": structure_arrays(atoms)})
        _, found = self._connection.ask("POST", "/structures", body, {"Content-Type": MEDIA_TYPE, **self._session})
        return str(json.loads(found)["handle"])

    def close(self) -> None:
        """Close the connection of this thread."""
        self._connection.close()

    def __enter__(self) -> DeePAWClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, path: str | Path | None) -> str | None:
        """Of a file, as the server finds it."""
        return None if path is None else str(Path(path).absolute()) if self._over_socket else str(path)

    def _infer(self, message: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": MEDIA_TYPE, **(self._session if "structure" in message else {})}
        _, body = self._connection.ask("POST", "/infer", message_parts(message), headers)
        return binary_to_dict(body)

    def _json(self, method: str, path: str, body: Any = None, *, repeat: bool = True) -> Any:
        return self._connection.ask_json(method, path, body, self._session, repeat=repeat)


def default_socket() -> Path:
    """Of the server in ~/.deepaw, or DEEPAW_HOME, wherever it listens."""
    home = find_home()
    live = find_instance(home)
    return home.socket if live is None else live.socket

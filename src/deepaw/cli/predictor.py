"""Who answers `deepaw-predict`: a server, or this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deepaw.errors import InputError

if TYPE_CHECKING:
    from deepaw.density.engine import PredictionSummary
    from deepaw.density.engine.prepared import Progress
    from deepaw.density.files.output import Output
    from deepaw.density.request import PredictRequest


class Predictor(Protocol):
    """said: by whom the density was predicted, once it is."""

    @property
    def said(self) -> str: ...

    def answer(self, request: PredictRequest, output: Output | None, progress: Progress) -> PredictionSummary:
        """Predict what is asked for and write it to `output`, if there is one."""


class InProcess:
    """This process, with a model of its own."""

    said = "in this process"

    def __init__(self, model: str | None, device: str | None, precision: str | None) -> None:
        from deepaw.density.engine import InferenceEngine

        self._engine = InferenceEngine(model or "fast", device or "cpu", precision or "default")

    def answer(self, request: PredictRequest, output: Output | None, progress: Progress) -> PredictionSummary:
        from deepaw.density.predict import answer

        return answer(self._engine, request, output, progress)


def choose_predictor(
    *,
    local: bool,
    socket: Path | None,
    url: str | None,
    api_key: str | None,
    model: str | None,
    device: str | None,
    precision: str | None,
) -> Predictor:
    """A server where one is named, or runs in ~/.deepaw and nothing is asked for that it may not have.

    Raises InputError: options that do not go together, a model that is not there, no server where one was named.
    """
    named = [name for name, value in (("--socket", socket), ("--url", url)) if value is not None]
    if len(named) + local > 1:
        raise InputError(f"{' and '.join([*named, *(['--local'] if local else [])])} exclude one another; give one.")
    of_engine = [name for name, value in (("--device", device), ("--precision", precision)) if value is not None]
    if named and of_engine:
        raise InputError(f"{of_engine[0]} is a matter of the server's start; leave it out, or predict with --local.")
    if not named and (local or of_engine or model is not None or not _runs_here()):
        return InProcess(model, device, precision)
    from deepaw.server.client.prediction import Served

    return Served(socket, url, api_key, model)


def _runs_here() -> bool:
    try:
        from deepaw.server.process.home import find_home
        from deepaw.server.process.instance import find_instance
    except ImportError:  # no file locks on this system, and so no server
        return False
    return find_instance(find_home()) is not None

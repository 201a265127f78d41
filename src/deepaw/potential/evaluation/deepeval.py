"""What models for other programs have in common, whatever they predict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.potential.engine.base import Engine
from deepaw.potential.evaluation.frames import VIRTUAL, read_frames
from deepaw.potential.model.atomic import AtomicModel

Model = TypeVar("Model", bound=AtomicModel)
EngineOfModel = TypeVar("EngineOfModel", bound=Engine[Any, Any])


class DeepEval(Generic[Model, EngineOfModel]):
    """A model that takes frames as arrays: what the methods named as in DeePMD-kit say of it."""

    def __init__(self, model: Model, engine: EngineOfModel) -> None:
        self._model, self._engine = model, engine

    def eval_descriptor(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> np.ndarray:
        """Descriptors (nframes, natoms, width), float64, by the equations whatever the precision; arrays as in `eval`.

        fparam and aparam are taken for DeePMD-kit's sake: descriptors do not depend on them, unless aparam is a mask.
        """
        config = self._model.config.fitting_net
        fparam = np.zeros(config.numb_fparam) if fparam is None and config.numb_fparam else fparam
        aparam = np.zeros(config.numb_aparam) if aparam is None and config.seen_aparam else aparam
        frames = read_frames(self._model, coord, cell, atype, fparam, aparam, mixed_type=mixed_type)
        result = np.zeros((*frames.types.shape, self._model.descriptor.width))
        for index in range(len(frames)):
            real = frames.types[index] != VIRTUAL
            with naming(index, len(frames)):
                result[index, real] = self._engine.descriptors(frames.frame(index)).numpy()
        return result

    def get_rcut(self) -> float:
        """A, beyond which atoms do not see each other."""
        return self._model.rcut

    def get_type_map(self) -> list[str]:
        """The name of each type."""
        return list(self._model.type_map)

    def get_ntypes(self) -> int:
        """How many types there are."""
        return len(self._model.type_map)

    def get_sel(self) -> list[int]:
        """Neighbours of each type that the descriptor counts with."""
        return list(self._model.descriptor.sel)

    def get_dim_fparam(self) -> int:
        """Parameters of a frame."""
        return self._model.config.fitting_net.numb_fparam

    def get_dim_aparam(self) -> int:
        """Parameters of an atom."""
        return self._model.config.fitting_net.numb_aparam

    def has_default_fparam(self) -> bool:
        """Whether fparam may be left out though the model has some."""
        return self._model.config.fitting_net.default_fparam is not None

    def get_sel_type(self) -> list[int]:
        """The types whose atoms have what is predicted: of `sel_type`, and none of `atom_exclude_types`."""
        return list(self._model.selected)

    def get_descriptor_type(self) -> str:
        """That of the section, such as se_e2_a or hybrid."""
        return self._model.config.descriptor.type

    @property
    def has_efield(self) -> bool:
        """Whether it takes an electric field: no."""
        return False

    @property
    def has_spin(self) -> bool:
        """Whether it takes spins: no."""
        return False

    @property
    def has_hessian(self) -> bool:
        """Whether `eval` gives second derivatives: no."""
        return False

    def get_ntypes_spin(self) -> int:
        """Types with a spin: 0."""
        return 0

    def get_model_def_script(self) -> dict[str, Any]:
        """The section `model` of the input file, with all defaults."""
        return self._model.config.model_dump(mode="json")

    def get_model_size(self) -> dict[str, int]:
        """Numbers of weights."""
        sizes = {
            "descriptor": sum(parameter.numel() for parameter in self._model.descriptor.parameters()),
            "fitting-net": sum(parameter.numel() for parameter in self._model.fitting.parameters()),
        }
        return sizes | {"total": sum(sizes.values())}

    def get_model(self) -> Model:
        """The model."""
        return self._model


@contextmanager
def naming(frame: int, nframes: int) -> Iterator[None]:
    """Errors say which of several frames they are about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"frame {frame + 1}: {error}" if nframes > 1 else str(error)) from None

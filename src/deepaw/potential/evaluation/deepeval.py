"""Base class of the Python interfaces to models (`deepaw.infer`), with methods named as in DeePMD-kit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.modelsource import ModelSource, copied, source_of
from deepaw.potential.engine.base import Engine
from deepaw.potential.evaluation.frames import VIRTUAL, read_frames
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.typenames import has_names

Model = TypeVar("Model", bound=AtomicModel)
EngineOfModel = TypeVar("EngineOfModel", bound=Engine[Any, Any])


class DeepEval(Generic[Model, EngineOfModel]):
    """Interface to a model for frames given as arrays: descriptors and properties of the model.

    Copies share the model. A pickle holds the path and SHA-256 of the model's file, which is opened again.
    """

    def __init__(self, model: Model, engine: EngineOfModel) -> None:
        self._model, self._engine = model, engine

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (type(self), source_of(self, self._engine.source), self._engine.precision)

    def __copy__(self) -> Self:
        twin = copied(self)
        twin._engine = copy.copy(self._engine)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    def eval_descriptor(
        self,
        coord: ArrayLike,
        cell: ArrayLike | None,
        atype: ArrayLike,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
    ) -> np.ndarray:
        """Compute descriptors (nframes, natoms, width), float64, by the exact evaluation in every precision.

        Arrays as for `eval`. fparam and aparam are accepted for compatibility with DeePMD-kit: descriptors do not
        depend on them, unless aparam is a mask.
        """
        config = self._model.config.fitting_net
        fparam = np.zeros(config.numb_fparam) if fparam is None and config.numb_fparam else fparam
        aparam = np.zeros(config.numb_aparam) if aparam is None and config.numb_aparam_inputs else aparam
        frames = read_frames(self._model, coord, cell, atype, fparam, aparam, mixed_type=mixed_type)
        result = np.zeros((*frames.types.shape, self._model.descriptor.width))
        for index in range(len(frames)):
            real = frames.types[index] != VIRTUAL
            with errors_with_frame(index, len(frames)):
                result[index, real] = self._engine.descriptors(frames.frame(index)).numpy()
        return result

    def get_rcut(self) -> float:
        """Return the cutoff radius, A."""
        return self._model.rcut

    def get_type_map(self) -> list[str]:
        """Return the name of each type; empty, as in DeePMD-kit, where types are numbers without names."""
        return list(self._model.type_map) if has_names(self._model.type_map) else []

    def get_ntypes(self) -> int:
        """Return the number of types."""
        return len(self._model.type_map)

    def get_sel(self) -> list[int]:
        """Return `sel`, the number of neighbours of each type in the descriptor."""
        return list(self._model.descriptor.sel)

    def get_dim_fparam(self) -> int:
        """Return the number of frame parameters."""
        return self._model.config.fitting_net.numb_fparam

    def get_dim_aparam(self) -> int:
        """Return the number of atomic parameters."""
        return self._model.config.fitting_net.numb_aparam

    def has_default_fparam(self) -> bool:
        """Return whether fparam may be omitted for a model with frame parameters."""
        return self._model.config.fitting_net.default_fparam is not None

    def get_sel_type(self) -> list[int]:
        """Return the types whose atoms have the predicted quantity: in `sel_type` and not in `atom_exclude_types`."""
        return list(self._model.selected_types)

    def get_descriptor_type(self) -> str:
        """Return the type of the descriptor in the input file, such as se_e2_a or hybrid."""
        return self._model.config.descriptor.type

    @property
    def has_efield(self) -> bool:
        """Whether the model takes an electric field: no."""
        return False

    @property
    def has_spin(self) -> bool:
        """Whether the model takes spins: no."""
        return False

    @property
    def has_hessian(self) -> bool:
        """Whether `eval` returns second derivatives: no."""
        return False

    def get_ntypes_spin(self) -> int:
        """Return the number of types with a spin: 0."""
        return 0

    def get_model_def_script(self) -> dict[str, Any]:
        """Return the section `model` of the input file, with all defaults."""
        return self._model.config.model_dump(mode="json")

    def get_model_size(self) -> dict[str, int]:
        """Return the numbers of weights of the descriptor, of the fitting nets, and in total."""
        sizes = {
            "descriptor": sum(parameter.numel() for parameter in self._model.descriptor.parameters()),
            "fitting-net": sum(parameter.numel() for parameter in self._model.fitting.parameters()),
        }
        return sizes | {"total": sum(sizes.values())}

    def get_model(self) -> Model:
        """Return the model."""
        return self._model


def _opened(kind: Callable[[str, str], Any], source: ModelSource[Any], precision: str) -> Any:
    """Open the model of a pickled interface again."""
    source.check()
    return kind(source.path, precision)


@contextmanager
def errors_with_frame(frame: int, nframes: int) -> Iterator[None]:
    """Prefix the messages of InputErrors with the number of the frame if there are several."""
    try:
        yield
    except InputError as error:
        raise InputError(f"frame {frame + 1}: {error}" if nframes > 1 else str(error)) from None

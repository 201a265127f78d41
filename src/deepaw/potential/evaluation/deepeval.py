"""Base class of the Python interfaces to models (`deepaw.infer`), with methods named as in DeePMD-kit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, cast

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike

from deepaw.errors import InputError
from deepaw.modelsource import ModelSource, copied, open_model, source_of
from deepaw.potential.engine.base import Engine
from deepaw.potential.evaluation.frames import VIRTUAL, read_frames
from deepaw.potential.files.formats import read_model
from deepaw.potential.fitting.polar import PolarFitting
from deepaw.potential.model.atomic import AtomicModel
from deepaw.potential.model.energy import PotentialModel
from deepaw.potential.typenames import has_names

Model = TypeVar("Model", bound=AtomicModel)
EngineOfModel = TypeVar("EngineOfModel", bound=Engine[Any, Any])


class DeepEval(Generic[Model, EngineOfModel]):
    """Interface to a model for frames given as arrays: descriptors and properties of the model.

    Copies share the model. A pickle holds the path and SHA-256 of the model's file, which is opened again.

    DeepEval(model_file) makes an object of the subclass for the model, as in DeePMD-kit.

    model_file: a file (.safetensors, .dp, .yaml, .pb, or a .pt checkpoint), or a model. precision: float64, within 1e-8
    of the equations; float32; or exact, the equations themselves. neighbor_list, head: None. auto_batch_size: accepted
    for programs that were written for DeePMD-kit; frames are evaluated one after the other, in pieces, whatever it is.

    Raises InputError: what reading the file raises; a model of another kind than the class is for; no such precision;
    another neighbor_list or head.
    """

    kind: ClassVar[str]
    """Type of the fitting net that a subclass is for."""

    _subclasses: ClassVar[dict[str, type[DeepEval[Any, Any]]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kind" in vars(cls):
            cls._subclasses[cls.kind] = cls

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        if cls is not DeepEval:
            return super().__new__(cls)
        model_file = arguments[0] if arguments else options["model_file"]
        model = model_file if isinstance(model_file, AtomicModel) else read_model(model_file)
        return cast(Self, super().__new__(cls._subclasses[model.config.fitting_net.type]))

    def __init__(
        self,
        model_file: str | Path | AtomicModel,
        precision: str = "float64",
        *,
        auto_batch_size: bool | int = True,
        neighbor_list: None = None,
        head: None = None,
    ) -> None:
        if neighbor_list is not None:
            raise InputError("neighbor_list is given; neighbour lists are made here, leave it out.")
        if head is not None:
            raise InputError(f"head is {head!r}; a model has one fitting net, leave it out.")
        source: ModelSource[Model] | None = None
        if isinstance(model_file, AtomicModel):
            self._model = self._checked(model_file)
        else:
            self._model, source = open_model(model_file, self._reader())
        self._engine = self._make_engine(self._model, precision, source)

    def _reader(self) -> Callable[[str], Model]:
        """Return the function that reads a model of the right kind from a file, by whose name it can be pickled."""
        raise NotImplementedError

    def _checked(self, model: AtomicModel) -> Model:
        """Return a model that is of the right kind. Raises InputError: another kind."""
        raise NotImplementedError

    def _make_engine(self, model: Model, precision: str, source: ModelSource[Model] | None) -> EngineOfModel:
        """Return the engine of a model. Raises InputError: no such precision."""
        raise NotImplementedError

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
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        dtype: Literal["native", "fp64", "fp32"] = "native",
    ) -> np.ndarray:
        """Compute descriptors (nframes, natoms, width) by the exact evaluation in every precision.

        Arrays as for `eval`. dtype: of the result, float64 or float32 (fp32). fparam and aparam are accepted for
        compatibility with DeePMD-kit: descriptors do not depend on them, unless aparam is a mask.
        """
        config = self._model.config.fitting_net
        fparam = np.zeros(config.numb_fparam) if fparam is None and config.numb_fparam else fparam
        aparam = np.zeros(config.numb_aparam) if aparam is None and config.numb_aparam_inputs else aparam
        frames = read_frames(self._model, coords, cells, atom_types, fparam, aparam, mixed_type=mixed_type)
        result = np.zeros((*frames.types.shape, self._model.descriptor.width), _dtype(dtype))
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

    def get_observed_types(self) -> dict[str, Any]:
        """Return the number and the sorted names of the types in the training data, as type_num and observed_type.

        These are the types whose energy or shift differs from 0 by more than 1e-6, as in DeePMD-kit. Raises
        InputError: a model of dipoles, which has neither.
        """
        if isinstance(self._model, PotentialModel):
            values = self._model.bias
        elif isinstance(self._model.fitting, PolarFitting):
            values = self._model.fitting.shift
        else:
            raise InputError("a model of dipoles does not say which types were in its training data.")
        names = [name for name, value in zip(self._model.type_map, values.tolist(), strict=True) if abs(value) > 1e-6]
        names.sort(key=lambda name: atomic_numbers.get(name, len(atomic_numbers)))
        return {"type_num": len(names), "observed_type": names}

    def get_model(self) -> Model:
        """Return the model."""
        return self._model


def _opened(kind: Callable[[str, str], Any], source: ModelSource[Any], precision: str) -> Any:
    """Open the model of a pickled interface again."""
    source.check()
    return kind(source.path, precision)


def _dtype(name: str) -> type[np.floating]:
    dtypes: dict[str, type[np.floating]] = {"native": np.float64, "fp64": np.float64, "fp32": np.float32}
    if name not in dtypes:
        raise InputError(f"dtype is {name!r}; it should be native, fp64 or fp32.")
    return dtypes[name]


@contextmanager
def errors_with_frame(frame: int, nframes: int) -> Iterator[None]:
    """Prefix the messages of InputErrors with the number of the frame if there are several."""
    try:
        yield
    except InputError as error:
        raise InputError(f"frame {frame + 1}: {error}" if nframes > 1 else str(error)) from None

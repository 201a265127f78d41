"""The JSON of requests and answers, as the OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(allow_inf_nan=False)]
Vector = Annotated[list[Number], Field(min_length=3, max_length=3, description="A")]
Grid = Annotated[
    list[Annotated[int, Field(ge=1, le=100_000)]],
    Field(min_length=3, max_length=3, description="Points along each cell vector"),
]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class Form(BaseModel):
    """Types are taken as they are and unknown keys refused, so that a slip of the pen is not passed over."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AtomsForm(Form):
    """A structure. Without periodicity the cell may be left out where no grid is asked for."""

    numbers: list[Annotated[int, Field(ge=1, le=118)]] = Field(min_length=1, description="Atomic numbers")
    positions: list[Vector] = Field(min_length=1, description="Å")
    cell: list[Vector] | None = Field(None, min_length=3, max_length=3, description="Å; rows are the vectors")
    pbc: bool | Annotated[list[bool], Field(min_length=3, max_length=3)] = True


class PredictForm(Form):
    """One structure, either `db_path` with `db_id`, or `atoms` with `grid_shape`."""

    db_path: str | None = Field(None, min_length=1, max_length=4096, description="An ASE database")
    db_id: int | None = Field(None, ge=1, le=2**53, description="A row of it")
    atoms: AtomsForm | None = None
    grid_shape: Grid | None = Field(None, description="With a row: instead of the row's own grid")
    model: Id | None = Field(None, description="One of several models; see /model_info")
    raw: bool = Field(False, description="Keep the number of electrons as predicted")
    include_uncertainty: bool = Field(False, description="Only false, unless a model can")
    wait: bool = Field(True, description="False: answer with the id of a job at once")


class AtomsAnswer(BaseModel):
    numbers: list[int]
    positions: list[list[float]]
    cell: list[list[float]]
    pbc: list[bool]


class DensityForm(BaseModel):
    """A density on a grid."""

    density_b64: str = Field(description="Base64 of little-endian float32, e/Å³, C order (last index fastest)")
    grid_shape: list[int]
    atoms: AtomsAnswer
    elapsed: float = Field(description="Seconds in the engine")
    model: str = Field(description="SHA-256 of the file of the model that gave it")
    electrons_predicted: float | None = Field(description="Integral before scaling")
    electrons_exact: float | None = Field(description="What the valence of the elements adds up to")
    scale: float = Field(description="What the density was multiplied by")
    points_evaluated: int = Field(description="The others follow by symmetry")
    outside_training: list[str] = Field(description="What lies outside the model's training data, a phrase each")
    magnetisation_b64: str | None = Field(None, description="Of a model with spin")


class ModelForm(BaseModel):
    """A model that is loaded."""

    name: str
    hash: str = Field(description="SHA-256 of its file")
    kind: Literal["density", "potential", "dipole", "polar"]
    elements: list[str]
    cutoff: float = Field(description="Å")
    loaded_in: float = Field(description="Seconds")
    spin: bool
    numb_fparam: int
    numb_aparam: int


class ModelsForm(BaseModel):
    models: list[ModelForm]


class UpdateForm(Form):
    """Another file for a model, or one model more."""

    path: str = Field(min_length=1, max_length=4096, description="A model file, or the name of a bundled model")
    name: Id | None = Field(None, description="The model that it replaces; default: the first one")


class StatusForm(BaseModel):
    """The state of the server; only `status` for those who have no key."""

    status: str = Field(description="starting, running, recovering or stopping")
    pid: int | None = None
    device: str | None = None
    precision: str | None = None
    cuda_available: bool | None = None
    use_compile: bool | None = None
    use_dual_model: bool | None = Field(None, description="Whether both densities and potentials are served")
    data_batch_size: int | None = None
    version: str | None = None
    uptime: float | None = Field(None, description="Seconds")
    models: list[ModelForm] | None = None
    queue: dict[str, int] | None = Field(None, description="queued, running, points, atoms")
    served: dict[str, int] | None = Field(None, description="Requests by how they ended")
    memory: dict[str, int] | None = Field(None, description="Bytes: workers, device, structures")
    restarts: int | None = Field(None, description="Of the worker")


class StructureForm(BaseModel):
    handle: str = Field(description="Stands for the structure until it is given up for others")
    natoms: int


class KeepForm(Form):
    atoms: AtomsForm


class JobForm(BaseModel):
    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int = Field(description="Points or atoms")
    total: int
    error: str | None = None


class ErrorForm(BaseModel):
    """What went wrong."""

    error: str


def openapi_message(description: str) -> dict[str, Any]:
    """How a binary message is described in the OpenAPI document."""
    return {"schema": {"type": "string", "format": "binary", "description": description}}

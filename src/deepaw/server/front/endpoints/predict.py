"""POST /predict and /v1/predict: a density on a grid, JSON in and out."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from deepaw.density.grid import check_shape, grid_of_row
from deepaw.errors import InputError
from deepaw.server.front.access import over_socket
from deepaw.server.front.answers import density_json
from deepaw.server.front.context import context_of
from deepaw.server.front.paths import resolve_file
from deepaw.server.front.structures import check_grid, row_of, structure_of_atoms, structure_of_form
from deepaw.server.front.waiting import respond
from deepaw.server.messages.forms import DensityForm, JobForm, PredictForm
from deepaw.server.scheduler.interface import Answer, DensityAnswer, DensityWork, Shape, Structure

router = APIRouter(tags=["predictions"])

LATER: dict[int | str, dict[str, Any]] = {202: {"model": JobForm, "description": "With wait: false"}}


@router.post("/predict", response_model=DensityForm, responses=LATER)
@router.post("/v1/predict", response_model=DensityForm, responses=LATER)
async def predict(request: Request, form: PredictForm) -> Response:
    """The density of a row of a database, or of atoms, on a grid."""
    if form.include_uncertainty:
        raise InputError("include_uncertainty is true, and no model of this server predicts uncertainties; send false.")
    structure, shape = await _asked(request, form)
    check_grid(shape, context_of(request).config.limits, streamed=False)
    work = DensityWork(structure, shape, model=form.model, raw=form.raw)
    return await respond(request, work, form.wait, partial(_rendered, structure))


async def _asked(request: Request, form: PredictForm) -> tuple[Structure, Shape]:
    """The structure and the grid."""
    config = context_of(request).config
    if (form.db_path is None) == (form.atoms is None):
        raise InputError("One structure is needed: either db_path with db_id, or atoms with grid_shape.")
    if form.atoms is not None:
        if form.db_id is not None:
            raise InputError("db_id goes with db_path, not with atoms.")
        if form.grid_shape is None:
            raise InputError("grid_shape is needed with atoms: points along each cell vector, as [80, 80, 80].")
        structure = await structure_of_form(form.atoms, config.limits, box=True)
        return structure, check_shape(form.grid_shape, "grid_shape")
    if form.db_id is None:
        raise InputError("db_id is needed with db_path: the row of the database.")
    assert form.db_path is not None
    path = resolve_file(form.db_path, "db_path", config.data_dirs, anywhere=over_socket(request.scope))
    row = await row_of(path, form.db_id, "db_path", config.limits)
    given = form.grid_shape
    if given is None and row.grid_shape is None:
        raise InputError(f"Row {form.db_id} of db_path has no grid (nx, ny, nz); give grid_shape.")
    shape = check_shape(given, "grid_shape") if given else grid_of_row(row.grid_shape, "db_path", form.db_id).shape
    return structure_of_atoms(row.atoms), shape


def _rendered(structure: Structure, answer: Answer) -> Response:
    assert isinstance(answer, DensityAnswer)
    return density_json(structure, answer)

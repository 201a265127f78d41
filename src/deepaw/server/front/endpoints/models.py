"""GET /model_info and POST /update_model."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request

from deepaw.errors import InputError
from deepaw.server.front.access import over_socket
from deepaw.server.front.context import Context, context_of
from deepaw.server.front.errors import RequestError
from deepaw.server.front.paths import resolve_file
from deepaw.server.messages.forms import ModelForm, ModelsForm, UpdateForm
from deepaw.server.scheduler.interface import ModelInfo

router = APIRouter(tags=["models"])


@router.get("/model_info", response_model=ModelsForm)
async def model_info(request: Request) -> ModelsForm:
    """The models that are loaded; the first of a kind answers requests that name none."""
    return ModelsForm(models=[model_form(model) for model in context_of(request).scheduler.models()])


@router.post("/update_model", response_model=ModelForm)
async def update_model(request: Request, form: UpdateForm) -> ModelForm:
    """Load, check and try a model beside the running one and swap; the old one stays if anything fails."""
    context = context_of(request)
    if context.config.replica:
        raise RequestError(
            409, "replica", "This is one of several replicas; 'deepaw-server ray' with other models replaces them all."
        )
    name = form.name or _first(context)
    path = bundled(form.path)
    if path is None:
        path = resolve_file(form.path, "path", context.config.data_dirs, anywhere=over_socket(request.scope))
    try:
        return model_form(await context.scheduler.update_model(name, str(path)))
    except InputError as error:
        raise InputError(str(error).replace(str(path), "path")) from None


def model_form(model: ModelInfo) -> ModelForm:
    """What clients are told of a model: all but where its file lies."""
    return ModelForm(
        name=model.name,
        hash=model.hash,
        kind=model.kind,
        elements=list(model.elements),
        cutoff=model.cutoff,
        loaded_in=model.loaded_in,
        spin=model.spin,
        numb_fparam=model.numb_fparam,
        numb_aparam=model.numb_aparam,
    )


def bundled(name: str) -> Path | None:
    """The file of a bundled model."""
    folder = Path(str(files("deepaw") / "models"))
    return next((file for file in folder.glob("*.safetensors") if file.stem == name), None)


def _first(context: Context) -> str:
    models = context.scheduler.models()
    if not models:
        raise RequestError(503, "not_ready", "The server has no model yet.", {"Retry-After": "1"})
    return models[0].name

"""POST /structures: a handle that keeps the atoms' part of a structure for a while."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from deepaw.server.front.context import context_of
from deepaw.server.front.fields import Fields
from deepaw.server.front.reading import JSON, read_message
from deepaw.server.front.structures import structure_of_fields
from deepaw.server.messages.binary import MEDIA_TYPE
from deepaw.server.messages.forms import AtomsForm, StructureForm, openapi_message

router = APIRouter(tags=["predictions"])

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["atoms"],
    "properties": {"atoms": AtomsForm.model_json_schema()},
    "additionalProperties": False,
}
REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: openapi_message("A map with `atoms`, as of /infer"), JSON: {"schema": SCHEMA}},
    }
}


@router.post("/structures", response_model=StructureForm, openapi_extra=REQUEST)
async def keep(request: Request) -> StructureForm:
    """Keep a structure: /infer takes the handle in place of atoms. The least recently used are given up for others."""
    context = context_of(request)
    message, _ = await read_message(request, context.config.limits.message)
    fields = Fields(message)
    structure = await structure_of_fields(fields.map("atoms"), context.config.limits, box=False)
    fields.finish("a structure to keep")
    return StructureForm(handle=context.scheduler.keep(structure), natoms=len(structure.numbers))

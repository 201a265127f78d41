"""GET /: a page to look at a density."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

PAGE = Path(__file__).parent.parent / "page.html"
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"


@router.get("/")
async def page() -> Response:
    """One file that loads nothing from elsewhere."""
    return Response(PAGE.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": POLICY})

"""The API's documentation page, from a package and not from a CDN; its one script is a file of ours."""

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from swagger_ui_bundle import swagger_ui_path

from app.web.page import page
from app.web.static import CachedFiles

router = APIRouter(include_in_schema=False)
OPENAPI = "/api/openapi.json"
UI = "/api/docs/ui"


@router.get("/api/docs")
def docs(request: Request) -> HTMLResponse:
    """Swagger UI over our OpenAPI."""
    return page(request, "docs.html", openapi=OPENAPI, ui=UI)


def mount(app: FastAPI) -> None:
    """Serve Swagger UI's own files."""
    app.mount(UI, CachedFiles(directory=str(swagger_ui_path)), name="swagger-ui")

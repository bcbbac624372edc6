"""The API's documentation page, from a package and not from a CDN; its one script is a file of ours.

Of the package only the files are used: Swagger UI 5, the first that reads OpenAPI 3.1.
"""

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from app.web.http.page import page
from app.web.http.static import CachedFiles

router = APIRouter(include_in_schema=False)
OPENAPI = "/api/openapi.json"
UI = "/api/docs/ui"


@router.get("/api/docs")
def docs(request: Request) -> HTMLResponse:
    """Swagger UI over our OpenAPI."""
    return page(request, "docs.html", openapi=OPENAPI, ui=UI)


def mount(app: FastAPI) -> None:
    """Serve Swagger UI's own files."""
    app.mount(UI, CachedFiles(packages=[("fastapi_offline", "static")]), name="swagger-ui")

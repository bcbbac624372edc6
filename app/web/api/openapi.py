"""OpenAPI: the error responses that routes declare, and the documentation page at `/api/docs`.

The page is Swagger UI from a package, not from a CDN; its one script is a file of ours. Of the package only the files
are used: Swagger UI 5, the first that reads OpenAPI 3.1.
"""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from app.web.api.schemas import Problem
from app.web.http.page import CachedFiles, page

router = APIRouter(include_in_schema=False)
OPENAPI = "/api/openapi.json"
UI = "/api/docs/ui"
DESCRIPTIONS = {
    400: "The request could not be read.",
    401: "Not an admin.",
    403: "From another site.",
    404: "Unknown, or never shown to this visitor.",
    409: "In conflict with the present state.",
    413: "Too large.",
    415: "Not JSON.",
    422: "Not valid, or a text that is not accepted; `code` says why.",
    429: "Too often; see Retry-After.",
    503: "The engine is full, or the database away; see Retry-After.",
}
SCHEMA = Problem.model_json_schema()
"""Written out: FastAPI would list a model as `application/json` too."""
EVERYWHERE = (400, 422, 503)
UNSAFE = (403, 413, 415)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route: these, and those that any route may have."""
    return {
        status: {
            "description": DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": SCHEMA}},
        }
        for status in sorted({*statuses, *EVERYWHERE})
    }


def unsafe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route that changes something."""
    return problems(*statuses, *UNSAFE)


@router.get("/api/docs")
def docs(request: Request) -> HTMLResponse:
    """Swagger UI over our OpenAPI."""
    return page(request, "docs.html", openapi=OPENAPI, ui=UI)


def mount(app: FastAPI) -> None:
    """Serve Swagger UI's own files."""
    app.mount(UI, CachedFiles(packages=[("fastapi_offline", "static")]), name="swagger-ui")

"""What OpenAPI says of the answers that are no success, once for all routes."""

from typing import Any

from app.web.api.shapes import Problem

WORDS = {
    400: "The request could not be read.",
    401: "Not an admin.",
    403: "From another site.",
    404: "Unknown, or never shown to this visitor.",
    409: "It stands against something that is so already.",
    413: "Too large.",
    415: "Not JSON.",
    422: "Of the wrong shape, or a text that cannot be taken; `code` says why.",
    429: "Too often; see Retry-After.",
    503: "The engine is full, or the database away; see Retry-After.",
}
SCHEMA = Problem.model_json_schema()
"""In full: FastAPI would list a model as `application/json` too."""
EVERYWHERE = (400, 422, 503)
UNSAFE = (403, 413, 415)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The declared problems of a route: these, and those that any route may have."""
    return {
        status: {
            "description": WORDS[status],
            "content": {"application/problem+json": {"schema": SCHEMA}},
        }
        for status in sorted({*statuses, *EVERYWHERE})
    }


def unsafe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route that changes something."""
    return problems(*statuses, *UNSAFE)

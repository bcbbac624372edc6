"""Error responses: exceptions of the domain and of frameworks become a page, or problem+json (RFC 9457).

Requests under `/api/` and for operations get JSON, all others a page in the visitor's language.

What a web process does when the database is away, or too busy to answer (`store/session.py:TRANSIENT_DB_ERRORS`):

- Pages and JSON answer 503 with `Retry-After`; the error page leaves out its frame of voices (`page.py`).
- A poem under way goes on; storing it fails, and the stream ends with an `error` event (`api/stream.py`).
- A stream of a run tries again until the database is back (`api/admin.py`).
- `/readyz` answers 503 and names the error, `/healthz` stays 200 (`ops.py`); `poembot_database_up` is 0.
- The engine keeps the versions that it has in memory, and tries again to read the champions (`app/engine`).
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match

from app.domain import errors
from app.store.session import TRANSIENT_DB_ERRORS
from app.web.http.admins import NotAdmin, OnlyReads
from app.web.http.deps import FormExpired
from app.web.http.language import Lang, language_of
from app.web.http.limits import Limited
from app.web.http.page import Pages, page
from app.web.http.visitors import visit_of
from app.web.ops import Metrics

log = structlog.get_logger(__name__)
PROBLEM = "application/problem+json"
JSON_PATHS = ("/api/v1", "/api/openapi", "/healthz", "/readyz", "/metrics")
STATUSES: Mapping[type[Exception], int] = {
    errors.Unknown: 404,
    errors.Unfit: 422,
    errors.NothingToUndo: 409,
    errors.TurnedAway: 409,
    errors.LeaseLost: 409,
    errors.Cancelled: 409,
    errors.EngineFull: 503,
    errors.Crowded: 429,
    errors.EngineFailed: 503,
    errors.BrokenFolder: 503,
    Limited: 429,
    NotAdmin: 401,
    OnlyReads: 403,
}
CODES = {
    400: "invalid",
    401: "not_admin",
    403: "forbidden",
    404: "unknown",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    422: "invalid",
}
SHORT_WAIT = 5
"""Seconds in `Retry-After` when the error names none."""


def install(app: FastAPI) -> None:
    """Register the handler for all these errors."""
    known = (*STATUSES, errors.PoemBotError, FormExpired, *TRANSIENT_DB_ERRORS)
    for kind in (*known, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _handle)


def code_of(error: Exception) -> str:
    """The code of an error, for pages and programs."""
    return "unavailable" if isinstance(error, TRANSIENT_DB_ERRORS) else str(getattr(error, "code", "error"))


def status_of(error: Exception) -> int:
    """The HTTP status of an error."""
    if isinstance(error, FormExpired):
        return 403
    if isinstance(error, TRANSIENT_DB_ERRORS):
        return 503
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 500)


def retry_after_of(error: Exception) -> int | None:
    """Seconds after which a client may try again; None if that would not help."""
    if isinstance(error, errors.EngineFull | errors.Crowded | Limited):
        return int(error.retry_after)
    return SHORT_WAIT if isinstance(error, (errors.EngineFailed, errors.BrokenFolder, *TRANSIENT_DB_ERRORS)) else None


def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        return _invalid(request, error)
    if isinstance(error, HTTPException):
        code = error.detail if error.detail in CODES.values() else CODES.get(error.status_code, "error")
        headers = {"Allow": ", ".join(allowed(request))} if error.status_code == 405 else error.headers
        return answer(request, error.status_code, code, headers=headers)
    if isinstance(error, TRANSIENT_DB_ERRORS):
        log.error("database.away", error=str(error))
    detail = None if isinstance(error, TRANSIENT_DB_ERRORS) else _clean(str(error))
    return answer(request, status_of(error), code_of(error), retry_after=retry_after_of(error), detail=detail)


def allowed(request: Request) -> list[str]:
    """The HTTP methods allowed at this path, over all routes that match it."""
    routes = request.app.router.routes

    def answered(method: str) -> bool:
        scope = {"type": "http", "method": method, "path": request.scope["path"], "headers": []}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    methods = [method for method in ("GET", "POST", "PUT", "DELETE") if answered(method)]
    return ["HEAD", *methods] if "GET" in methods else methods


def _invalid(request: Request, error: RequestValidationError) -> Response:
    """A request that failed validation. An invalid path parameter means that there is no such page: 404."""
    found = error.errors()
    if any(entry["loc"][:1] == ("path",) for entry in found):
        return answer(request, 404, "unknown")
    details = [
        {"where": [_clean(str(part)) for part in entry["loc"]], "what": _clean(str(entry["msg"]))} for entry in found
    ]
    return answer(request, 422, "invalid", errors=details[:20])


def answer(
    request: Request,
    status: int,
    code: str,
    *,
    retry_after: int | None = None,
    detail: str | None = None,
    errors: Sequence[Mapping[str, object]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response: JSON for programs, a redirect or a page for readers."""
    metrics: Metrics = request.app.state.metrics
    metrics.refused(code)
    more = {**(headers or {}), **({"Retry-After": str(retry_after)} if retry_after else {})}
    path = request.url.path
    if path.startswith(JSON_PATHS) or path.endswith(".json"):
        return problem(request, status, code, detail=detail, errors=errors, headers=more)
    if status == 404 and path.endswith("/") and path.strip("/"):
        return RedirectResponse("/" + path.strip("/\\"), 307)
    if code == "not_admin" and request.method == "GET":
        return RedirectResponse("/desk/login", 303)
    if code == "engine_full":
        return page(request, "wait.html", status, headers=more, retry_after=retry_after)
    draft = visit_of(request).draft
    return page(
        request, "error.html", status, headers=more, status=status, code=code, retry_after=retry_after, draft=draft
    )


def page_again(request: Request, template: str, error: Exception | None, **context: object) -> HTMLResponse:
    """A page with a form, shown again after *error* with its status and `Retry-After`; *error* None: the plain page."""
    wait = retry_after_of(error) if error else None
    headers = {"Retry-After": str(wait)} if wait else {}
    sign = error.sign if isinstance(error, errors.Unfit) else ""
    return page(request, template, status_of(error) if error else 200, headers=headers, sign=sign, **context)


def busy(request: Request, retry_after: int) -> Response:
    """The response of admission control. It must be cheap: a cached page, no database, no thread."""
    metrics: Metrics = request.app.state.metrics
    metrics.refused("busy")
    headers = {"Retry-After": str(retry_after), "Cache-Control": "no-store"}
    path = request.url.path
    if path.startswith(JSON_PATHS) or path.endswith(".json"):
        return problem(request, 503, "busy", detail="nothing was done; try again", headers=headers)
    safe = request.method in ("GET", "HEAD")
    return HTMLResponse(_busy_page(request.app.state.pages, language_of(request), safe, retry_after), 503, headers)


@lru_cache(maxsize=16)
def _busy_page(pages: Pages, lang: Lang, safe: bool, retry_after: int) -> str:
    return pages.render("busy.html", lang, {"safe": safe, "retry_after": retry_after})


async def answer_outside(request: Request, status: int, code: str) -> Response:
    """`answer` for middleware, which runs on the event loop and must not block."""
    return await run_in_threadpool(answer, request, status, code)


def problem(
    request: Request,
    status: int,
    code: str,
    *,
    detail: str | None = None,
    errors: Sequence[Mapping[str, object]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error response for programs."""
    body: dict[str, object] = {
        "type": f"urn:poem-bot:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "request_id": visit_of(request).request_id,
    }
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = errors
    more = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(json.dumps(body), status, media_type=PROBLEM, headers={**more, **(headers or {})})


def _clean(text: str) -> str:
    """Valid UTF-8, and short: an error may quote what a visitor typed."""
    return text.encode("utf-8", "replace").decode()[:500]

"""The outermost layer: every request gets an id, a log event, a measurement and an answer with our headers.

HEAD is answered as the GET it stands for, without the body.
"""

import re
import secrets
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.http.security import Answer
from app.web.http.visitors import Visit
from app.web.ops.metrics import Metrics

log = structlog.get_logger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TOKEN = re.compile(r"/submissions/[^/]+")
"""A token is its author's secret, also in an address that leads nowhere."""
QUIET_PATHS = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked every few seconds by machines: logged only when something is wrong."""


class RequestMiddleware:
    """ASGI middleware around everything else.

    *headers* leave with every answer, *answer* makes the page for what nobody caught.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, answer: Answer, headers: Mapping[str, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._answer = answer
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        method = scope["method"]
        visit = Visit(request_id, head=method == "HEAD")
        scope = {**scope, "method": "GET" if visit.head else method}
        scope["state"] = {**scope.get("state", {}), "visit": visit}
        way_out = _WayOut(send, visit, self._headers)
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, way_out)
            except Exception:
                log.exception("http.failed", method=method, path=scope["path"])
                if way_out.status:  # too late for another answer: the connection must break off
                    raise
                response = await self._answer(Request(scope, receive), 500, "error")
                await response(scope, receive, way_out)
            finally:
                self._note(scope, method, way_out.status, time.perf_counter() - began)

    def _note(self, scope: MutableMapping[str, Any], method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.request(method, route, status, seconds)
        if status < 400 and scope["path"].startswith(QUIET_PATHS):
            return
        path = _TOKEN.sub("/submissions/…", scope["path"])
        log.info("http.request", method=method, path=path, status=status, seconds=round(seconds, 4))


class _WayOut:
    """What leaves: adds headers and cookies, and keeps the body of a HEAD back."""

    def __init__(self, send: Send, visit: Visit, headers: Mapping[str, str]) -> None:
        self._send = send
        self._visit = visit
        self._headers = headers
        self.status = 0
        """Of the answer; 0 before it started."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message["headers"]))
            self._dress(headers)
            message = {**message, "headers": headers.raw}
        elif message["type"] == "http.response.body" and self._visit.head:
            message = {**message, "body": b""}
        await self._send(message)

    def _dress(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self._visit.request_id
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if "cache-control" not in headers:
            headers["Cache-Control"] = "private, no-cache"
            headers.add_vary_header("Cookie, Accept-Language")
        if headers["cache-control"].startswith("public"):
            return  # whoever keeps it for others must not hand them one visitor's cookie
        for cookie in self._visit.cookies:
            headers.append("Set-Cookie", cookie)

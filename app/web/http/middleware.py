"""The outermost middleware: every request gets an id, a log event, a measurement, and our headers on its response.

HEAD is answered as the GET it stands for, without the body.
"""

import re
import secrets
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.http.security import Answer
from app.web.http.visitors import Visit
from app.web.ops.metrics import Metrics

log = structlog.get_logger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TOKEN = re.compile(r"/submissions/[^/]+")
"""A token is its author's secret: it is cut out of logged paths, also of those that no route matches."""
QUIET_PATHS = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked every few seconds by machines: logged only on errors."""


class RequestMiddleware:
    """ASGI middleware around everything else.

    *headers* are set on every response, *answer* makes the page for an exception that nothing caught.
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
        outgoing = _Outgoing(send, visit, self._headers)
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, outgoing)
            except ClientDisconnect:
                # Who hung up in the midst of his request is owed no answer: it is recorded with status 0.
                log.debug("http.hung_up", method=method)
            except Exception:
                log.exception("http.failed", method=method, path=scope["path"])
                if outgoing.status:  # the response has begun: only breaking the connection off can tell the client
                    raise
                response = await self._answer(Request(scope, receive), 500, "error")
                await response(scope, receive, outgoing)
            finally:
                self._record(scope, method, outgoing.status, time.perf_counter() - began)

    def _record(self, scope: MutableMapping[str, Any], method: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.request(method, route, status, seconds)
        if status < 400 and scope["path"].startswith(QUIET_PATHS):
            return
        path = _TOKEN.sub("/submissions/…", scope["path"])
        log.info("http.request", method=method, path=path, status=status, seconds=round(seconds, 4))


class _Outgoing:
    """Wraps `send`: adds headers and cookies, and drops the body of a HEAD."""

    def __init__(self, send: Send, visit: Visit, headers: Mapping[str, str]) -> None:
        self._send = send
        self._visit = visit
        self._headers = headers
        self.status = 0
        """Status of the response; 0 before it has started."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message["headers"]))
            self._add_headers(headers)
            message = {**message, "headers": headers.raw}
        elif message["type"] == "http.response.body" and self._visit.head:
            message = {**message, "body": b""}
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self._visit.request_id
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if "cache-control" not in headers:
            headers["Cache-Control"] = "private, no-cache"
            headers.add_vary_header("Cookie, Accept-Language")
        if headers["cache-control"].startswith("public"):
            return  # a shared cache must not hand one visitor's cookie to others
        for cookie in self._visit.cookies:
            headers.append("Set-Cookie", cookie)

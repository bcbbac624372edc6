"""Middleware that every request passes before a route sees it, and every response afterwards.

`RequestMiddleware` is the outermost. It gives each request an id, logs and measures it, and sets our headers on the
response. HEAD is answered like GET, without the body.

`Guard` refuses a wrong host, a body that is too large, a cross-site request (CSRF) or a wrong content type. Unsafe
requests must come from our own pages (Sec-Fetch-Site, else Origin). A client that sends neither header is not a
browser, so no other site can misuse its cookies. A bearer token needs no origin: another site cannot make a browser
send it.

Starlette's TrustedHostMiddleware would not do: it answers in plain text, breaks IPv6 addresses at their first colon,
has no exceptions for health checks, and checks nothing if no names are configured. Our links and feeds repeat the Host
header, so its syntax is always checked.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.http.visitors import Visit
from app.web.ops import Metrics

_HOST = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
FOR_MACHINES = ("/healthz", "/readyz", "/metrics")
"""Health checks and metrics are requested by address, from the same network, so these paths accept any host."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LARGEST_BODY = 1024 * 1024
"""Bytes of a request's body."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
"""On every response. The referrer policy keeps the tokens in addresses of submissions from other sites."""
ONLY_TLS = {"Strict-Transport-Security": "max-age=31536000"}
"""In production, where cookies are Secure."""
Answer = Callable[[Request, int, str], Awaitable[Response]]


def host_name(host: str | None) -> str | None:
    """The name in a Host header, in lower case and without its port; None if it is not valid."""
    found = _HOST.fullmatch(host or "")
    return found[1].lower().rstrip(".") if found and 0 < int(found[2] or 80) < 65_536 else None


def is_same_origin(headers: Headers) -> bool:
    """Does an unsafe request come from one of our own pages, or from a client that is not a browser?"""
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
    except ValueError:
        return False


def _is_json(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


class Guard:
    """ASGI middleware: refuses requests before any route reads them.

    *answer*: makes the error response; *hosts*: names of the site, empty for any.
    """

    def __init__(self, app: ASGIApp, answer: Answer, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._answer = answer
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            response = await self._answer(Request(scope, receive), *refusal)
            await response(scope, receive, send)
            return
        body = await _body(receive) if _has_body(headers) else b""
        if body is None:
            response = await self._answer(Request(scope, receive), 413, "too_large")
            await response(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        length = headers.get("content-length", "0")
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or (self._hosts and name not in self._hosts and path not in FOR_MACHINES):
            return 400, "bad_host"
        if length.isdecimal() and len(length) < 20 and int(length) > LARGEST_BODY:
            return 413, "too_large"
        if method not in SAFE and not is_same_origin(headers):
            return 403, "cross_origin"
        if method not in SAFE and path.startswith("/api/") and _has_body(headers) and not _is_json(headers):
            return 415, "not_json"
        return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too large. Raises ClientDisconnect."""
    body = bytearray()
    while len(body) <= LARGEST_BODY:  # a chunked body does not announce its length
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body) if len(body) <= LARGEST_BODY else None
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body in one message, and then passes on further messages."""
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


log = structlog.get_logger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_TOKEN = re.compile(r"/submissions/[^/]+")
"""A submission's token is its author's secret, so it is removed from logged paths, even if no route matches."""
QUIET_PATHS = (*FOR_MACHINES, "/static/")
"""Requested often; logged only on errors."""


class RequestMiddleware:
    """ASGI middleware around everything else: request ids, logs, metrics and headers.

    *headers*: set on every response; *answer*: makes the page for an exception that nothing caught.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, answer: Answer, headers: Mapping[str, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._answer = answer
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
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
                # The client closed the connection before its request was complete: recorded with status 0.
                log.debug("http.hung_up", method=method)
            except Exception:
                log.exception("http.failed", method=method, path=scope["path"])
                if outgoing.status:  # the response has begun: only closing the connection can tell the client
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
            return  # a shared cache must not give one visitor's cookie to others
        for cookie in self._visit.cookies:
            headers.append("Set-Cookie", cookie)

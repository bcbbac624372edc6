"""Security of requests and responses: host, body size, cross-site requests (CSRF), content type; security headers.

Unsafe requests must come from our own pages (Sec-Fetch-Site, else Origin); a client that sends neither is no browser,
and carries nobody's cookies by accident. A bearer token needs no origin: no foreign page can make a browser send it.

Hosts are checked here and not by Starlette's TrustedHostMiddleware: that answers in plain text instead of our error
page, cuts IPv6 addresses at their first colon, knows no paths that any name may ask for, and checks nothing where no
names are configured, while our links and feeds repeat the name they were asked by.
"""

import re
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
FOR_MACHINES = ("/healthz", "/readyz", "/metrics")
"""Probes ask by address, from the same network: these paths answer to any name."""
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
"""On every response. `same-origin` referrers keep submission tokens on this site and leave form posts their Origin."""
ONLY_TLS = {"Strict-Transport-Security": "max-age=31536000"}
"""In production, where cookies are Secure: browsers obey it over TLS only."""
Answer = Callable[[Request, int, str], Awaitable[Response]]


def host_name(host: str | None) -> str | None:
    """The name in a Host header, in lower case; None unless it is a name or an address, perhaps with a port."""
    found = _HOST.fullmatch(host or "")
    return found[1].lower().rstrip(".") if found and 0 < int(found[2] or 80) < 65_536 else None


def is_same_origin(headers: Headers) -> bool:
    """Does an unsafe request come from one of our own pages, or from no browser at all?"""
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

    *answer* makes the error response; *hosts* are the names the site answers to, any when empty.
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
    """The whole body, before anybody works at it; None for one that is too large. Raises ClientDisconnect."""
    body = bytearray()
    while len(body) <= LARGEST_BODY:  # a chunked one does not say beforehand how long it is
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body) if len(body) <= LARGEST_BODY else None
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body in one message, then what else comes."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay

"""Visitors: who sent a request, and the keys that sign cookies and tokens.

A visitor is a random id in a signed cookie, with a keyed hash of the address. Requests by crawlers, link previews and
prefetches, and HEAD requests, are quiet: they get no cookie, and nothing is stored.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from app.domain.visitor import Visitor
from app.reads.voices import Around
from app.settings import Settings

FORM_LIFE = 12 * 3600
"""Seconds until the CSRF token of a form expires."""
CANDIDATE_LIFE = 3600
"""Seconds until the candidates for a line expire."""


class Keys:
    """Signs what leaves the site and verifies what comes back, with one secret and a salt for each use."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._visitors = URLSafeSerializer(secret, salt="visitor")
        self._devices = URLSafeSerializer(secret, salt="device")
        self._forms = URLSafeTimedSerializer(secret, salt="form")
        self._candidates = URLSafeTimedSerializer(secret, salt="candidate")
        self._results = URLSafeSerializer(secret, salt="result")

    def sign_visitor(self, visitor: str) -> str:
        """The cookie of a visitor."""
        return str(self._visitors.dumps(visitor))

    def read_visitor(self, cookie: str) -> str | None:
        """The visitor of a cookie; None if its signature is wrong."""
        visitor = _opened(self._visitors, cookie)
        return visitor if isinstance(visitor, str) else None

    def sign_device(self, account: str) -> str:
        """The cookie of a device on which somebody has logged in to *account*; different at each login."""
        return str(self._devices.dumps([account, secrets.token_hex(8)]))

    def read_device(self, cookie: str, account: str) -> str | None:
        """The id of a device on which somebody has logged in to *account*, else None."""
        try:
            owner, device = _opened(self._devices, cookie)
        except (ValueError, TypeError):
            return None
        return str(device) if owner == account else None

    def sign_form(self, visitor: str) -> str:
        """The CSRF token for forms on pages of this visitor."""
        return str(self._forms.dumps(visitor))

    def form_is_valid(self, token: str, visitor: str) -> bool:
        """Was the CSRF token made for this visitor, and is it still valid?"""
        try:
            return bool(hmac.compare_digest(str(self._forms.loads(token, max_age=FORM_LIFE)), visitor))
        except BadSignature:
            return False

    def sign_candidate(self, candidate: list[Any]) -> str:
        """A candidate for a line, signed, so that a visitor can only pick lines that the engine wrote."""
        return str(self._candidates.dumps(candidate))

    def read_candidate(self, token: str) -> list[Any] | None:
        """The candidate of a token; None if its signature is wrong or it has expired."""
        candidate = _opened(self._candidates, token, max_age=CANDIDATE_LIFE)
        return candidate if isinstance(candidate, list) else None

    def sign_result(self, result: list[str]) -> str:
        """A result of the guessing game to share, signed, so that nobody can invent one."""
        return str(self._results.dumps(result))

    def read_result(self, token: str) -> list[str] | None:
        """The result of a token; None if its signature is wrong."""
        result = _opened(self._results, token)
        return result if isinstance(result, list) else None

    def opaque_id(self, *what: object) -> str:
        """A short id that reveals nothing about what it stands for."""
        said = "|".join(str(part) for part in what).encode()
        return hmac.new(self._secret, b"mark|" + said, hashlib.sha256).hexdigest()[:20]

    def hash_address(self, address: str, now: datetime) -> str:
        """A keyed hash of an address that changes every day."""
        day = f"{now:%Y-%m-%d}|{address}".encode()
        return hmac.new(self._secret, day, hashlib.sha256).hexdigest()[:32]

    def hash_network(self, network: str) -> str:
        """A keyed hash of a network that does not change; it is never stored (`Visitor.mark`)."""
        return hmac.new(self._secret, b"network|" + network.encode(), hashlib.sha256).hexdigest()


def _opened(serializer: URLSafeSerializer | URLSafeTimedSerializer, token: str, **how: Any) -> Any:
    """What was signed; None if the signature is wrong or has expired."""
    try:
        return serializer.loads(token, **how)
    except BadSignature:
        return None


VISITOR_COOKIE = "visitor"
COOKIE_LIFE = 400 * 24 * 3600
"""Seconds; browsers keep no cookie longer."""
_ID = re.compile(r"[0-9a-f]{32}")
_CRAWLER = re.compile(
    r"(?<!cu)bots?\b|crawl|spider|slurp|preview|facebookexternalhit|whatsapp|kakaotalk-scrap|kakaostory-og|"
    r"yeti/|daum/|embedly|archiver|lighthouse|pingdom|uptime|monitor",
    re.IGNORECASE,
)
"""Crawlers and link previews by their user agent; `cubot` is a telephone."""
_PREFETCH = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)


@dataclass(slots=True)
class Visit:
    """What is kept during one request, in `request.state.visit`."""

    request_id: str
    head: bool
    """Is it a HEAD request?"""
    cookies: list[str] = field(default_factory=list)
    """`Set-Cookie` values for the response."""
    visitor: Visitor | None = None
    around: Around | None = None
    """The frame of the page, once it has been read: `page.py:around_of`."""
    draft: object = None
    """What was typed into a form, so that an error page can show it again: `deps.py:FormDraft`."""
    leave: Callable[[], None] = lambda: None
    """Leaves the request's place in admission control (`admission.py`), before it waits for the engine."""


def visit_of(request: Request) -> Visit:
    """The visit of a request."""
    return cast("Visit", request.state.visit)


def settings_of(request: Request) -> Settings:
    """The settings of the site."""
    return cast("Settings", request.app.state.bot.settings)


def keys_of(request: Request) -> Keys:
    """The keys of the site."""
    return cast("Keys", request.app.state.keys)


def is_quiet(request: Request) -> bool:
    """Is it a HEAD request, a crawler, a link preview or a prefetch? Then nothing is stored and no cookie is set."""
    headers = request.headers
    purposes = " ".join(headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    return (
        visit_of(request).head
        or bool(_PREFETCH.search(purposes))
        or bool(_CRAWLER.search(headers.get("user-agent", "")))
    )


def visitor_of(request: Request) -> Visitor:
    """The visitor of this request; a new one gets a cookie, unless the request is quiet."""
    visit = visit_of(request)
    if visit.visitor is None:
        visit.visitor = _recognise(request)
        if not visit.visitor.returned and not is_quiet(request):
            set_cookie(request, VISITOR_COOKIE, keys_of(request).sign_visitor(visit.visitor.id))
    return visit.visitor


def _recognise(request: Request) -> Visitor:
    keys = keys_of(request)
    known = keys.read_visitor(request.cookies.get(VISITOR_COOKIE, ""))
    returned = known is not None and _ID.fullmatch(known) is not None
    client = client_of(request)
    address = keys.hash_address(client, request.app.state.bot.clock())
    network = keys.hash_network(_network_of(client))
    return Visitor(known if returned and known else secrets.token_hex(16), returned, address, network)


def set_cookie(request: Request, name: str, value: str, *, life: int = COOKIE_LIFE, path: str = "/") -> None:
    """Set a cookie: HttpOnly, SameSite=Lax, and Secure in production. *life* 0 deletes it."""
    carrier = Response()
    secure = settings_of(request).env == "production"
    carrier.set_cookie(name, value, max_age=life, path=path, secure=secure, httponly=True, samesite="lax")
    visit_of(request).cookies.append(carrier.headers["set-cookie"])


def client_of(request: Request) -> str:
    """The client's address. `X-Forwarded-For` is read from its end, as far as trusted proxies wrote it.

    An IPv6 address is cut to its /64 network, since a household or a server has a whole one.
    """
    trusted = [part.strip() for part in settings_of(request).trusted_proxies.split(",") if part.strip()]
    client = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # a proxy may add a header of its own
    for hop in reversed([part.strip() for part in forwarded.split(",")]):
        if not _among(client, trusted) or not hop:
            break
        client = hop
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client[:64]
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _network_of(client: str) -> str:
    """What a trial counts as one network: an IPv4 address, or an IPv6 /48, which anybody can get from a provider."""
    return str(ipaddress.ip_network(client).supernet(new_prefix=48)) if ":" in client else client


def _among(client: str, networks: list[str]) -> bool:
    try:
        address = ipaddress.ip_address(client)
        return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
    except ValueError:
        return client in networks

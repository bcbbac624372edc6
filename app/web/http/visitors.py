"""Visitors: who sent this request, as far as we want to know; and the keys that sign what leaves the site.

A random id in a signed cookie, and a keyed hash of the address. Crawlers, link previews, prefetches and
HEAD requests are quiet: they get no cookie and leave nothing behind.

`Keys` signs cookies, form tokens (CSRF), candidates and rounds of the game, and hashes addresses; it knows no request.
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
"""Seconds a form may lie open before its token expires."""
CANDIDATE_LIFE = 3600
"""Seconds within which one of the candidates for a line must be picked."""


class Keys:
    """Signs what leaves the site and verifies it when it comes back; one secret, a salt for each use."""

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
        """The visitor of a cookie, or None if it is not one of ours."""
        visitor = _opened(self._visitors, cookie)
        return visitor if isinstance(visitor, str) else None

    def sign_device(self, account: str) -> str:
        """The cookie of a device on which somebody has logged in to an account; each login makes another."""
        return str(self._devices.dumps([account, secrets.token_hex(8)]))

    def read_device(self, cookie: str, account: str) -> str | None:
        """The id of a device on which somebody has logged in to *account*, or None if it is none."""
        try:
            owner, device = _opened(self._devices, cookie)
        except (ValueError, TypeError):
            return None
        return str(device) if owner == account else None

    def sign_form(self, visitor: str) -> str:
        """The token of a form on a page of this visitor."""
        return str(self._forms.dumps(visitor))

    def form_is_valid(self, token: str, visitor: str) -> bool:
        """Was the form given to this visitor, and not too long ago?"""
        try:
            return bool(hmac.compare_digest(str(self._forms.loads(token, max_age=FORM_LIFE)), visitor))
        except BadSignature:
            return False

    def sign_candidate(self, candidate: list[Any]) -> str:
        """What a visitor sends back when he picks a line: signed, so that only lines we wrote come in that way."""
        return str(self._candidates.dumps(candidate))

    def read_candidate(self, token: str) -> list[Any] | None:
        """The candidate of a token, or None if it is not one of ours or too old."""
        candidate = _opened(self._candidates, token, max_age=CANDIDATE_LIFE)
        return candidate if isinstance(candidate, list) else None

    def sign_result(self, result: list[str]) -> str:
        """A round of the game that its player may share: signed, so that nobody makes one up."""
        return str(self._results.dumps(result))

    def read_result(self, token: str) -> list[str] | None:
        """The round of a token, or None if it is not one of ours."""
        result = _opened(self._results, token)
        return result if isinstance(result, list) else None

    def opaque_id(self, *what: object) -> str:
        """A short id that does not tell what it stands for."""
        said = "|".join(str(part) for part in what).encode()
        return hmac.new(self._secret, b"mark|" + said, hashlib.sha256).hexdigest()[:20]

    def hash_address(self, address: str, now: datetime) -> str:
        """A keyed hash of an address that changes every day: it tells two visitors apart, and names neither."""
        day = f"{now:%Y-%m-%d}|{address}".encode()
        return hmac.new(self._secret, day, hashlib.sha256).hexdigest()[:32]

    def hash_network(self, network: str) -> str:
        """A keyed hash of a network that stays the same; it is never stored (`Visitor.mark`)."""
        return hmac.new(self._secret, b"network|" + network.encode(), hashlib.sha256).hexdigest()


def _opened(serializer: URLSafeSerializer | URLSafeTimedSerializer, token: str, **how: Any) -> Any:
    """What was signed; None for what is not ours, or too old."""
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
    """What is kept for the length of one request, in `request.state.visit`."""

    request_id: str
    head: bool
    """Was it a HEAD request, answered as the GET it stands for?"""
    cookies: list[str] = field(default_factory=list)
    """`Set-Cookie` values for the response, whichever route makes it."""
    visitor: Visitor | None = None
    around: Around | None = None
    """What every page shows around its own, once it is asked for: `page.around_of`."""
    draft: object = None
    """What was typed into a form, so that an error page can give it back."""
    leave: Callable[[], None] = lambda: None
    """Gives up its place among the requests that are worked at (`limits.py`), where it waits for the engine."""


def visit_of(request: Request) -> Visit:
    """The visit of a request."""
    return cast("Visit", request.state.visit)


def settings_of(request: Request) -> Settings:
    """The settings of the site that was asked."""
    return cast("Settings", request.app.state.bot.settings)


def keys_of(request: Request) -> Keys:
    """The keys of the site that was asked."""
    return cast("Keys", request.app.state.keys)


def is_quiet(request: Request) -> bool:
    """Is nobody reading: HEAD, a crawler, a link preview, a prefetch? Then nothing is stored and no cookie set."""
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
    """The address a request came from; `X-Forwarded-For` is believed only as far as the proxies are trusted.

    IPv6 addresses are cut to their /64: a home or a server has that many of its own.
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
    """What a trial takes for one place: an IPv4 address, or a /48 of IPv6, which anybody is given for the asking."""
    return str(ipaddress.ip_network(client).supernet(new_prefix=48)) if ":" in client else client


def _among(client: str, networks: list[str]) -> bool:
    try:
        address = ipaddress.ip_address(client)
        return any(address in ipaddress.ip_network(network, strict=False) for network in networks)
    except ValueError:
        return client in networks

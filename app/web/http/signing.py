"""Signing: cookies, form tokens (CSRF) and candidates, and keyed hashes of addresses. Knows no request."""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

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
        try:
            visitor = self._visitors.loads(cookie)
        except BadSignature:
            return None
        return visitor if isinstance(visitor, str) else None

    def sign_device(self, account: str) -> str:
        """The cookie of a device on which somebody has logged in to an account; each login makes another."""
        return str(self._devices.dumps([account, secrets.token_hex(8)]))

    def read_device(self, cookie: str, account: str) -> str | None:
        """The id of a device on which somebody has logged in to *account*, or None if it is none."""
        try:
            owner, device = self._devices.loads(cookie)
        except (BadSignature, ValueError, TypeError):
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
        try:
            candidate = self._candidates.loads(token, max_age=CANDIDATE_LIFE)
        except BadSignature:
            return None
        return candidate if isinstance(candidate, list) else None

    def sign_result(self, result: list[str]) -> str:
        """A round of the game that its player may share: signed, so that nobody makes one up."""
        return str(self._results.dumps(result))

    def read_result(self, token: str) -> list[str] | None:
        """The round of a token, or None if it is not one of ours."""
        try:
            result = self._results.loads(token)
        except BadSignature:
            return None
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

"""The keys of the site: what signs cookies and forms, and what hides addresses. Knows no request."""

import hashlib
import hmac
from datetime import datetime

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

FORM_LIFE = 12 * 3600
"""Seconds a form may lie open before its token expires."""


class Keys:
    """Signs and reads what leaves the site and comes back; one secret, a salt for each use."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._visitors = URLSafeSerializer(secret, salt="visitor")
        self._forms = URLSafeTimedSerializer(secret, salt="form")

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

    def sign_form(self, visitor: str) -> str:
        """The token of a form on a page of this visitor."""
        return str(self._forms.dumps(visitor))

    def form_is_ours(self, token: str, visitor: str) -> bool:
        """Was the form given to this visitor, and not too long ago?"""
        try:
            return bool(hmac.compare_digest(str(self._forms.loads(token, max_age=FORM_LIFE)), visitor))
        except BadSignature:
            return False

    def hide(self, address: str, now: datetime) -> str:
        """A keyed hash of an address that changes every day: it tells two visitors apart, and names neither."""
        day = f"{now:%Y-%m-%d}|{address}".encode()
        return hmac.new(self._secret, day, hashlib.sha256).hexdigest()[:32]

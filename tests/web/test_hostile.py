"""Everything that could be sent, to every route there is: the answer is a page or a refusal, never a failure."""

import json
import re
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.bootstrap import Bot, build_engine
from app.web.site import create_app
from tests.support import bots
from tests.web.conftest import PASSWORD
from tests.web.reader import Reader, form

WEB = Path(__file__).parents[2] / "app" / "web"
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
POEM = "봄비가 온다\n창을 닫는다"
HOSTILE = {
    "empty": b"",
    "white": b" \n\t",
    "binary": bytes(range(256)),
    "not-utf-8": b"\xff\xfe\xfa",
    "nul": b"a\x00b",
    "lone-surrogate": b"\xed\xa0\x80",
    "zalgo": ("Z" + "\u0301" * 60).encode() * 9,
    "right-to-left": "\u202e나는 거꾸로\u202c\u2066".encode(),
    "family": "👨‍👩‍👧‍👦".encode() * 20,
    "jamo": unicodedata.normalize("NFD", POEM).encode(),
    "html": b"<script>alert(1)</script><img src=x onerror=alert(1)>'\"",
    "jinja": b"{{ 7*7 }}{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}",
    "sql": b"'; DROP TABLE poems; --",
    "path": b"../../../../etc/passwd",
    "header": b"a\r\nSet-Cookie: evil=1",
    "format": b"%s%n%(x)s{0.__class__}${jndi:ldap://x}",
    "huge-number": b"9" * 5000,
    "big-number": b"2147483648",
    "negative": b"-1",
    "float": b"1e999",
    "nan": b"NaN",
    "long": b"a" * 100_000,
}
IN_PATHS = [
    HOSTILE[kind] for kind in ("binary", "nul", "lone-surrogate", "html", "jinja", "path", "header", "huge-number")
]
BODIES = {
    "nothing": b"",
    "torn": b'{"text":',
    "null": b"null",
    "list": b"[]",
    "number": b"1",
    "deep": b"[" * 100_000,
    "deep-object": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "huge-int": b'{"lines":' + b"9" * 5000 + b',"version":' + b"9" * 5000 + b"}",
    "huge-float": b'{"temperature":1e400,"lines":1e400,"version":1e400}',
    "nan": b'{"temperature":NaN,"seed":Infinity,"version":NaN}',
    "surrogate": rb'{"text":"\ud800 aaaaaaaaaa","prime":"\udfff","reason":"\ud800","version":0,"consent":true}',
    "nul": rb'{"text":"\u0000 aaaaaaaaaa","prime":"\u0000","reason":"\u0000","version":0,"consent":true}',
    "wrong-types": b'{"text":[],"consent":{},"lines":"5","keep":[[]],"version":true,"override":"x","reason":7}',
    "twice": b'{"lines":1,"lines":2,"version":0,"version":1}',
    "bom": b'\xef\xbb\xbf{"lines":1}',
    "utf-16": '{"lines":1}'.encode("utf-16"),
    "binary": bytes(range(256)),
    "compressed": zlib.compress(b'{"lines":1}'),
}
PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="text"%s\r\n\r\n%s\r\n--x--\r\n'


@pytest.fixture
def app(bot: Bot) -> FastAPI:
    """A site that refuses nobody for coming too often."""
    freely = Bot(bot.settings.model_copy(update={"limits": "off"}), bot.database, bot.sessions, bot.queue, bot.shelf)
    return create_app(freely, build_engine(freely))


@pytest.fixture
def site(app: FastAPI) -> Iterator[str]:
    """Its address."""
    with bots.served(app) as address:
        yield address


@pytest.fixture
def keeper(client: httpx.Client, admin_name: str) -> httpx.Client:
    """An admin's browser: what is closed to others must stand open, or nothing would be tried."""
    reader = Reader(client)
    reader.send(form(reader.open("/desk/login"), "/desk/login"), name=admin_name, password=PASSWORD)
    reader.open("/sibot")
    return client


def routes(app: FastAPI, method: str) -> list[APIRoute]:
    """Every route that answers *method*, the streams of runs and poems apart: they do not end."""
    return [r for r in _all(app.routes) if method in (r.methods or ()) and not r.path.endswith("/stream")]


def _all(found: object) -> Iterator[APIRoute]:
    for route in found:  # type: ignore[attr-defined]
        if isinstance(route, APIRoute):
            yield route
        for inside in ("routes", "original_router"):
            nested = getattr(route, inside, None)
            if nested is not None:
                yield from _all(getattr(nested, "routes", nested))


def placed(path: str, value: bytes | None = None) -> str:
    """A route's path with *value* in its places; None: with what is there."""
    there = {"voice": "sibot", "poem": "aaaaaaaaaa", "token": "x" * 24}
    return re.sub(
        r"\{(\w+)\}", lambda m: there.get(m[1], "1") if value is None else quote_from_bytes(value[:2000], safe=""), path
    )


def fields() -> set[str]:
    """The name of every field that any form of ours is asked for."""
    source = "\n".join(file.read_text(encoding="utf-8") for file in WEB.rglob("*.py"))
    return set(re.findall(r'(?:form\.(?:text|ids)|typed)\("(\w+)"', source)) - {"csrf_token"}


def is_peaceful(answer: httpx.Response) -> bool:
    """A page, a redirect, a refusal."""
    return answer.status_code < 500


@pytest.mark.slow
def test_nothing_in_an_address_fails(app: FastAPI, keeper: httpx.Client) -> None:
    """In every place of every path, and in every query that any page knows."""
    pages = routes(app, "GET")
    names = {p.alias for route in pages for p in route.dependant.query_params}
    assert {"cursor", "status"} <= names
    for value in HOSTILE.values():
        said = quote_from_bytes(value[:2000], safe="")
        query = "&".join(f"{name}={said}" for name in sorted(names))
        asked = {placed(route.path, value) for route in pages if "{" in route.path and value in IN_PATHS}
        asked |= {f"{placed(route.path)}?{query}" for route in pages if route.dependant.query_params}
        for path in asked:
            answer = keeper.get(path)
            assert is_peaceful(answer), (path[:200], answer.status_code, answer.text[:500])
            assert "evil=1" not in str(answer.headers.get("set-cookie"))


@pytest.mark.slow
def test_nothing_in_a_form_fails(app: FastAPI, keeper: httpx.Client) -> None:
    """In every field of every form, with the token that makes it ours."""
    asked = sorted(fields())
    assert {"text", "prime", "ids", "password"} <= set(asked)
    token = quote(form(Reader(keeper).open("/privacy"), "/me/erase").filled()["csrf_token"][0])
    forms = [r for r in routes(app, "POST") if not r.path.startswith("/api/") and r.path != "/desk/logout"]
    for route, value in product(forms, HOSTILE.values()):
        said = quote_from_bytes(value, safe="")
        body = "&".join([f"csrf_token={token}", *(f"{name}={said}" for name in asked)])
        answer = keeper.post(placed(route.path), content=body, headers=FORM)
        assert is_peaceful(answer), (route.path, answer.status_code, answer.text[:500])
        assert answer.status_code != 401 or route.path == "/desk/login", route.path


@pytest.mark.slow
def test_no_name_of_a_field_fails(app: FastAPI, keeper: httpx.Client) -> None:
    """Fields that no form of ours has, hundreds of them, and places of lines that nobody was shown."""
    token = quote(form(Reader(keeper).open("/privacy"), "/me/erase").filled()["csrf_token"][0])
    names = [quote_from_bytes(value[:2000], safe="") for value in HOSTILE.values()]
    odd = [f"{part}{name}={name}" for name in names for part in ("", "place-", "place-1=1&")]
    for route in (r for r in routes(app, "POST") if not r.path.startswith("/api/") and r.path != "/desk/logout"):
        for body in ("&".join(odd), "&".join(f"place-{n}=1" for n in range(190)), "a=1&" * 5000, "=" * 5000):
            answer = keeper.post(placed(route.path), content=f"csrf_token={token}&{body}", headers=FORM)
            assert is_peaceful(answer), (route.path, body[:80], answer.status_code, answer.text[:500])


@pytest.mark.slow
@pytest.mark.parametrize("charset", ["unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "punycode", "idna"])
def test_no_charset_fails(app: FastAPI, keeper: httpx.Client, charset: str) -> None:
    """A form may name any codec of Python's, some of which make half surrogates of letters: only UTF-8 is read."""
    token = form(Reader(keeper).open("/privacy"), "/me/erase").filled()["csrf_token"][0]
    head = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
    body = b"".join(PART % (name.encode(), rb"\ud800\x00 aaaaaaaaaa") for name in sorted(fields()))
    for route in (r for r in routes(app, "POST") if not r.path.startswith("/api/") and r.path != "/desk/logout"):
        sent = PART % (b"csrf_token", token.encode()) + body + b"--x--\r\n"
        assert keeper.post(placed(route.path), content=sent, headers=head).status_code == 400, route.path


@pytest.mark.slow
def test_no_poem_along_fails(client: httpx.Client) -> None:
    """What is asked for as a stream is as strictly looked at, and as strange: refused before, or written."""
    odd = [json.dumps({field: value.decode("utf-8", "surrogateescape")}).encode()
           for value in HOSTILE.values() for field in ("prime", "own")]  # fmt: skip
    for body in (*BODIES.values(), *odd):
        headers = JSON | {"accept": "text/event-stream"}
        answer = client.post("/api/v1/voices/sibot/poems", content=body, headers=headers)
        assert is_peaceful(answer), (body[:80], answer.status_code, answer.text[:500])
        assert "event: error" not in answer.text, body[:80]


@pytest.mark.slow
def test_no_text_fails_the_api(client: httpx.Client, bearer: dict[str, str]) -> None:
    """Every kind of text in every field that a program may send."""
    asked = {"submissions": ("text", "title", "author"), "poems": ("prime", "own")}
    for value, (what, names) in product(HOSTILE.values(), asked.items()):
        said = value.decode("utf-8", "surrogateescape")
        for name in names:
            body = json.dumps({"text": POEM, "consent": True, name: said} if "text" in names else {name: said})
            answer = client.post(f"/api/v1/voices/sibot/{what}", content=body, headers=JSON)
            assert is_peaceful(answer), (name, said[:80], answer.status_code, answer.text[:500])
        reason = json.dumps({"version": 0, "override": True, "reason": said})
        answer = client.post("/api/v1/admin/voices/sibot/promote", content=reason, headers=JSON | bearer)
        assert is_peaceful(answer), (said[:80], answer.status_code, answer.text[:500])


def test_no_method_fails(app: FastAPI, client: httpx.Client) -> None:
    """What a route does not answer it refuses, and says what it does; to those who ask for an upgrade too."""
    for route in {placed(r.path) for method in ("GET", "POST") for r in routes(app, method)}:
        for method in ("PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            answer = client.request(method, route)
            assert answer.status_code in (404, 405), (method, route, answer.status_code)
        upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        assert is_peaceful(client.get(route, headers=upgrade | {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}))


@pytest.mark.slow
def test_no_body_fails_the_api(app: FastAPI, client: httpx.Client, bearer: dict[str, str]) -> None:
    """JSON that is torn, deep, huge or none; for readers and admins."""
    for method in ("POST", "PUT", "DELETE"):
        calls = [route.path for route in routes(app, method) if route.path.startswith("/api/")]
        for path, (kind, body) in product(calls, BODIES.items()):
            answer = client.request(method, placed(path), content=body, headers=JSON | bearer)
            assert is_peaceful(answer), (path, kind, answer.status_code, answer.text[:500])


@pytest.mark.slow
def test_large_bodies_are_refused_everywhere(app: FastAPI, keeper: httpx.Client) -> None:
    """413 before anything of them is read."""
    for route, megabytes in product(routes(app, "POST"), (1, 10)):
        kind = JSON if route.path.startswith("/api/") else FORM
        answer = keeper.post(placed(route.path), content=b"text=" + b"a" * (megabytes * 2**20), headers=kind)
        assert answer.status_code == 413, (route.path, answer.status_code)


def test_a_compressed_body_is_not_unpacked(client: httpx.Client) -> None:
    """A bomb of a few kilobytes stays that small: no body is ever decompressed."""
    bomb = zlib.compress(b"a" * (50 * 2**20))
    headers = {**FORM, "content-encoding": "gzip"}

    assert len(bomb) < 2**20
    assert 400 <= client.post("/sibot/submissions", content=bomb, headers=headers).status_code < 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(disposition=st.binary(max_size=40), content=st.binary(max_size=60), cut=st.integers(0, 160))
def test_no_multipart_fails(client: httpx.Client, disposition: bytes, content: bytes, cut: int) -> None:
    """Parts with anything in their heads and bodies, torn anywhere."""
    body = (MULTIPART % (disposition, content))[: 160 - cut]
    headers = {"content-type": "multipart/form-data; boundary=x"}

    assert is_peaceful(client.post("/sibot/submissions", content=body, headers=headers))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(body=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: f'{{"text":"{text}"}}'.encode()))
def test_no_json_fails(client: httpx.Client, body: bytes) -> None:
    """Anything at all where JSON should be."""
    assert is_peaceful(client.post("/api/v1/voices/sibot/submissions", content=body, headers=JSON))


def test_nothing_in_a_header_fails(client: httpx.Client) -> None:
    """Headers are read too; what HTTP itself forbids in them the server refuses."""
    names = (b"cookie", b"accept-language", b"x-forwarded-for", b"user-agent", b"referer", b"origin", b"x-request-id",
             b"authorization", b"accept", b"range", b"if-none-match", b"if-modified-since", b"sec-purpose",
             b"sec-fetch-site", b"content-type", b"forwarded", b"host")  # fmt: skip
    for name, kind in product(names, ("binary", "html", "huge-number", "format", "long")):
        value = re.sub(rb"[\x00-\x1f\x7f]", b"", HOSTILE[kind]).strip()[:8000]
        for said in (value, b"visitor=" + value + b"; desk=" + value + b"; lang=" + value + b"; voice=" + value):
            for path in ("/about", "/static/site.css", "/api/v1/voices", "/desk"):
                answer = client.get(path, headers=[(name, said)])
                assert is_peaceful(answer), (name, kind, path, answer.status_code)

"""What is turned away at the door, and what every answer carries."""

import re

import httpx
import pytest

from app.bootstrap import Bot, build_engine
from app.web.http.edge import LARGEST_BODY, host_name
from app.web.site import create_app
from tests.support import bots
from tests.support.patience import PATIENCE
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form
from tests.web.test_http_limits import call

POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"


@pytest.mark.parametrize(
    "path",
    ["/", "/about", "/nothing-here/x", "/api/v1/voices", "/api/v1/nope", "/healthz", "/static/site.css", "/desk"],
)
def test_every_answer_carries_the_guard_s_headers(client: httpx.Client, path: str) -> None:
    """No page of ours runs inline script, is framed, is sniffed, or tells other sites where the reader was."""
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert "'unsafe-inline'" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])


def test_a_request_id_may_be_brought_along(client: httpx.Client) -> None:
    """A proxy's id is kept if it looks like one, and replaced if it looks like an attack on the log."""
    assert client.get("/healthz", headers={"x-request-id": "abc-12345678"}).headers["x-request-id"] == "abc-12345678"
    assert client.get("/healthz", headers={"x-request-id": "a b{}"}).headers["x-request-id"] != "a b{}"


def test_no_page_has_inline_script_or_style(client: httpx.Client) -> None:
    """The policy forbids it, so a page that needed it would be broken."""
    for path in ("/", "/about", "/learn", "/sibot/poems", "/sibot/versions", "/me", "/desk/login", "/api/docs"):
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert " style=" not in text, path
        assert "<style" not in text, path
        assert not re.search(r"\son\w+=", text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path


def test_a_form_of_another_site_is_refused(reader: Reader) -> None:
    """Sec-Fetch-Site decides, Origin where there is none; our own pages may post."""
    page = reader.open("/sibot")
    fields = form(page, "/sibot/poems").filled()
    post = reader.client.post
    here = str(reader.client.base_url).rstrip("/")

    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": here},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        assert post("/sibot/poems", data=fields, headers=headers).status_code == 403, headers
    for headers in ({"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": here}):
        assert post("/sibot/poems", data=fields, headers=headers).status_code == 303, headers


def test_json_calls_of_another_site_are_refused(client: httpx.Client) -> None:
    """The API has no form token: the origin must be right, and the type must be JSON."""
    evil = {"origin": "https://evil.example"}
    call = "/api/v1/voices/sibot/poems"

    assert client.post(call, json={}, headers=evil).status_code == 403
    assert client.put("/api/v1/lines/1/tick", headers=evil).status_code == 403
    refused = client.post(call, content='{"lines":1}', headers={"content-type": "text/plain"})
    assert refused.status_code == 415
    assert refused.headers["content-type"] == "application/problem+json"


def test_a_bearer_token_needs_no_origin(client: httpx.Client, bearer: dict[str, str]) -> None:
    """No foreign page can make a browser send one."""
    headers = bearer | {"sec-fetch-site": "cross-site"}

    assert client.post("/api/v1/admin/voices/sibot/runs", headers=headers).status_code == 202


def test_a_form_without_its_token_comes_back_filled(reader: Reader, new_client: NewClient) -> None:
    """A page that lay open too long, or another visitor's token: 403, and the text is still there."""
    page = reader.open("/sibot")
    other = Reader(new_client())
    foreign = form(other.open("/sibot"), "/submissions").filled()["csrf_token"]

    for token in ("", "nonsense", foreign[0]):
        answer = reader.send(form(page, "/submissions"), csrf_token=token, text=POEM, consent="yes")
        assert answer.status_code == 403
        again = form(answer, "/submissions").filled()
        assert [text.replace("\r\n", "\n") for text in again["text"]] == [POEM]
        assert reader.send(form(answer, "/submissions")).status_code == 200  # and now it is sent


def test_ticks_without_their_token_come_back_ticked(reader: Reader) -> None:
    """What was ticked is shown ticked, though it is not saved yet."""
    page = reader.open("/sibot")
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]

    answer = reader.send(form(page, "/ticks"), csrf_token="old", lines=[ids[1]])

    assert answer.status_code == 403
    assert form(answer, "/ticks").filled()["lines"] == [ids[1]]
    assert "lines" not in form(reader.open("/sibot"), "/ticks").filled()


def test_bodies_that_are_too_large_are_refused(client: httpx.Client) -> None:
    """Said beforehand or found out while reading: 413, for pages and programs."""
    large = b"text=" + b"a" * LARGEST_BODY
    kind = {"content-type": "application/x-www-form-urlencoded"}

    said = client.post("/sibot/submissions", content=large, headers=kind)
    assert said.status_code == 413
    assert said.headers["content-type"].startswith("text/html")
    found_out = client.post(
        "/sibot/submissions", content=(large[i : i + 65536] for i in range(0, len(large), 65536)), headers=kind
    )
    assert found_out.status_code == 413
    program = client.post(
        "/api/v1/voices/sibot/submissions", content=b'{"text":"' + large, headers={"content-type": "application/json"}
    )
    assert program.status_code == 413
    assert program.json()["code"] == "too_large"


@pytest.mark.parametrize(
    ("host", "sane"),
    [
        ("example.org", True), ("example.org:8000", True), ("[::1]:8000", True), ("127.0.0.1", True), ("", False),
        ("a.example.", True), ("a_b:80", True), ("a\xff", False), ('a"><script>', False), ("a:99999", False),
        (":80", False),
        (None, False), ("a/b", False), ("a@b", False), ("a b", False), ("a:0", False), ("a:x", False), ("[::1", False),
    ],
)  # fmt: skip
def test_hosts_are_hosts(host: str | None, *, sane: bool) -> None:
    """A Host header is a name and perhaps a port."""
    assert (host_name(host) is not None) is sane


def test_a_request_has_one_host(site: str) -> None:
    """A proxy might go by the other one, even where both say the same."""

    def said(*hosts: str) -> bytes:
        with call(site) as mine:
            named = "".join(f"Host: {host}\r\n" for host in hosts)
            mine.sendall(f"GET /about HTTP/1.1\r\n{named}Connection: close\r\n\r\n".encode())
            return mine.recv(12)

    assert said("here") == b"HTTP/1.1 200"
    assert {said("here", "evil.example"), said("here", "here"), said()} == {b"HTTP/1.1 400"}


def test_a_site_with_names_answers_to_no_other(bot: Bot) -> None:
    """Whoever leads another name to our address reads nothing; machines ask by address."""
    named = Bot(
        bot.settings.model_copy(update={"hosts": "Poems.example.org, www.example.org"}),
        bot.database, bot.sessions, bot.queue, bot.shelf,
    )  # fmt: skip
    with bots.served(create_app(named, build_engine(named))) as site:
        for host, path, status in (
            ("poems.example.org", "/about", 200), ("POEMS.example.org.:443", "/about", 200),
            ("www.example.org:8000", "/api/v1/voices", 200), ("evil.example", "/about", 400),
            ("127.0.0.1", "/api/v1/voices", 400), ("127.0.0.1:8000", "/readyz", 200), ("web:8000", "/metrics", 200),
        ):  # fmt: skip
            assert httpx.get(site + path, headers={"host": host}, timeout=PATIENCE).status_code == status, (host, path)


def test_nobody_is_sent_to_another_site(reader: Reader) -> None:
    """The language form goes back to where it came from, if that is here."""
    page = reader.open("/about")
    for target in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""):
        answer = reader.send_only(form(page, "/language"), next=target)
        assert answer.headers["location"] == "/", target
    assert reader.send_only(form(page, "/language"), next="/sibot?x=1").headers["location"] == "/sibot?x=1"
    slashes = reader.client.get("//evil.example//")
    assert not slashes.headers.get("location", "").startswith("//")


def test_cookies_are_out_of_reach(client: httpx.Client) -> None:
    """No script reads them, no other site sends them."""
    for cookie in client.get("/sibot").headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

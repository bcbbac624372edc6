"""The JSON API: the contract's shapes, and problems for everything that is wrong."""

from typing import Any

import httpx

from app.bootstrap import Bot
from tests.web.conftest import NewClient

API = "/api/v1"
POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"


def write(client: httpx.Client, **wish: Any) -> dict[str, Any]:
    """A poem by program."""
    answer = client.post(f"{API}/voices/sibot/poems", json=wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_voices(client: httpx.Client) -> None:
    """Every voice, with what it serves."""
    assert client.get(f"{API}/voices").json() == [
        {
            "slug": "sibot",
            "title": "시봇",
            "language": "ko",
            "base": "sibot-tiny",
            "version": 0,
            "versions": 1,
            "lines_taught": 0,
        }
    ]


def test_a_poem_has_the_contracts_shape(client: httpx.Client) -> None:
    """201, with an address, five lines, and where each comes from."""
    poem = write(client)

    assert {"id", "voice", "version", "seed", "temperature", "url", "lines"} <= poem.keys()
    assert [line["slot"] for line in poem["lines"]] == [0, 1, 2, 3, 4]
    assert {"id", "slot", "text", "version", "logprob", "ticked"} <= poem["lines"][0].keys()
    assert client.get(poem["url"]).status_code == 200
    assert client.get(f"{API}/poems/{poem['id']}").json() == poem


def test_a_body_is_not_needed(client: httpx.Client) -> None:
    """The defaults are the contract's."""
    assert client.post(f"{API}/voices/sibot/poems").status_code == 201


def test_a_poem_of_a_given_seed_comes_again_and_cannot_be_ticked(client: httpx.Client) -> None:
    """Fixed seeds are for comparing; they make no impressions."""
    first, second = write(client, seed=7, lines=3), write(client, seed=7, lines=3)

    assert [line["text"] for line in first["lines"]] == [line["text"] for line in second["lines"]]
    assert client.put(f"{API}/lines/{first['lines'][0]['id']}/tick").status_code == 404


def test_kept_lines_are_quotations(client: httpx.Client) -> None:
    """They keep their id and their slot."""
    first = write(client)
    kept = first["lines"][3]

    second = write(client, keep=[kept["id"]])

    assert second["lines"][3]["id"] == kept["id"]
    assert second["lines"][3]["quoted"]
    assert write(client, keep=[kept["id"]], lines=2)["lines"][1]["id"] == kept["id"]


def test_ticks_are_idempotent_and_reversible(client: httpx.Client) -> None:
    """PUT twice is once; DELETE takes it back, also twice."""
    line = write(client)["lines"][0]["id"]

    for _ in range(2):
        assert client.put(f"{API}/lines/{line}/tick").json() == {"line": line, "ticked": True}
    for _ in range(2):
        assert client.delete(f"{API}/lines/{line}/tick").json() == {"line": line, "ticked": False}


def test_a_tick_needs_an_impression(client: httpx.Client, new_client: NewClient) -> None:
    """A line that this visitor was never shown is unknown to him; reading the poem changes that."""
    poem = write(client)
    line, other = poem["lines"][0]["id"], new_client()
    other.get("/about")

    assert other.put(f"{API}/lines/{line}/tick").status_code == 404
    assert other.get(f"{API}/poems/{poem['id']}").json()["lines"][0]["tickable"]
    assert other.put(f"{API}/lines/{line}/tick").status_code == 200
    assert not client.get(f"{API}/poems/{poem['id']}").json()["lines"][0]["ticked"]


def test_submissions(client: httpx.Client, new_client: NewClient) -> None:
    """202, then 200 with the same token; another visitor hears nothing of it; status and withdrawal by token."""
    call, body = f"{API}/voices/sibot/submissions", {"text": POEM, "consent": True}
    client.get("/about")

    first = client.post(call, json=body)
    assert first.status_code == 202
    assert {"id", "token", "status", "url"} <= first.json().keys()
    again = client.post(call, json=body)
    assert again.status_code == 200
    assert again.json()["token"] == first.json()["token"]
    assert new_client().post(call, json=body).status_code == 202
    there = f"{API}/submissions/{first.json()['token']}"
    assert new_client().get(there).json()["status"] == "waiting"
    assert new_client().delete(there).json()["status"] == "withdrawn"
    assert new_client().delete(there).json()["status"] == "withdrawn"


def test_browsing_turns_pages(client: httpx.Client) -> None:
    """The cursor leads to older poems, and ends."""
    ids = [write(client, lines=1)["id"] for _ in range(23)]

    first = client.get(f"{API}/voices/sibot/poems").json()
    second = client.get(f"{API}/voices/sibot/poems", params={"cursor": first["next"]}).json()

    assert [poem["id"] for poem in first["poems"] + second["poems"]] == ids[::-1]
    assert second["next"] is None


def test_versions(client: httpx.Client) -> None:
    """What was measured and how readers took it; counts are of visitors who came back."""
    poem = write(client)
    client.put(f"{API}/lines/{poem['lines'][0]['id']}/tick")

    version = client.get(f"{API}/voices/sibot/versions").json()[0]

    assert version["number"] == 0
    assert version["status"] == "base"
    assert version["lesson"] == {"hash": "", "ticks": 0, "submissions": 0, "visitors": 0}
    assert (version["impressions"], version["ticks"]) == (5, 1)
    assert version["tick_rate"]["low"] < version["tick_rate"]["mean"] == 0.2 < version["tick_rate"]["high"]
    assert client.get(f"{API}/voices/sibot/versions/0").json() == version


WRONG: list[tuple[str, str, Any, int]] = [
    ("GET", "/nope", None, 404),
    ("GET", "/voices/nope/poems", None, 404),
    ("GET", "/voices/No Pe/versions", None, 404),
    ("GET", "/voices/sibot/versions/7", None, 404),
    ("GET", "/voices/sibot/versions/-1", None, 404),
    ("GET", f"/voices/sibot/versions/{10**30}", None, 404),
    ("GET", "/voices/sibot/poems?sort=worst", None, 422),
    ("GET", f"/voices/sibot/poems?version={10**30}", None, 422),
    ("GET", "/poems/aaaaaaaaaa", None, 404),
    ("GET", "/poems/a%00b", None, 404),
    ("GET", "/submissions/" + "x" * 24, None, 404),
    ("PUT", f"/lines/{2**63}/tick", None, 404),
    ("PUT", f"/lines/{2**31 - 1}/tick", None, 404),
    ("PUT", "/lines/first/tick", None, 404),
    ("PATCH", "/voices", None, 405),
    ("DELETE", "/voices", None, 405),
    ("POST", "/voices/nope/poems", {}, 404),
    ("POST", "/voices/sibot/poems", [], 422),
    ("POST", "/voices/sibot/poems", {"lines": 0}, 422),
    ("POST", "/voices/sibot/poems", {"lines": 17}, 422),
    ("POST", "/voices/sibot/poems", {"lines": "5"}, 422),
    ("POST", "/voices/sibot/poems", {"lines": 10**400}, 422),
    ("POST", "/voices/sibot/poems", {"temperature": 99}, 422),
    ("POST", "/voices/sibot/poems", {"temperature": "hot"}, 422),
    ("POST", "/voices/sibot/poems", {"seed": 2**31}, 422),
    ("POST", "/voices/sibot/poems", {"seed": -1}, 422),
    ("POST", "/voices/sibot/poems", {"prime": "a" * 61}, 422),
    ("POST", "/voices/sibot/poems", {"prime": "a\x00b"}, 422),
    ("POST", "/voices/sibot/poems", {"prime": "\x1b[0m"}, 422),
    ("POST", "/voices/sibot/poems", {"keep": [1, 2]}, 404),
    ("POST", "/voices/sibot/poems", {"keep": [2**60]}, 422),
    ("POST", "/voices/sibot/poems", {"keep": ["x"]}, 422),
    ("POST", "/voices/sibot/submissions", {}, 422),
    ("POST", "/voices/sibot/submissions", {"text": "짧다", "consent": True}, 422),
    ("POST", "/voices/sibot/submissions", {"text": POEM}, 422),
    ("POST", "/voices/sibot/submissions", {"text": POEM + "\x00", "consent": True}, 422),
    ("POST", "/voices/sibot/submissions", {"text": POEM, "title": "\x00", "consent": True}, 422),
    ("POST", "/voices/sibot/submissions", {"text": 7, "consent": True}, 422),
    ("POST", "/voices/sibot/submissions", {"text": POEM, "consent": "yes"}, 422),
    ("GET", "/admin/runs/1", None, 401),
    ("POST", "/admin/voices/sibot/runs", None, 401),
]


def test_what_is_wrong_is_a_problem(client: httpx.Client) -> None:
    """Status, type and a code for programs; never a page, never a 500."""
    for method, path, body, status in WRONG:
        answer = client.request(method, API + path, json=body)

        case = (method, path, body, answer.text)
        assert answer.status_code == status, case
        assert answer.headers["content-type"] == "application/problem+json", case
        problem = answer.json()
        assert problem["status"] == status
        assert problem["type"] == f"urn:poem-bot:{problem['code']}"
        assert problem["request_id"] == answer.headers["x-request-id"]


BROKEN = [
    b"{",
    b"[" * 100_000,
    b'{"lines":' + b"1" * 5000 + b"}",
    b"\xff\xfe",
    b'{"prime":"\\ud800"}',
    b'{"lines":1e999}',
    b'{"temperature":NaN}',
    b'{"temperature":-Infinity}',
    b'{"keep":{"\\ud800":1}}',
    b'"lines"',
]


def test_broken_json_is_a_problem(client: httpx.Client) -> None:
    """Not JSON, too deep, too long, lone surrogates, numbers that are none."""
    for call in ("/voices/sibot/poems", "/voices/sibot/submissions"):
        for content in BROKEN:
            answer = client.post(API + call, content=content, headers={"content-type": "application/json"})
            assert answer.status_code in (400, 422), (call, content[:40], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


def test_a_405_says_what_is_allowed(client: httpx.Client) -> None:
    """Allow names every method of the address, whichever routes they belong to."""
    for path, methods in (
        (f"{API}/voices", "HEAD, GET"),
        (f"{API}/voices/sibot/poems", "HEAD, GET, POST"),
        (f"{API}/lines/1/tick", "PUT, DELETE"),
        ("/sibot/submissions", "POST"),
    ):
        answer = client.patch(path, json={})
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_openapi_declares_what_can_happen(client: httpx.Client) -> None:
    """Every call has its success shape, and problems for what it refuses."""
    schema = client.get("/api/openapi.json").json()

    assert {f"{API}/voices", f"{API}/voices/{{voice}}/poems", f"{API}/lines/{{line}}/tick"} <= schema["paths"].keys()
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            for status, answer in call["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (path, method, status)
    assert (
        "text/event-stream" in schema["paths"][f"{API}/voices/{{voice}}/poems"]["post"]["responses"]["200"]["content"]
    )
    assert schema["components"]["securitySchemes"].keys() == {"APIKeyCookie", "HTTPBearer"}


def test_the_documentation_page_needs_no_other_site(client: httpx.Client) -> None:
    """Everything it loads is ours and is there."""
    page = client.get("/api/docs").text

    for part in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/api/docs/ui/{part}" in page
        assert client.get(f"/api/docs/ui/{part}").status_code == 200


def test_the_champion_is_read_at_once(client: httpx.Client, bot: Bot) -> None:
    """What the API says of a voice is what the database says, whatever this process has loaded."""
    assert client.get(f"{API}/voices").json()[0]["version"] == bot.champions()[0].number

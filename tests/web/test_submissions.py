"""The teach box: nothing typed is ever lost, and the reason is said."""

import httpx
import pytest
from structlog.testing import capture_logs

from app.bootstrap import Bot
from app.store.submissions import Submissions
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, forms, poem_of

POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "아직 비어 있습니다"),
        ("   \n ", "아직 비어 있습니다"),
        ("너무 짧다", "너무 짧습니다"),
        ("가" * 5001, "너무 깁니다"),
        ("창밖에 눈이\x07내리고 나는 오래 서 있었다", "글로 읽을 수 없는 문자가 들어 있습니다(U+0007)"),
        ("창밖에 눈이\x00내리고 나는 오래 서 있었다", "글로 읽을 수 없는"),
        ("1234567890 !!! 1234567890", "글로 읽을 수 없는"),
    ],
)
def test_what_cannot_be_taken_comes_back_with_its_reason(reader: Reader, text: str, words: str) -> None:
    """422, and the form filled as it was."""
    page = reader.open("/sibot")

    answer = reader.send(form(page, "/submissions"), text=text, title="제목", author="지은이", consent="yes")

    assert answer.status_code == 422
    assert words in answer.text
    again = form(answer, "/submissions").filled()
    shown = text.replace("\x00", "\ufffd") if "\x00" in answer.text else text
    assert again["text"][0].replace("\r\n", "\n") in (shown, text, text.replace("\x00", "\ufffd"))
    assert again["title"] == ["제목"]
    assert again["author"] == ["지은이"]
    assert again["consent"] == ["yes"]


def test_teaching_has_a_page_of_its_own(reader: Reader, new_client: NewClient) -> None:
    """A poem's page ends after the poem, with a line that leads there; the voice's own page has the box at hand."""
    poem = reader.open(f"/poems/{poem_of(reader.open('/sibot'))}")

    assert [one for one in forms(poem) if one.action.endswith("/submissions")] == []
    assert '<a href="/sibot/teach">' in poem.text
    assert reader.send(form(reader.open("/sibot/teach"), "/submissions"), text=POEM, consent="yes").status_code == 200
    assert new_client().get("/nobody/teach").status_code == 404


def test_without_consent_nothing_is_taken(reader: Reader, bot: Bot) -> None:
    """The box must be ticked by the author himself."""
    answer = reader.send(form(reader.open("/sibot"), "/submissions"), text=POEM)

    assert answer.status_code == 422
    with bot.reading() as session:
        assert Submissions(session).count() == 0


def test_the_same_poem_again_is_the_one_there_was(reader: Reader) -> None:
    """A double click leads to the same page twice."""
    page = form(reader.open("/sibot"), "/submissions")

    first = reader.send(page, text=POEM, consent="yes")
    second = reader.send(page, text=POEM, consent="yes")

    assert first.url == second.url
    assert "이미 가르쳐 주신 시입니다" in second.text


OWN = {"id", "token", "url", "created", "text"}
"""What differs between any two submissions."""


def test_nobody_learns_what_others_taught(reader: Reader, new_client: NewClient, bot: Bot) -> None:
    """A text that was taught is taken as any other, by form and by JSON; the moderator sees that there are two."""
    reader.send(form(reader.open("/sibot"), "/submissions"), text=POEM, consent="yes")
    other = Reader(new_client())
    page, call = form(other.open("/sibot"), "/submissions"), "/api/v1/voices/sibot/submissions"

    pages = [other.send(page, text=text, consent="yes") for text in (POEM, POEM[::-1])]
    program, another = new_client(), "강가에 앉아 저녁이 오는 것을 보았다"
    told = [program.post(call, json={"text": text, "consent": True}) for text in (POEM, another)]

    assert [answer.status_code for answer in pages] == [200, 200]
    assert [answer.status_code for answer in told] == [202, 202]
    first, second = (answer.json() for answer in told)
    assert {name: first[name] for name in first if name not in OWN} == {
        name: second[name] for name in second if name not in OWN
    }
    with bot.reading() as session:
        assert [given.flags for given in Submissions(session).queue()] == [(), ("twin",), (), ("twin",), ()]


def test_what_was_withdrawn_stays_at_its_address(reader: Reader) -> None:
    """Withdrawn, for who has the address: by page and by JSON, and saying so again changes nothing."""
    taught = reader.send(form(reader.open("/sibot"), "/submissions"), text=POEM, consent="yes").url.path
    calls = [reader.client.request(method, f"/api/v1{taught}") for method in ("DELETE", "DELETE", "GET")]
    page = reader.open(taught)

    assert [(call.status_code, call.json()["status"]) for call in calls] == [(200, "withdrawn")] * 3
    assert page.status_code == 200
    assert "거둔 시입니다" in page.text
    assert not [one for one in forms(page) if one.action.endswith("/withdraw")]


def test_markup_is_shown_as_it_was_typed(reader: Reader) -> None:
    """HTML and templates in any field are text."""
    text = "<script>alert(1)</script> {{ 7*7 }} 나는 오래 서 있었다"
    answer = reader.send(form(reader.open("/sibot"), "/submissions"), text=text, title="<b>x", consent="yes")

    assert "<script>alert(1)" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "{{ 7*7 }}" in answer.text
    assert "&lt;b&gt;x" in answer.text


def test_a_submission_is_private(reader: Reader, new_client: NewClient) -> None:
    """Its address is a secret; a wrong one is unknown."""
    page = reader.send(form(reader.open("/sibot"), "/submissions"), text=POEM, consent="yes")

    assert new_client().get(page.url.path).status_code == 200
    assert new_client().get("/submissions/" + "x" * 24).status_code == 404
    assert new_client().get("/submissions/" + "x" * 500).status_code == 404


def test_the_address_of_a_submission_is_in_no_log(reader: Reader) -> None:
    """Neither as it is, nor with what a hand that copied it has added or left out."""
    address = reader.send(form(reader.open("/sibot"), "/submissions"), text=POEM, consent="yes").url.path
    token = address.rpartition("/")[2]
    with capture_logs() as events:
        for way in (
            address,
            f"{address}/",
            f"{address}/x",
            f"/api/v1{address}",
            f"/api/v1{address}/",
            f"/sibot{address}",
        ):
            reader.client.get(way, follow_redirects=False)
            reader.client.request("PATCH", way)

    told = [event for event in events if event["event"] == "http.request"]
    assert len(told) == 12
    assert not any(token in str(event) for event in events)


URLENCODED = "application/x-www-form-urlencoded"


def part(head: str, body: str) -> bytes:
    """A multipart body of one part, between lines of x."""
    return f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n--x--\r\n".encode()


BROKEN = [
    (b"\xff\xfe\x00" * 100, URLENCODED),
    (b"text=%ED%A0%80%00&consent=yes", URLENCODED),
    (b"&".join(b"a=1" for _ in range(1000)), URLENCODED),
    (part('name="text"; filename="a"', "b"), "multipart/form-data; boundary=x"),
    (part('name="text"', "\\ud800"), "multipart/form-data; boundary=x; charset=unicode_escape"),
    (part('name="text"', "abc"), "multipart/form-data; boundary=x; charset=rot13"),
    (b"garbage", "multipart/form-data; boundary=x"),
    (b"garbage", "multipart/form-data"),
    (b"{}", "application/json"),
    (b"", ""),
]


def test_broken_forms_are_refused_in_peace(client: httpx.Client) -> None:
    """Whatever is posted, the answer is one of refusal and not of failure."""
    client.get("/sibot")
    for path in ("/sibot/submissions", "/sibot/poems", "/poems/aaaaaaaaaa/ticks", "/language", "/desk/login"):
        for content, kind in BROKEN:
            answer = client.post(path, content=content, headers={"content-type": kind})
            assert 400 <= answer.status_code < 500, (path, kind, answer.status_code)

"""/learn on the live network, and the hello lab, by their forms and without a script."""

import html
import re

from tests.web.reader import Reader, forms, lines


def hello(page_text: str) -> tuple[str, int]:
    """What the lab says, and after how many steps."""
    said = re.search(r'class="said-word">(\w+)</span> <span class="soft">(\d+)단계', page_text)
    assert said is not None
    return said[1], int(said[2])


def test_the_network_reads_what_one_types(reader: Reader) -> None:
    """Each character wears its surprise, the likeliest next ones are listed, and the shares are shares."""
    assert "시의 첫 글자" in reader.open("/learn").text

    page = reader.client.get("/learn", params={"text": "  봄비  <온다>\u2603 "})
    shown = re.search(r'<p class="surprise"[^>]*>(.*?)</p>', page.text, re.DOTALL)
    assert shown is not None
    assert html.unescape(re.sub("<[^>]+>", "", shown[1])) == "봄비 <온다>☃"
    assert len(re.findall(r'class="s[0-5]"', shown[1])) == len("봄비 <온다>☃")
    shares = [float(share) for share in re.findall(r"<span>([\d.]+)%</span>", page.text)]
    assert len(shares) == 8
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 100.5


def test_the_page_opens_with_a_line_of_its_own(reader: Reader) -> None:
    """Nobody need type anything: it reads what the version that serves wrote, and the box stays empty."""
    reader.open("/sibot")
    home = reader.open("/sibot")
    first = lines(home)[0]
    assert 'href="/learn?voice=sibot"' in home.text

    page = reader.open("/learn?voice=sibot").text

    shown = re.search(r'<p class="surprise"[^>]*>(.*?)</p>', page, re.DOTALL)
    assert shown is not None
    assert html.unescape(re.sub("<[^>]+>", "", shown[1])) == first
    assert 'value="" data-key="t"' in page
    before = re.search(r"“(.*)” 다음에 올 글자", html.unescape(page))
    assert before is not None  # not at its end, which it expects, but before what it expected least
    assert before[1] != first[-12:]
    assert before[1] in first


def test_any_text_can_be_read(reader: Reader) -> None:
    """Long, empty, unknown or broken: it is read as far as it goes, and the unknown voice is the first one."""
    for text in (
        "",
        " ",
        "가" * 5000,
        "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        "🦉\u0301",
    ):
        answer = reader.client.get("/learn", params={"text": text, "voice": "nobody"})
        assert answer.status_code == 200
    assert len(re.findall(r'class="s[0-5]"', reader.client.get("/learn", params={"text": "가" * 5000}).text)) == 200


def test_hello_is_learned_step_by_step(reader: Reader) -> None:
    """Watching is one step, to the end is to `ello`, and another start is at the beginning again."""
    page = reader.open("/learn")
    said, step = hello(page.text)
    assert step == 0

    watch = next(f for f in forms(page) if dict(f.fields).get("step") == "1")
    one = reader.client.get(watch.action, params=dict(watch.fields))
    assert hello(one.text)[1] == 1
    end = next(f for f in forms(one) if dict(f.fields).get("step") == "200")
    learned = reader.client.get(end.action, params=dict(end.fields))
    assert hello(learned.text)[0] == "ello" != said
    assert "배웠습니다" in learned.text
    again = next(f for f in forms(learned) if dict(f.fields).get("step") == "0")
    assert hello(reader.client.get(again.action, params=dict(again.fields)).text)[1] == 0


def test_odd_steps_are_steps(reader: Reader) -> None:
    """What is no number is nought, and what is too much is the end."""
    for step in ("", "x", "-3", "99999", "9" * 99, "²"):
        assert reader.client.get("/learn/hello", params={"step": step, "seed": step}).status_code == 200

"""사람일까 봇일까, by its forms: what may be asked, and what the answers come to."""

import html
import re

import httpx
import pytest

from app.bootstrap import Bot, now
from app.domain.submission import SubmissionStatus
from app.store.submissions import Submissions
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form

TAUGHT = "\n".join(f"사람이 적은 {number}번째 행" for number in range(20))


def taught(reader: Reader, bot: Bot, *, quotable: bool, text: str = TAUGHT) -> None:
    """A poem of twenty lines, approved; its author allows lines of it to be shown, or does not."""
    sent = form(reader.open("/sibot"), "/sibot/submissions")
    reader.send(sent, text=text, consent="yes", **({"quotable": "yes"} if quotable else {}))
    with bot.transaction() as session:
        store = Submissions(session)
        store.decide([one.id for one in store.queue()], SubmissionStatus.APPROVED, by="keeper", now=now())


def riddle(page: httpx.Response) -> str:
    """The line that is asked about."""
    found = re.search(r'<p class="riddle"[^>]*>([^<]*)</p>', page.text)
    assert found is not None
    return html.unescape(found[1])


def test_without_enough_human_lines_there_is_no_game(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """The page says how many there are; a poem whose author has not allowed it is not one of them."""
    assert "지금은 0행이고, 20행이 모이면" in reader.open("/sibot/guess").text
    taught(reader, bot, quotable=False)

    assert "지금은 0행이고" in Reader(new_client()).open("/sibot/guess").text


def test_guesses_are_told_and_counted(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """Each answer is told at once, no line comes twice, and the score has its interval."""
    taught(reader, bot, quotable=True)
    guest = Reader(new_client())
    guest.open("/sibot")
    page, asked, right = guest.open("/sibot/guess"), set[str](), 0
    for _ in range(8):
        line = riddle(page)
        assert line not in asked
        asked.add(line)
        said = "human" if len(asked) % 2 else "bot"
        page = guest.send(form(page, "/guess"), said=said)
        human = line in TAUGHT.split("\n")
        right += human == (said == "human")
        assert ("사람이 쓴 행입니다" if human else "봇이 쓴 행입니다") in page.text
        assert ("맞았습니다" if human == (said == "human") else "아닙니다") in page.text

    assert "8행에 답해" in page.text
    assert re.search(r"<dt>답</dt><dd>8</dd>", page.text)
    assert f"{right / 8 * 100:.1f}".rstrip("0").rstrip(".") + "% <span" in page.text


def test_nobody_is_asked_about_what_he_knows(reader: Reader, bot: Bot) -> None:
    """Not about a poem he taught, nor a line he was shown: then there is nothing left to ask."""
    taught(reader, bot, quotable=True)
    reader.open("/sibot")

    assert "다 맞혀 보셨습니다" in reader.open("/sibot/guess").text


def test_a_withdrawn_poem_is_asked_about_no_more(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """What is taken back is gone here too."""
    taught(reader, bot, quotable=True)
    given = re.search(r"/submissions/[\w-]+", reader.open("/me").text)
    assert given is not None
    reader.send(form(reader.open(given[0]), "/withdraw"))

    assert "지금은 0행이고" in Reader(new_client()).open("/sibot/guess").text


@pytest.mark.parametrize("sent", [{"line": "x"}, {"said": "nobody"}, {"line": ""}])
def test_an_answer_to_nothing_is_passed_over(
    reader: Reader, bot: Bot, new_client: NewClient, sent: dict[str, str]
) -> None:
    """A line that nobody asked about, or a third answer: no guess, and no harm."""
    taught(reader, bot, quotable=True)
    guest = Reader(new_client())
    guest.open("/sibot")
    page = guest.send(form(guest.open("/sibot/guess"), "/guess"), **{"said": "bot", **sent})

    assert page.status_code == 200
    assert "아직 아무도 답하지 않았습니다" in page.text

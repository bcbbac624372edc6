"""사람일까 봇일까, by its forms: what may be asked, what the answers come to, and whose lines they were."""

import html
import re

import httpx
import pytest

from app.bootstrap import Bot, now
from app.domain.guess import ROUND, Riddle
from app.domain.submission import SubmissionStatus
from app.store.guesses import MOST_OF_ONE, Guesses
from app.store.submissions import Submissions
from app.store.visitors import Visitors
from app.web.http.limits import GUESSES
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines

TAUGHT = "\n".join(f"사람이 적은 {number}번째 행" for number in range(20))


def taught(reader: Reader, bot: Bot, *, quotable: bool, text: str = TAUGHT) -> None:
    """A poem of twenty lines, approved; its author allows lines of it to be shown, or does not."""
    sent = form(reader.open("/sibot/teach"), "/sibot/submissions")
    reader.send(sent, text=text, title="귀가", consent="yes", **({"quotable": "yes"} if quotable else {}))
    with bot.transaction() as session:
        store = Submissions(session)
        store.decide([one.id for one in store.queue()], SubmissionStatus.APPROVED, by="keeper", now=now())


def riddle(page: httpx.Response) -> str:
    """The line that is asked about."""
    found = re.search(r'<p class="riddle"[^>]*>([^<]*)</p>', page.text)
    assert found is not None
    return html.unescape(found[1])


def played(guest: Reader, page: httpx.Response, times: int) -> tuple[httpx.Response, dict[str, bool]]:
    """So many lines guessed at, by turns as a human's and as the bot's; the last page, and what was said of each."""
    said: dict[str, bool] = {}
    for place in range(times):
        line = riddle(page)
        assert line not in said
        said[line] = bool(place % 2)
        page = guest.send(form(page, "/guess"), said="human" if said[line] else "bot")
    return page, said


def test_the_game_is_open_on_the_first_day(reader: Reader, bot: Bot) -> None:
    """Verse that was kept aside stands in, and the page says so; what is guessed about it is in nobody's statistics."""
    aside = {
        row
        for file in bot.shelf.fetch("base:sibot").glob("holdout*.txt")
        for row in file.read_text(encoding="utf-8").splitlines()
    }
    page = reader.open("/sibot/guess")
    assert "봇이 읽은 적 없는 시집의 행을 대신" in page.text
    page, said = played(reader, page, ROUND)

    shown = html.unescape(page.text)
    right = sum((line in aside) == human for line, human in said.items())
    assert f"10행 가운데 {right}행을 맞혔습니다." in shown
    assert shown.count("봇이 읽은 적 없는 시집의 행입니다") == sum(line in aside for line in said)
    assert "아직 아무도 답하지 않았습니다" in shown


def test_a_round_has_a_result_to_share(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """After ten lines: how many were right, whose each was, and an address that tells others. None can be made up."""
    taught(reader, bot, quotable=True)
    guest = Reader(new_client())
    guest.open("/sibot")
    page, said = played(guest, guest.open("/sibot/guess"), ROUND)

    humans = set(TAUGHT.split("\n"))
    right = sum((line in humans) == human for line, human in said.items())
    shown = html.unescape(page.text)
    for line in said:
        assert line in shown
    assert shown.count("독자가 가르쳐 준 시의 행입니다. 《귀가》") == len(humans & set(said))
    assert shown.count("봇이 쓴 행입니다") == len(set(said) - humans)
    assert f"{right / ROUND * 100:.1f}".rstrip("0").rstrip(".") + "% <span" in page.text
    address = re.search(r'data-share="[^"]*(/sibot/guess\?result=[^"]+)"', shown)
    assert address is not None
    other = new_client().get(address[1])
    assert f"10행 가운데 {right}행을 맞혔습니다." in other.text
    assert "누군가" not in new_client().get(address[1][:-3]).text
    assert riddle(guest.open("/sibot/guess")) not in said


def test_guesses_are_told_one_by_one(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """Right or wrong, and whose line it was, before the next one."""
    taught(reader, bot, quotable=True)
    guest = Reader(new_client())
    guest.open("/sibot")
    page, said = played(guest, guest.open("/sibot/guess"), 1)

    (line, human), *_ = said.items()
    assert ("맞았습니다" if human == (line in TAUGHT) else "틀렸습니다") in page.text
    assert ("독자가 가르쳐 준 시의 행" if line in TAUGHT else "봇이 쓴 행입니다") in page.text
    assert re.search(r"<dt>답</dt><dd>1</dd>", page.text)
    assert "2 / 10" in page.text


def test_one_reader_is_not_everybody(bot: Bot) -> None:
    """Of one who guesses without an end the first fifty are counted; of one who does not count, none."""
    for name, counted, times in (("ann", True, MOST_OF_ONE + 30), ("ben", True, 3), ("bot", False, 9)):
        with bot.transaction() as session:
            Visitors(session).greet(name, cookie_came_back=True, address=name, now=now())
            for number in range(times):
                one = Riddle("poem", 1, number, "사람이 적은 행", human=True)
                Guesses(session).add(name, "sibot", one, said_human=True, counted=counted, now=now())

    with bot.reading() as session:
        assert Guesses(session).score("sibot").guesses == MOST_OF_ONE + 3
        assert Guesses(session).score("sibot", "ann").guesses == MOST_OF_ONE + 30


def test_the_game_has_a_pace(reader: Reader) -> None:
    """A hundred guesses in three seconds are nobody's reading."""
    assert GUESSES.each.startswith("40/minute")
    reader.open("/sibot/guess")
    sent = form(reader.open("/sibot/guess"), "/guess")

    answers = [reader.send_only(sent, said="bot").status_code for _ in range(41)]
    assert (answers[:40], answers[40]) == ([303] * 40, 429)


def test_the_bots_own_lines_are_nobodys(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """Who teaches a line that the bot has written, with another point or space, does not bring it into the game."""
    written = lines(reader.open("/sibot"))
    taught(reader, bot, quotable=True, text="\n".join([TAUGHT, written[1].replace(" ", "") + "."]))

    assert "봇이 읽은 적 없는 시집의 행을 대신" in Reader(new_client()).open("/sibot/guess").text
    taught(reader, bot, quotable=True)
    assert "보낸 분이 허락한 것만" in Reader(new_client()).open("/sibot/guess").text


def test_without_consent_or_once_withdrawn_no_line_is_asked_about(
    reader: Reader, bot: Bot, new_client: NewClient
) -> None:
    """What is not allowed, or taken back, is not in the game."""
    taught(reader, bot, quotable=False)
    assert "봇이 읽은 적 없는 시집" in Reader(new_client()).open("/sibot/guess").text
    taught(reader, bot, quotable=True, text=TAUGHT.replace("사람이", "누가"))
    assert "보낸 분이 허락한" in Reader(new_client()).open("/sibot/guess").text
    for given in sorted(set(re.findall(r"/submissions/[\w-]+", reader.open("/me").text))):
        reader.send(form(reader.open(given), "/withdraw"))

    assert "봇이 읽은 적 없는 시집" in Reader(new_client()).open("/sibot/guess").text


def test_nobody_is_asked_about_what_he_knows(reader: Reader, bot: Bot) -> None:
    """Not about a poem he taught: then there is nothing left to ask."""
    taught(reader, bot, quotable=True)

    assert "다 맞혀 보셨습니다" in reader.open("/sibot/guess").text


@pytest.mark.parametrize("sent", [{"line": "x"}, {"said": "nobody"}, {"line": ""}])
def test_an_answer_to_nothing_is_passed_over(reader: Reader, sent: dict[str, str]) -> None:
    """A line that nobody asked about, or a third answer: no guess, and no harm."""
    reader.open("/sibot")
    page = reader.send(form(reader.open("/sibot/guess"), "/guess"), **{"said": "bot", **sent})

    assert page.status_code == 200
    assert "행에 답해" not in page.text

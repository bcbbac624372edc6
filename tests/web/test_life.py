"""A line's life before its reader's eyes: how far off the next lesson is, what was learned, where each line stands."""

import html
import io
import re

import httpx
import pytest
from PIL import Image

from app.bootstrap import Bot, now
from app.domain.lesson import LessonItem
from app.domain.run import Cause
from app.settings import Settings
from app.store.runs import Runs
from app.store.trials import Trials
from app.store.versions import Versions
from app.web.readers.picture import SIZES, pair
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines, poem_of
from tests.web.test_versions import a_version


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As a site has them by default: a lesson after a hundred new lines, or a day."""
    return settings.model_copy(update={"retrain_after": 100, "retrain_every": 24})


def ticked(reader: Reader, *slots: int) -> tuple[httpx.Response, list[int]]:
    """A poem with those lines ticked, and their ids."""
    ticks = form(reader.open("/sibot"), "/ticks")
    ids = [value for name, value in ticks.boxes if name == "lines"]
    page = reader.send(ticks, lines=[ids[slot] for slot in slots])
    return page, [int(ids[slot]) for slot in slots]


def learned(bot: Bot, *ids: int) -> int:
    """A version that was taught those lines, and serves; its number."""
    _, number = a_version(bot, *(LessonItem("line", line, 1.0, 1.0) for line in ids))
    with bot.transaction() as session:
        Versions(session).promote("sibot", number, by="root", reason="", now=now())
    return number


def test_after_a_tick_the_next_lesson_is_in_sight(reader: Reader, new_client: NewClient) -> None:
    """As far as the real settings promise one; who has ticked nothing is told nothing."""
    page, _ = ticked(reader, 0, 1)

    told = html.unescape(page.text)
    assert "고른 행이나 시가 98개 더 모이면 다시 배웁니다" in told
    assert re.search("늦어도 (오늘|내일|모레) (새벽|아침|오전|오후|저녁|밤)", told)
    assert "더 모이면 다시" not in Reader(new_client()).open("/sibot").text
    english = new_client(accept_language="en").get("/sibot/outlook").text
    assert "98 more ticks or poems until it learns again · at the latest within" in english


def test_in_a_trial_a_tick_is_a_vote_and_in_a_run_it_is_for_the_one_after(reader: Reader, bot: Bot) -> None:
    """No run starts by itself as long as readers compare two versions; what a run reads was given before."""
    with bot.transaction() as session:
        Runs(session).start("sibot", Cause.SHELL, now())
        Runs(session).claim(now(), now() - now())
    assert "그 뒤에 나올 판이 배웁니다" in reader.open("/sibot/outlook").text
    version, number = a_version(bot)
    with bot.transaction() as session:
        Trials(session).start("sibot", version, share=0.3, now=now())

    assert f"새 {number}판이 쓰던 판과 겨루는 중입니다. 고르시면 한 표가 됩니다." in ticked(reader, 0)[0].text


def test_on_return_a_reader_hears_what_was_learned_of_his(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """One line above the leaf, until he has had a poem written by the version that learned it."""
    page, ids = ticked(reader, 1, 3)
    assert "배웠습니다 →" not in reader.open("/sibot").text
    number = learned(bot, *ids)

    back = reader.open("/sibot")
    assert f'<a href="/sibot/versions/{number}">고르신 두 행을 {number}판이 배웠습니다 → 새 판 보기</a>' in back.text
    assert "배웠습니다 →" not in reader.open(page.url.path).text
    assert "배웠습니다 →" not in Reader(new_client()).open("/sibot").text
    heard = html.unescape(reader.open(f"/sibot/versions/{number}").text)
    for told in ("봄비가 온다", "눈이 온다", lines(page)[1], lines(page)[3], "바탕의 2.7배"):
        assert told in heard
    assert lines(page)[1] not in html.unescape(new_client().get(f"/sibot/versions/{number}").text)
    reader.send(form(back, "/sibot/poems"))
    assert "배웠습니다 →" not in reader.open("/sibot").text


def test_two_versions_of_one_seed_go_on_a_card(reader: Reader, bot: Bot) -> None:
    """Each seed by its number, in three shapes; a version without poems has no card."""
    number = learned(bot)

    for seed, old, new in ((1, "봄비가 온다", "눈이 온다"), (2, "별만 있다", "달만 있다")):
        page = reader.open(f"/sibot/versions/{number}?seed={seed}").text
        assert old in page
        assert new in page
        assert f'/sibot/versions/{number}.png?seed={seed}"' in page
    answers = [reader.open(f"/sibot/versions/{number}.png?shape={shape}") for shape in SIZES]
    assert [Image.open(io.BytesIO(one.content)).size for one in answers] == list(SIZES.values())
    assert pair(("가",), ("나",), ("초판", "1판"), "AI 생성") != pair(("가",), ("다",), ("초판", "1판"), "AI 생성")
    assert reader.open("/sibot/versions/0.png").status_code == 404
    assert reader.open("/sibot/versions/0").status_code == 200
    assert reader.open("/sibot/versions/99").status_code == 404


def test_each_line_of_mine_has_a_state(reader: Reader, bot: Bot) -> None:
    """Waiting, learning, in use, learned by another one; and taken back, as long as some version knows it."""

    def states() -> list[str]:
        shown = reader.open("/me").text.partition("<details>")[0]
        return re.findall(r'class="life life-(\w+)"', shown)

    page, ids = ticked(reader, 0, 2)
    assert states() == ["waiting", "waiting"]
    with bot.transaction() as session:
        Runs(session).start("sibot", Cause.SHELL, now())
        Runs(session).claim(now(), now() - now())
    assert states() == ["learning", "learning"]
    learned(bot, ids[0])
    assert sorted(states()) == ["learning", "serving"]
    learned(bot, ids[1])
    assert sorted(states()) == ["learned", "serving"]

    reader.send(form(reader.open(page.url.path), "/ticks"), lines=[])
    assert states() == ["withdrawn", "withdrawn"]


def test_a_shared_poem_is_a_leaf_with_its_seals(reader: Reader, new_client: NewClient) -> None:
    """Who opens it may tick, and have one written; the sharer's seals are there, his tools and drafts are not."""
    page, _ = ticked(reader, 1)
    address = f"/poems/{poem_of(page)}"

    guest = Reader(new_client())
    shared = guest.open(address)
    assert lines(shared) == lines(page)
    assert shared.text.count('class="sealed"') == 1
    assert "이 시를 받은 독자가 고른 행" in shared.text
    assert '<a class="button main" href="/sibot">나도 한 편 받아 보기</a>' in shared.text
    assert len(form(shared, "/ticks").boxes) == 5
    for tool in ('action="/sibot/poems"', "/next", 'name="own"', 'name="prime"'):
        assert tool not in shared.text
    assert "나도 한 편 받아 보기" not in reader.open(address).text
    plain, sealed = (guest.open(f"{address}.png?shape={shape}").content for shape in ("square", "portrait"))
    assert plain != sealed


@pytest.mark.parametrize("shape", ["landscape", "square", "portrait", "nonsense"])
def test_what_leaves_the_site_carries_its_address(reader: Reader, shape: str) -> None:
    """The text and the button say where the poem stands; a picture has the shape that was asked for."""
    page = reader.open("/sibot")
    address = f"/poems/{poem_of(page)}"

    whole = str(reader.client.base_url).rstrip("/") + address
    assert reader.open(f"{address}.txt").text.endswith(f"\n{whole}\n")
    assert f'data-share="{whole}"' in page.text
    size = Image.open(io.BytesIO(reader.open(f"{address}.png?shape={shape}").content)).size
    assert size == SIZES.get(shape, SIZES["landscape"])

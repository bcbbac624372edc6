"""The frame of the pages: languages, dates, static files."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.domain.poem import KOREA
from app.web.http.language import accepted, catalogue
from app.web.http.page import TEMPLATES, Assets, Pages


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("ko", ["ko"]),
        ("en-US,en;q=0.9,ko;q=0.8", ["en", "en", "ko"]),
        ("de;q=0.5, ko;q=0.9", ["ko", "de"]),
        ("ko;q=0, en;q=0.1", ["en"]),
        ("ko;q=x, *;q=0.1", ["*"]),
        (",;,;;q=1,", []),
    ],
)
def test_accept_language_is_read_in_order_of_liking(header: str, expected: list[str]) -> None:
    """Also when it is odd."""
    assert accepted(header) == expected


@pytest.mark.parametrize(("header", "lang"), [("", "ko"), ("ko-KR", "ko"), ("en", "en"), ("de", "en"), ("*", "ko")])
def test_a_page_has_one_language(client: httpx.Client, header: str, lang: str) -> None:
    """Korean for Koreans and for who says nothing, English for the rest of the world."""
    answer = client.get("/about", headers={"accept-language": header})

    assert f'<html lang="{lang}">' in answer.text
    assert answer.headers["content-language"] == lang
    assert "Accept-Language" in answer.headers["vary"]


def test_time_and_small_numbers_are_said_as_people_say_them() -> None:
    """A part of a day and a native number in Korean; in English within how many hours, since nobody's zone is known."""
    now = datetime.now(UTC)
    said = {
        lang: Pages()._environments[lang].from_string("{{ at|soon }} {{ 6|native }} {{ 12|native }}")  # type: ignore[index]
        for lang in ("ko", "en")
    }

    assert said["en"].render(lang="en", at=now + timedelta(hours=13, minutes=50)) == "within 14 hours 6 12"
    assert said["en"].render(lang="en", at=now + timedelta(minutes=9)) == "within an hour 6 12"
    tomorrow = now.astimezone(KOREA).replace(hour=3, minute=20) + timedelta(days=1)
    assert said["ko"].render(lang="ko", at=tomorrow) == "내일 새벽 여섯 12"


def test_the_site_can_be_kept_on_a_phone(client: httpx.Client) -> None:
    """The manifest has the voice's name, and icons that are there."""
    page = client.get("/about").text
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    answer = client.get("/manifest.webmanifest")
    told = answer.json()

    assert answer.headers["content-type"].startswith("application/manifest+json")
    assert (told["name"], told["start_url"], told["display"]) == ("시봇", "/", "standalone")
    assert {icon["purpose"] for icon in told["icons"]} == {"any", "maskable"}
    for address in (*(icon["src"] for icon in told["icons"]), *re.findall(r'apple-touch-icon" href="([^"]+)"', page)):
        assert client.get(address).headers["content-type"] == "image/png"


def test_lines_run_as_their_script_does() -> None:
    """A deployment's voice may be Arabic: each line tells its own direction, wherever a poem is shown."""
    for template in ("poem.html", "partials/verse.html", "pieces.html"):
        rows = re.findall(r"<[^>]*>\{\{ line.text }}", (TEMPLATES / template).read_text("utf-8"))
        assert rows
        assert all('dir="auto"' in row for row in rows)


def test_words_come_from_the_catalogue(tmp_path: Path) -> None:
    """A .po file is read as it is; without one the templates' own words stay."""
    folder = tmp_path / "en" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "시"\nmsgstr "poem"\n', encoding="utf-8"
    )

    assert catalogue(tmp_path, "en").ugettext("시") == "poem"
    assert catalogue(tmp_path, "en").ugettext("행") == "행"
    assert catalogue(tmp_path, "ko").ugettext("시") == "시"


def test_dates_are_koreas_on_korean_pages() -> None:
    """Nine hours on, and the machine-readable time is the same."""
    pages = Pages()
    at = datetime(2026, 11, 24, 20, 5, tzinfo=UTC)
    korean, english = (
        pages._environments[lang].from_string("{{ at|moment }}").render(at=at, lang=lang)
        for lang in pages._environments
    )

    assert korean == '<time datetime="2026-11-24T20:05:00+00:00">2026년 11월 25일 05:05</time>'
    assert english == '<time datetime="2026-11-24T20:05:00+00:00">24 Nov 2026, 20:05 UTC</time>'


def test_static_files_are_kept_under_the_address_of_their_content(client: httpx.Client, tmp_path: Path) -> None:
    """For good with a version, asked again without; another content has another address."""
    address = re.search(r'href="(/static/site\.css\?v=[0-9a-f]{10})"', client.get("/about").text)
    assert address is not None

    assert "immutable" in client.get(address[1]).headers["cache-control"]
    assert client.get("/static/site.css").headers["cache-control"] == "public, no-cache"
    for path in ("/static/../app/settings.py", "/static/%2e%2e/app/settings.py", "/static/nope.css", "/static"):
        assert client.get(path).status_code == 404
    (tmp_path / "a.css").write_text("a", encoding="utf-8")
    first = Assets(tmp_path).url("a.css")
    (tmp_path / "a.css").write_text("bb", encoding="utf-8")
    assert Assets(tmp_path).url("a.css") != first


def test_every_template_is_a_template() -> None:
    """None has a mistake that would show only when it is used."""
    pages = Pages()
    for environment in pages._environments.values():
        for name in environment.list_templates(extensions=["html"]):
            environment.get_template(name)
    assert (TEMPLATES / "poem.html").exists()


def test_a_web_process_loads_neither_torch_nor_celery(tmp_path: Path) -> None:
    """They come when they are needed: torch never, celery at the first announcement."""
    said = subprocess.run(
        [sys.executable, "-c", "import app.asgi, sys, json; print(json.dumps(sorted(sys.modules)))"],
        env={"POEMBOT_HOME": str(tmp_path), "PYTHONPATH": str(TEMPLATES.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = json.loads(said.stdout)

    assert "app.web.site" in modules
    assert not {"torch", "celery", "kombu"} & set(modules)

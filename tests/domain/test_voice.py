"""What a deployment may call its own bot."""

import pytest

from app.domain.errors import Unfit
from app.domain.voice import RESERVED, named


def test_names_are_cleaned() -> None:
    """A title is one line without stray space."""
    assert named("gil-2", "  길  위의\n시봇 ", "ko") == ("gil-2", "길 위의 시봇", "ko")


@pytest.mark.parametrize("slug", ["", "a", "A", "시봇", "-a", "a-", "a b", "../a", "9a", "a" * 41, "a\n"])
def test_a_slug_is_plain(slug: str) -> None:
    """It becomes a part of an address, of a folder's name and of the database's keys."""
    with pytest.raises(Unfit) as refused:
        named(slug, "길", "ko")

    assert refused.value.code == "bad_slug"


def test_the_pages_of_the_site_are_reserved() -> None:
    """No voice hides a page, nor is hidden by one."""
    for slug in RESERVED:
        with pytest.raises(Unfit):
            named(slug, "길", "ko")
    assert {"api", "desk", "learn", "me", "poems", "submissions", "static", "healthz", "readyz", "metrics"} <= RESERVED


@pytest.mark.parametrize("title", ["", "  ", "x" * 101, "a\x00b"])
def test_a_title_is_a_line_of_text(title: str) -> None:
    """Not empty, not endless, nothing that can't be seen."""
    with pytest.raises(Unfit) as refused:
        named("gil", title, "ko")

    assert refused.value.code == "bad_title"


@pytest.mark.parametrize("language", ["", "korean", "KO", "k", "ko_KR", "ko-"])
def test_a_language_is_a_code(language: str) -> None:
    """As browsers send them."""
    with pytest.raises(Unfit) as refused:
        named("gil", "길", language)

    assert refused.value.code == "bad_language"

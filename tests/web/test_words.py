"""The words of the pages: all of them in both languages, a sentence for every refusal, and light to carry."""

import ast
import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fontTools.ttLib import TTFont

from app.domain import errors
from app.domain.life import Life
from app.domain.run import Cause, Phase, RunState
from app.domain.run_log import KINDS, Judged, Measured, Recited, Said, StepTaken
from app.domain.submission import Decline, SubmissionStatus
from app.domain.trial import TrialEnd
from app.domain.version import VersionStatus
from app.store.shelf import SHIPPED
from app.web.http.deps import FormExpired
from app.web.http.errors import CODES
from app.web.http.limits import Limited
from app.web.http.page import TEMPLATES, Assets, Pages, edition_in

ROOT = TEMPLATES.parent
HANGUL = re.compile("[가-힣]")
GATE = (
    "not_finite",
    "forgot_the_language",
    "worse_than_champion",
    "repeats_itself",
    "copies",
    "says_blocked_words",
    "strange_lengths",
    "strange_words",
    "makes_less_sense",
    "says_it_again",
    "readers_disagree",
    "too_few_readers",
)
"""Rules that the gate may name."""
SEEN_BY_PROGRAMS_ONLY = {
    "bad_lines",
    "bad_slug",
    "reserved",
    "bad_title",
    "bad_language",
    "not_json",
    "cancelled",
    "shipped",
}
"""Said by the shell and the JSON API; no page can bring them about."""


def extracted() -> set[str]:
    """All msgids of the templates."""
    methods = [("**.html", "jinja2"), ("**.atom", "jinja2"), ("charts/*.svg", "jinja2")]
    found = extract_from_dir(str(TEMPLATES), method_map=methods, strip_comment_tags=True)
    return {msgid if isinstance(msgid, str) else msgid[0] for _, _, msgid, _, _ in found}


def said(source: str, **context: object) -> str:
    """What a few lines of a template say in Korean."""
    environment = Pages()._environments["ko"]
    return environment.from_string(source).render(lang="ko", **context).strip()


def test_every_word_is_translated() -> None:
    """The English catalogue has every text of the templates, and nothing besides."""
    with (TEMPLATES / "locale/en/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    messages = {m.id if isinstance(m.id, str) else m.id[0]: m for m in catalogue if m.id}

    assert set(messages) == extracted()
    for message in messages.values():
        forms = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert all(forms), message.id
        assert list(message.check(catalogue)) == []


def test_every_word_can_be_filled_in() -> None:
    """Jinja fills in every text with `%`, also one with nothing to fill in: a bare per cent sign would be a fault."""
    with (TEMPLATES / "locale/en/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    for message in filter(lambda one: one.id, catalogue):
        for text in (message.id, message.string):
            for form in [text] if isinstance(text, str) else text or ():
                assert form % dict.fromkeys(re.findall(r"%\((\w+)\)s", form), "1")


def test_no_korean_stands_outside_the_catalogue() -> None:
    """A text that is not passed through `_` would be Korean on English pages."""
    for template in sorted([*TEMPLATES.rglob("*.html"), *(TEMPLATES / "charts").glob("*.svg")]):
        bare = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert HANGUL.findall(bare.replace("한국어", "")) == [], template


def unfit_codes() -> set[str]:
    """The codes with which the program calls a text unfit, read from its source."""
    found = set()
    for file in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Unfit":
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    return found


def refusals() -> list[str]:
    """Every code that a page may have to explain."""
    domain = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
    web = {*CODES.values(), FormExpired.code, Limited.code, "unavailable", "cross_origin", "login"}
    return sorted((domain | web | unfit_codes()) - SEEN_BY_PROGRAMS_ONLY - {"error"})


@pytest.mark.parametrize("code", refusals())
def test_every_refusal_has_its_sentence(code: str) -> None:
    """No code falls back on "something went wrong"."""
    source = '{% from "partials/error_text.html" import error_text with context %}{{ error_text(code) }}'

    assert said(source, code=code) != said(source, code="error")


@pytest.mark.parametrize(
    ("macro", "words"),
    [
        ("run_state", RunState),
        ("run_phase", Phase),
        ("run_cause", Cause),
        ("submission_status", SubmissionStatus),
        ("version_status", VersionStatus),
        ("gate_reason", GATE),
        ("decline_reason", Decline),
    ],
)
def test_every_state_has_its_name(macro: str, words: tuple[str, ...]) -> None:
    """States, phases, causes and reasons are shown in words, not as codes."""
    source = f'{{% from "partials/words.html" import {macro} with context %}}{{{{ {macro}(word) }}}}'
    for word in words:
        assert HANGUL.search(said(source, word=word)), word


def test_every_line_of_the_log_has_its_sentence() -> None:
    """What the worker writes into a run's log is read in the page's language; what has no sentence, as it stands."""
    source = '{% from "partials/words.html" import run_said with context %}{{ run_said(one) }}'
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    for kind in set(KINDS) - {StepTaken, Recited, Measured}:  # the first two: drawn as a curve, and shown as poems
        zeros = {fact.name: fact.type() for fact in fields(kind) if callable(fact.type)}
        assert HANGUL.search(said(source, one=Said(moment, kind(**zeros).as_json()))), kind
    for version, korean in {"base": "바탕", "champion": "지금 쓰는 판", "candidate": "새 판"}.items():
        assert korean in said(source, one=Said(moment, Measured(version, 2.1, 0.9, "").as_json()))
    for verdict, korean in {"admitted": "통과했", "undecided": "보류", "rejected": "통과하지 못"}.items():
        assert korean in said(source, one=Said(moment, Judged(verdict).as_json()))
    assert "plain" in said(source, one=Said(moment, "plain"))


@pytest.mark.parametrize("state", list(Life))
def test_every_state_of_a_line_has_its_name_and_its_meaning(state: Life) -> None:
    """Where a line stands is said in a word, and explained in a sentence."""
    source = '{% from "partials/learned.html" import life_name, life_meaning with context %}'

    assert HANGUL.search(said(source + "{{ life_name(state) }}", state=state))
    assert HANGUL.search(said(source + "{{ life_meaning(state) }}", state=state))


@pytest.mark.parametrize("reason", list(TrialEnd))
def test_every_end_of_a_trial_has_its_sentence(reason: TrialEnd) -> None:
    """Why it ended is said in words, and so is how."""
    source = '{% from "partials/trial.html" import trial_reason with context %}{{ trial_reason(reason) }}'

    assert HANGUL.search(said(source, reason=reason))


@pytest.mark.parametrize(
    ("number", "korean", "english"), [(0, "초판", "version 0"), (1, "1판", "version 1"), (12, "12판", "version 12")]
)
def test_versions_are_named_like_editions(number: int, korean: str, english: str) -> None:
    """The first is 초판, and no template writes another form."""
    assert said("{{ number|edition }}", number=number) == korean
    assert edition_in("en", number) == english
    for template in TEMPLATES.rglob("*.html"):
        assert not re.search(r"판 (%|[0-9])", template.read_text(encoding="utf-8")), template


def weight(*patterns: str) -> int:
    """Bytes of the static files."""
    folder = Path(TEMPLATES / "static")
    return sum(file.stat().st_size for pattern in patterns for file in folder.glob(pattern))


def test_the_pages_are_light() -> None:
    """Style under 27 KB (25 until messages stood above the buttons of a phone), scripts under 19."""
    assert 0 < weight("*.css") < 27 * 1024
    assert 0 < weight("*.js") < 19 * 1024


def test_the_font_of_the_verse_has_what_the_voices_write() -> None:
    """Every character of a Korean vocabulary, in less than 400 KB; the style names it by its content."""
    static = TEMPLATES / "static"
    known = set(map(chr, TTFont(static / "verse.woff2").getBestCmap()))
    for voice in SHIPPED.iterdir():
        written = set("".join(json.loads((voice / "vocabulary.json").read_text(encoding="utf-8"))))
        assert {c for c in written if c.isprintable()} - known == set(), f"{voice.name}: add to lab/font.py"

    assert weight("*.woff2") < 400_000
    assert Assets(static).url("verse.woff2").removeprefix("/static/") in (static / "site.css").read_text()

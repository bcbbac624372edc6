"""Pages: rendering templates with translations, filters and the frame that all pages share; and static files.

Nothing here knows a route. The addresses of static files (`templates/static`) change with their content.
"""

import hashlib
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date as Date
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app import reads
from app.bootstrap import now
from app.domain.poem import KOREA, begin_of, date_of, zone_of
from app.domain.version import VoiceReport
from app.reads.voices import Around, Frame
from app.store.session import TRANSIENT_DB_ERRORS
from app.web.http.admins import secret_of
from app.web.http.language import LANGS, Lang, catalogue, josa_filter, language_of, voice_for
from app.web.http.visitors import is_quiet, keys_of, set_cookie, settings_of, visit_of, visitor_of

FOREVER = "public, max-age=31536000, immutable"


@lru_cache(maxsize=256)
def _digest(file: Path, _changed: int) -> str:
    """Ten hex digits of the file's SHA-256; *_changed*: when it was modified, for the cache."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


class Assets:
    """Addresses of the static files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, name: str) -> str:
        """The address of a file. It changes with the file's content, so browsers may cache it for ever."""
        file = self.folder / name
        return f"/static/{name}?v={_digest(file, file.stat().st_mtime_ns)}"


class CachedFiles(StaticFiles):
    """Static files with cache headers: kept for ever if the address has the file's digest, else revalidated.

    During a rolling release, an old process may be asked for a file of the new release: that answer must not be kept.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404."""
        response = await super().get_response(path, scope)
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("v")
        kept = FOREVER if asked is not None and asked == [self._version(path)] else "public, no-cache"
        response.headers["Cache-Control"] = kept
        return response

    def _version(self, path: str) -> str | None:
        file, found = self.lookup_path(path)
        return _digest(Path(file), found.st_mtime_ns) if found else None


TEMPLATES = Path(__file__).parents[3] / "templates"
FLASH = "flash"
_FLASH = re.compile(r"[a-z_]{1,30}")
PART_BEGINS = (6, 9, 12, 18, 21)
PARTS_OF_DAY = ("새벽", "아침", "오전", "오후", "저녁", "밤")
COUNTED = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열")
DEFAULTS: Mapping[str, object] = {
    "errors": (),
    "others": (),
    **dict.fromkeys(("voice", "draft", "retry_after", "sign", "outlook", "news", "day")),
}
"""Defaults for names that a template may use although its route did not pass them."""


def midnight(request: Request) -> datetime:
    """When today began, in the time zone of the page."""
    language = language_of(request)
    return begin_of(language, date_of(language, request.app.state.bot.clock()))


@pass_context
def moment(context: Context, at: datetime) -> Markup:
    """Filter: date and time, in the time zone of the page."""
    here = at.astimezone(zone_of(context.get("lang", "")))
    if context.get("lang") == "ko":
        shown = format_datetime(here, "yyyy년 M월 d일 HH:mm", locale="ko")
    else:
        shown = format_datetime(here, "d MMM yyyy, HH:mm 'UTC'", locale="en")
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), shown)


@pass_context
def soon(context: Context, at: datetime) -> str:
    """Filter: roughly when. On Korean pages the day and the part of the day; on others, within how many hours."""
    present = now()
    if context.get("lang") != "ko":
        hours = max(1, math.ceil((at - present).total_seconds() / 3600))
        if hours == 1:
            return "within an hour"
        return f"within {hours} hours" if hours <= 48 else f"within {hours // 24} days"
    local = at.astimezone(KOREA)
    days = (local.date() - present.astimezone(KOREA).date()).days
    day = ("오늘", "내일", "모레")[days] if days in range(3) else f"{local.month}월 {local.day}일"
    return f"{day} {PARTS_OF_DAY[bisect_right(PART_BEGINS, local.hour)]}"


@pass_context
def date(context: Context, day: Date) -> str:
    """Filter: a date without a time."""
    if context.get("lang") == "ko":
        return f"{day.year}년 {day.month}월 {day.day}일"
    return str(format_date(day, "d MMMM yyyy", locale="en"))


@pass_context
def native(context: Context, number: int) -> str:
    """Filter: a native Korean numeral up to ten, as one counts lines (여섯 행); digits on other pages and above ten."""
    return COUNTED[number - 1] if context.get("lang") == "ko" and 0 < number <= len(COUNTED) else str(number)


@pass_context
def percent(context: Context, share: float) -> str:
    """Filter: a share as a percentage with at most one decimal."""
    return str(format_percent(share, "0.#%", locale=context.get("lang", "ko")))


@pass_context
def figure(context: Context, number: int) -> str:
    """Filter: a number with thousands separators."""
    return str(format_decimal(number, locale=context.get("lang", "ko")))


@pass_context
def edition(context: Context, number: int) -> str:
    """Filter: the name of a version, as editions of a book are named: 초판, 1판, 2판."""
    return edition_in(context.get("lang", "ko"), number)


def edition_in(lang: Lang, number: int) -> str:
    """The name of a version in a language."""
    if lang != "ko":
        return f"version {number}"
    return f"{number}판" if number else "초판"


@pass_context
def tongue(context: Context, language: str) -> str:
    """Filter: the name of a language; `en` is 영어 on Korean pages, English on English ones."""
    try:
        return Locale.parse(language, sep="-").get_language_name(context.get("lang", "ko")) or language
    except (ValueError, UnknownLocaleError):
        return language


def _translator(found: NullTranslations) -> Callable[..., Markup]:
    """`_` for templates, as Jinja's own, but texts without parameters are cached: a page has about a hundred."""

    def marked(message: str) -> Markup:
        return Markup(found.ugettext(message))  # noqa: S704 - our own texts

    @lru_cache(maxsize=1024)
    def bare(message: str) -> Markup:
        return marked(message) % {}

    def translate(message: str, /, **names: object) -> Markup:
        return marked(message) % names if names else bare(message)  # Markup escapes the values

    return translate


class Pages:
    """The templates: a Jinja environment for each language."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self.assets = Assets(folder / "static")
        self.translations = {lang: catalogue(folder / "locale", lang) for lang in LANGS}
        self._environments = {lang: self._environment(folder, lang) for lang in LANGS}

    def render(self, template: str, lang: Lang, context: Mapping[str, object]) -> str:
        """Render a template."""
        return self._environments[lang].get_template(template).render({**DEFAULTS, **context, "lang": lang})

    def _environment(self, folder: Path, lang: Lang) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            extensions=["jinja2.ext.i18n"],
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        found = self.translations[lang]
        cast("Any", environment).install_gettext_callables(found.ugettext, found.ungettext, newstyle=True)
        environment.globals["_"] = _translator(found)
        environment.globals["static"] = self.assets.url
        for filter in (moment, soon, date, native, percent, figure, edition, tongue):
            environment.filters[filter.__name__] = filter
        environment.filters["josa"] = josa_filter
        return environment


def page(
    request: Request,
    template: str,
    status: int = 200,
    /,
    *,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """A page in the visitor's language. The frame (voices, admin, flash message, CSRF token) is added here."""
    pages: Pages = request.app.state.pages
    around = _frame_if_there(request)
    here = request.path_params.get("voice")
    frame: dict[str, object] = {
        "voices": around.voices,
        "voice": next((v for v in around.voices if v.slug == here), None),
        "host": voice_for(request, around.voices),
        "path": request.url.path,
        "address": _address(request),
        "origin": origin_of(request),
        "csrf": keys_of(request).sign_form(visitor_of(request).id),
        "admin": around.admin,
        "flash": _flash(request),
    }
    values = frame | context
    lang = language_of(request, cast("VoiceReport | None", values["voice"]))
    html = pages.render(template, lang, values)
    return HTMLResponse(html, status, headers={"Content-Language": lang, **(headers or {})})


def fields_of(shown: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, as context for a template."""
    return {field.name: getattr(shown, field.name) for field in fields(shown)}


def feed(request: Request, template: str, **context: object) -> Response:
    """An Atom feed in the visitor's language."""
    pages: Pages = request.app.state.pages
    values = {"path": request.url.path, "origin": origin_of(request)}
    lang = language_of(request, cast("VoiceReport | None", context.get("voice")))
    xml = pages.render(template, lang, values | context)
    return Response(xml, media_type="application/atom+xml")


def translate(request: Request, text: str, *, voice: VoiceReport, **names: object) -> str:
    """A text in the visitor's language, outside a template; in the voice's if the client names none."""
    pages: Pages = request.app.state.pages
    return pages.translations[language_of(request, voice)].ugettext(text) % names


def version_label(request: Request, voice: VoiceReport, number: int | None) -> str:
    """The name of a version; *number* None: a trial chose the version, and it is not told yet."""
    if number is None:
        return translate(request, "두 판 가운데 하나", voice=voice)
    return edition_in(language_of(request, voice), number)


def ai_label(request: Request, voice: VoiceReport, number: int | None) -> str:
    """The label of everything that leaves the site: a machine wrote it, and which version."""
    return f"{translate(request, 'AI 생성', voice=voice)} · {voice.title} {version_label(request, voice, number)}"


def origin_of(request: Request) -> str:
    """The public origin of this site. In production it is https, even if the last proxy speaks http to us."""
    scheme = "https" if settings_of(request).env == "production" else request.url.scheme
    return f"{scheme}://{request.url.netloc}"


def around_of(request: Request) -> Around:
    """Where the frame of this request is cached once it has been read."""
    visit = visit_of(request)
    if visit.around is None:
        visit.around = Around(secret_of(request))
    return visit.around


def frame_of(request: Request) -> Frame:
    """The frame of this request's pages; read in its own transaction unless a read model has read it already."""
    return reads.voices.frame(request.app.state.bot, around_of(request))


def _frame_if_there(request: Request) -> Frame:
    """The frame; empty when the database is away, so that an error page can say so."""
    try:
        return frame_of(request)
    except TRANSIENT_DB_ERRORS:
        return Frame((), None)


def _address(request: Request) -> str:
    """Where the language switch returns to: this page; after a POST, which has no page of its own, the voice's page."""
    if request.method not in ("GET", "HEAD"):
        return f"/{request.path_params.get('voice', '')}"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def set_flash(request: Request, code: str) -> None:
    """Show the message named *code* on the next page."""
    set_cookie(request, FLASH, code, life=60)


def _flash(request: Request) -> str | None:
    code = request.cookies.get(FLASH, "")
    if not code or is_quiet(request):
        return None
    set_cookie(request, FLASH, "", life=0)
    return code if _FLASH.fullmatch(code) else None


def local_path(path: str) -> str:
    """*path* if it is on this site, else the first page, so that no link can redirect a visitor elsewhere."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) < 500
    return path if ours else "/"


def see_other(path: str) -> RedirectResponse:
    """Redirect with 303 after a form: the browser then fetches *path*."""
    return RedirectResponse(path, 303)

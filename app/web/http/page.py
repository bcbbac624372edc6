"""Pages: templates, translations, filters, and the frame that all pages share; and the static files. Knows no route.

Static files are our own, from `templates/static`, under addresses that change with their content.
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
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


class Assets:
    """Addresses of the static files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, name: str) -> str:
        """The address of a file; it changes when the file does, so browsers may keep it for good."""
        return f"/static/{name}?v={self.version(name)}"

    def version(self, name: str) -> str:
        """Ten hex digits of the file's SHA-256."""
        file = self.folder / name
        return _digest(file, file.stat().st_mtime_ns)


class CachedFiles(StaticFiles):
    """Static files with cache headers: for good under the address of what they hold, else asked again each time.

    While a release rolls, a page of the new one may be sent the old one's file: no cache may keep that for good.
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
    **dict.fromkeys(("voice", "draft", "retry_after", "outlook", "news", "day")),
}
"""Values of names that a template may use although its route did not give them."""


def midnight(request: Request) -> datetime:
    """When today began, in the zone of this page."""
    language = language_of(request)
    return begin_of(language, date_of(language, request.app.state.bot.clock()))


@pass_context
def moment(context: Context, at: datetime) -> Markup:
    """A date and a time, in the page's zone."""
    here = at.astimezone(zone_of(context.get("lang", "")))
    if context.get("lang") == "ko":
        shown = format_datetime(here, "yyyy년 M월 d일 HH:mm", locale="ko")
    else:
        shown = format_datetime(here, "d MMM yyyy, HH:mm 'UTC'", locale="en")
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), shown)


@pass_context
def soon(context: Context, at: datetime) -> str:
    """A moment to come, as one says it: the part of the day in Korea, on other pages within how many hours."""
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
    """A date without a time."""
    if context.get("lang") == "ko":
        return f"{day.year}년 {day.month}월 {day.day}일"
    return str(format_date(day, "d MMMM yyyy", locale="en"))


@pass_context
def native(context: Context, number: int) -> str:
    """A small number as Koreans count lines with it (여섯 행); digits on other pages and above ten."""
    return COUNTED[number - 1] if context.get("lang") == "ko" and 0 < number <= len(COUNTED) else str(number)


@pass_context
def percent(context: Context, share: float) -> str:
    """A share as a percentage with at most one decimal."""
    return str(format_percent(share, "0.#%", locale=context.get("lang", "ko")))


@pass_context
def figure(context: Context, number: int) -> str:
    """A number with separators of thousands."""
    return str(format_decimal(number, locale=context.get("lang", "ko")))


@pass_context
def tongue(context: Context, language: str) -> str:
    """The name of a language: `en` is 영어 on Korean pages, English on English ones."""
    try:
        return Locale.parse(language, sep="-").get_language_name(context.get("lang", "ko")) or language
    except (ValueError, UnknownLocaleError):
        return language


def _translator(found: NullTranslations) -> Callable[..., Markup]:
    """`_` of a template: as Jinja's own, but what has no names in it is made once; a page asks a hundred times."""

    def marked(message: str) -> Markup:
        return Markup(found.ugettext(message))  # noqa: S704 - our own words

    @lru_cache(maxsize=1024)
    def bare(message: str) -> Markup:
        return marked(message) % {}

    def translate(message: str, /, **names: object) -> Markup:
        return marked(message) % names if names else bare(message)  # what they are filled with is escaped

    return translate


class Pages:
    """The templates, once for each language."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self.assets = Assets(folder / "static")
        self.translations = {lang: catalogue(folder / "locale", lang) for lang in LANGS}
        self._environments = {lang: self._environment(folder, lang) for lang in LANGS}

    def render(self, template: str, lang: Lang, context: Mapping[str, object]) -> str:
        """The HTML of a page."""
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
        environment.filters |= {"josa": josa_filter, "moment": moment, "percent": percent}
        environment.filters |= {"figure": figure, "tongue": tongue}
        environment.filters |= {"soon": soon, "date": date, "native": native}
        environment.globals |= {"static": self.assets.url, "asset_version": self.assets.version}
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
    """A page in the visitor's language; the frame (voices, admin, flash, form token) is added here."""
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
    """What a read model has found, by name, as a template takes it."""
    return {field.name: getattr(shown, field.name) for field in fields(shown)}


def feed(request: Request, template: str, **context: object) -> Response:
    """A feed: the same words and addresses as the pages, without their frame."""
    pages: Pages = request.app.state.pages
    values = {"path": request.url.path, "origin": origin_of(request)}
    lang = language_of(request, cast("VoiceReport | None", context.get("voice")))
    xml = pages.render(template, lang, values | context)
    return Response(xml, media_type="application/atom+xml")


def translate(request: Request, text: str, *, voice: VoiceReport | None = None, **names: object) -> str:
    """A text of the catalogue in the visitor's language, for what is no page. *voice*: whose poem it is about."""
    pages: Pages = request.app.state.pages
    return pages.translations[language_of(request, voice)].ugettext(text) % names


def version_label(request: Request, voice: VoiceReport, number: int | None) -> str:
    """The name of a version; None: a trial drew it, and nobody is told yet."""
    if number is None:
        return translate(request, "겨루는 판", voice=voice)
    return translate(request, "판 %(n)s", voice=voice, n=number)


def ai_label(request: Request, voice: VoiceReport, number: int | None) -> str:
    """The label of everything that leaves the site: that a machine wrote it, and which version."""
    return f"{translate(request, 'AI 생성', voice=voice)} · {voice.title} {version_label(request, voice, number)}"


def origin_of(request: Request) -> str:
    """Scheme and host of this site as others reach it: https in production, whatever the last proxy spoke."""
    scheme = "https" if settings_of(request).env == "production" else request.url.scheme
    return f"{scheme}://{request.url.netloc}"


def around_of(request: Request) -> Around:
    """Where the frame of a request's pages is kept, once it has been read."""
    visit = visit_of(request)
    if visit.around is None:
        visit.around = Around(secret_of(request))
    return visit.around


def frame_of(request: Request) -> Frame:
    """The frame of a request's pages, in a transaction of its own where no read model has read it yet."""
    return reads.voices.frame(request.app.state.bot, around_of(request))


def _frame_if_there(request: Request) -> Frame:
    """An error page that says the database is away must do without."""
    try:
        return frame_of(request)
    except TRANSIENT_DB_ERRORS:
        return Frame((), None)


def _address(request: Request) -> str:
    """Where to come back to: this page, or for the answer to a form, which has no address, the voice's page."""
    if request.method not in ("GET", "HEAD"):
        return f"/{request.path_params.get('voice', '')}"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def set_flash(request: Request, code: str) -> None:
    """Show one message, named by *code*, on the next page."""
    set_cookie(request, FLASH, code, life=60)


def _flash(request: Request) -> str | None:
    code = request.cookies.get(FLASH, "")
    if not code or is_quiet(request):
        return None
    set_cookie(request, FLASH, "", life=0)
    return code if _FLASH.fullmatch(code) else None


def local_path(path: str) -> str:
    """*path* if it is one of ours, else the first page: nobody is sent elsewhere."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) < 500
    return path if ours else "/"


def see_other(path: str) -> RedirectResponse:
    """Redirect with 303: the browser fetches *path*. The answer to a form."""
    return RedirectResponse(path, 303)

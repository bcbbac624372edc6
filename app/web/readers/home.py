"""Pages that belong to no voice.

The first page; a visitor's own page (`/me`) with its export and erasure; `/about` and `/privacy`; the language switch;
`robots.txt`, and the web app manifest.
"""

import json

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from app import actions, reads
from app.domain.errors import Unfit
from app.domain.life import Life
from app.web.http.deps import BotDep, GenuineForm, VisitorDep
from app.web.http.language import LANGS, LANGUAGE_COOKIE, SOURCE, VOICE_COOKIE, voice_for
from app.web.http.page import Pages, fields_of, local_path, page, see_other, set_flash
from app.web.http.visitors import VISITOR_COOKIE, set_cookie
from app.web.readers.poems import voice_page

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, visitor: VisitorDep) -> Response:
    """The page of the voice that suits this visitor, without a redirect."""
    return voice_page(request, None, visitor)


@router.get("/me")
def me(request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """What this visitor ticked, wove and taught."""
    found = reads.visitors.mine(bot, visitor)
    lives = {"life_of_line": found.life_of_line, "life_of_poem": found.life_of_poem, "states": list(Life)}
    return page(request, "me.html", **fields_of(found) | lives)


@router.get("/me/export")
def export(bot: BotDep, visitor: VisitorDep) -> Response:
    """Everything that is stored about this visitor, as a file."""
    kept = reads.visitors.export(bot, visitor)
    headers = {"Content-Disposition": 'attachment; filename="poem-bot.json"', "Cache-Control": "no-store"}
    return Response(json.dumps(kept, ensure_ascii=False, indent=1), media_type="application/json", headers=headers)


@router.post("/me/erase")
def erase(request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Erase this visitor's data and cookies. The language cookie stays: it identifies nobody."""
    if form.text("confirm") != "yes":
        raise Unfit("unconfirmed", "erasing must be confirmed")
    actions.visitors.erase(bot, visitor.id)
    for cookie in (VISITOR_COOKIE, VOICE_COOKIE):
        set_cookie(request, cookie, "", life=0)
    set_flash(request, "erased")
    return see_other("/me")


@router.get("/about")
def about(request: Request) -> HTMLResponse:
    """What this bot is."""
    return page(request, "about.html")


@router.get("/privacy")
def privacy(request: Request, bot: BotDep) -> HTMLResponse:
    """What is stored, and why."""
    settings = bot.settings
    return page(
        request, "privacy.html", days=settings.keep_visitors, operator=settings.operator, contact=settings.contact
    )


@router.post("/language")
def set_language(request: Request, form: GenuineForm) -> Response:
    """Remember the language of the pages."""
    if form.text("lang") in LANGS:
        set_cookie(request, LANGUAGE_COOKIE, form.text("lang"))
    return see_other(local_path(form.text("next")))


@router.get("/robots.txt")
def robots() -> PlainTextResponse:
    """What crawlers may read."""
    closed = "".join(f"Disallow: {path}\n" for path in ("/me", "/submissions/", "/desk", "/api/"))
    return PlainTextResponse(f"User-agent: *\n{closed}")


@router.get("/manifest.webmanifest")
def manifest(request: Request, bot: BotDep) -> JSONResponse:
    """The web app manifest: with it a phone can put the site on its home screen."""
    first = voice_for(request, reads.voices.listed(bot))
    pages: Pages = request.app.state.pages
    icons = [
        {"src": pages.assets.url(f"icon{name}.png"), "type": "image/png", "sizes": size, "purpose": purpose}
        for name, size, purpose in (
            ("192", "192x192", "any"),
            ("512", "512x512", "any"),
            ("maskable", "512x512", "maskable"),
        )
    ]
    manifest = {
        "name": first.title if first else "poem-bot",
        "short_name": first.title if first else "poem-bot",
        "lang": first.language if first else SOURCE,
        "start_url": "/",
        "scope": "/",
        "id": "/",
        "display": "standalone",
        "background_color": "#f3efe4",
        "theme_color": "#f3efe4",
        "icons": icons,
    }
    return JSONResponse(manifest, media_type="application/manifest+json", headers={"Vary": "Cookie, Accept-Language"})

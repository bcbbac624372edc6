"""The first page, `/about`, the language switch, what crawlers may read, and what a phone keeps of the site."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from app import reads
from app.web.http.deps import BotDep, VisitorDep
from app.web.http.forms import GenuineForm
from app.web.http.language import LANGS, LANGUAGE_COOKIE, SOURCE, voice_for
from app.web.http.page import Pages, local_path, page, see_other
from app.web.http.visitors import set_cookie
from app.web.readers.poems import voice_page

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, visitor: VisitorDep) -> Response:
    """The voice for this visitor, rendered in place."""
    return voice_page(request, None, visitor)


@router.get("/about")
def about(request: Request) -> HTMLResponse:
    """What this bot is."""
    return page(request, "about.html")


@router.get("/manifest.webmanifest")
def manifest(request: Request, bot: BotDep) -> JSONResponse:
    """What a phone needs to keep the site on its first screen."""
    first = voice_for(request, reads.voices.all(bot))
    pages: Pages = request.app.state.pages
    icons = [
        {"src": pages.assets.url(f"icon{name}.png"), "type": "image/png", "sizes": size, "purpose": purpose}
        for name, size, purpose in (
            ("192", "192x192", "any"),
            ("512", "512x512", "any"),
            ("maskable", "512x512", "maskable"),
        )
    ]
    told = {
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
    return JSONResponse(told, media_type="application/manifest+json", headers={"Vary": "Cookie, Accept-Language"})


@router.get("/robots.txt")
def robots() -> PlainTextResponse:
    """What crawlers may read."""
    closed = "".join(f"Disallow: {path}\n" for path in ("/me", "/submissions/", "/desk", "/api/"))
    return PlainTextResponse(f"User-agent: *\n{closed}")


@router.post("/language")
def speak(request: Request, form: GenuineForm) -> Response:
    """Remember the language of the pages."""
    if form.text("lang") in LANGS:
        set_cookie(request, LANGUAGE_COOKIE, form.text("lang"))
    return see_other(local_path(form.text("next")))

"""The first page, `/about`, the language switch, and what crawlers may read."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from app.web.http.deps import VisitorDep
from app.web.http.forms import GenuineForm
from app.web.http.language import COOKIE, LANGS
from app.web.http.page import local_path, page, see_other
from app.web.http.visitors import set_cookie
from app.web.readers.poem_page import voice_page

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, visitor: VisitorDep) -> Response:
    """The voice for this visitor, rendered in place."""
    return voice_page(request, None, visitor)


@router.get("/about")
def about(request: Request) -> HTMLResponse:
    """What this bot is."""
    return page(request, "about.html")


@router.get("/robots.txt")
def robots() -> PlainTextResponse:
    """What crawlers may read."""
    closed = "".join(f"Disallow: {path}\n" for path in ("/me", "/submissions/", "/desk", "/api/"))
    return PlainTextResponse(f"User-agent: *\n{closed}")


@router.post("/language")
def speak(request: Request, form: GenuineForm) -> Response:
    """Remember the language of the pages."""
    if form.text("lang") in LANGS:
        set_cookie(request, COOKIE, form.text("lang"))
    return see_other(local_path(form.text("next")))

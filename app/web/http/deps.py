"""Dependencies of routes (FastAPI): bot, engine, visitor, types of path parameters, and forms with their CSRF token.

FastAPI could parse form fields itself, but a form with a mistake in it must be shown again as it was filled in. So
forms are parsed here, and nothing that was typed is refused here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Path, Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.domain.poem import LARGEST_ID, LARGEST_NUMBER
from app.domain.visitor import Visitor
from app.engine.engine import Engine
from app.engine.surprise import SurpriseMeter
from app.web.http.visitors import keys_of, visit_of, visitor_of

T = TypeVar("T")
MOST_FIELDS = 200
"""Fields of a form."""


def _on_event_loop(get: Callable[[Request], T]) -> Callable[[Request], Awaitable[T]]:
    """*get* as a coroutine. FastAPI runs plain functions in a thread, which costs more than these do."""

    async def got(request: Request) -> T:
        return get(request)

    return got


BotDep = Annotated[Bot, Depends(_on_event_loop(lambda request: cast("Bot", request.app.state.bot)))]
EngineDep = Annotated[Engine, Depends(_on_event_loop(lambda request: cast("Engine", request.app.state.engine)))]
SurpriseMeterDep = Annotated[
    SurpriseMeter, Depends(_on_event_loop(lambda request: cast("SurpriseMeter", request.app.state.surprise_meter)))
]
VisitorDep = Annotated[Visitor, Depends(_on_event_loop(visitor_of))]

Slug = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]*$", max_length=40, description="A voice.", examples=["sibot"])]
PoemId = Annotated[str, Path(pattern=r"^[a-z2-7]+$", max_length=16, description="A poem.")]
LineId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A line.")]
RunId = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="A run.")]
SubmissionId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A submission.")]
Token = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]+$", max_length=40, description="Its author's key to a submission.")
]
Number = Annotated[int, Path(ge=0, le=LARGEST_NUMBER, description="A version of the voice's present base.")]


class FormExpired(Exception):
    """The form's CSRF token is missing, too old, or another visitor's."""

    code = "csrf"


@dataclass(frozen=True, slots=True)
class FormDraft:
    """What a visitor typed, so that a form that was refused can be shown again as it was filled in."""

    text: str = ""
    title: str = ""
    author: str = ""
    consent: bool = False
    quotable: bool = False
    prime: str = ""
    own: str = ""
    temperature: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted form."""

    fields: FormData
    genuine: bool
    """Does it carry the CSRF token that this visitor's page was given?"""
    draft: FormDraft

    def text(self, name: str) -> str:
        """The first value of a field, or ""."""
        return next((value for value in self.fields.getlist(name) if isinstance(value, str)), "")

    def ids(self, name: str) -> list[int]:
        """Row ids in a field that may come several times. Raises Unfit for what cannot be one."""
        ids = [id_in(value) if isinstance(value, str) else None for value in self.fields.getlist(name)]
        if None in ids:
            raise Unfit("invalid", f"{name} must be numbers")
        return [id for id in ids if id]

    def must_be_genuine(self) -> None:
        """Raises FormExpired."""
        if not self.genuine:
            raise FormExpired


def number_in(text: str, most: int = LARGEST_NUMBER) -> int | None:
    """The number in a form field or a query, from 0 to *most*; None for anything else."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= most
    return int(text) if is_number else None


def id_in(text: str) -> int | None:
    """The id of a row in a form field or a query; None for anything else."""
    return number_in(text, LARGEST_ID) or None


async def _fields(request: Request) -> FormData:
    """The fields of a form.

    Only UTF-8 is accepted, the charset of our pages: Starlette would decode with any of Python's codecs that the form
    names, and some of them do not return text, or are very slow.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise HTTPException(400, "invalid")
    try:
        return await request.form(max_files=0, max_fields=MOST_FIELDS)
    except (ValueError, LookupError) as error:  # an unknown charset, or a malformed boundary
        raise HTTPException(400, "invalid") from error


async def _form(request: Request, visitor: VisitorDep, fields: Annotated[FormData, Depends(_fields)]) -> Form:
    def typed(name: str) -> str:
        value = next((v for v in fields.getlist(name) if isinstance(v, str)), "")
        return value.encode("utf-8", "replace").decode()

    draft = FormDraft(
        text=typed("text"),
        title=typed("title"),
        author=typed("author"),
        consent=bool(typed("consent")),
        quotable=bool(typed("quotable")),
        prime=typed("prime"),
        own=typed("own"),
        temperature=typed("temperature"),
    )
    visit_of(request).draft = draft
    return Form(fields, keys_of(request).form_is_valid(typed("csrf_token"), visitor.id), draft)


AnyForm = Annotated[Form, Depends(_form)]
"""A form, with a valid CSRF token or without: for routes that show a refused form again."""


async def _genuine(form: AnyForm) -> Form:
    form.must_be_genuine()
    return form


GenuineForm = Annotated[Form, Depends(_genuine)]
"""A form with a valid CSRF token. Raises FormExpired."""

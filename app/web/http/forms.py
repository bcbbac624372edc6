"""Forms: parsing what a page sends back, and its CSRF token. Nothing here refuses what was typed.

Fields are read by hand and not by FastAPI, so that a form with a mistake can be shown again as it was filled in.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.domain.errors import Unfit
from app.web.http.deps import LARGEST_ID, VisitorDep
from app.web.http.errors import FormExpired
from app.web.http.page import Draft
from app.web.http.visitors import keys_of, visit_of

MOST_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted form."""

    fields: FormData
    genuine: bool
    """Does it carry the token that this visitor's page was given?"""
    draft: Draft

    def text(self, name: str) -> str:
        """The first value of a field, or ""."""
        return next((value for value in self.fields.getlist(name) if isinstance(value, str)), "")

    def ids(self, name: str) -> list[int]:
        """Row ids in a field that may come several times. Raises Unfit for what cannot be one."""
        values = [value if isinstance(value, str) else "" for value in self.fields.getlist(name)]
        if not all(is_id(value) for value in values):
            raise Unfit("invalid", f"{name} are numbers")
        return [int(value) for value in values]

    def must_be_genuine(self) -> None:
        """Raises FormExpired."""
        if not self.genuine:
            raise FormExpired


def is_id(value: str) -> bool:
    """Can it be the number of a row?"""
    return value.isascii() and value.isdigit() and len(value) <= 16 and 0 < int(value) <= LARGEST_ID


async def _read(request: Request) -> FormData:
    """The fields, before anything that blocks.

    In UTF-8 alone, as our pages are sent: any other charset a form names would be read by whichever codec of Python's
    has that name, some of which make what is no text, or take for ever.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise HTTPException(400, "invalid")
    try:
        return await request.form(max_files=0, max_fields=MOST_FIELDS)
    except (ValueError, LookupError) as error:  # a charset nobody knows, a boundary that is none
        raise HTTPException(400, "invalid") from error


async def _form(request: Request, visitor: VisitorDep, fields: Annotated[FormData, Depends(_read)]) -> Form:
    def typed(name: str) -> str:
        value = next((v for v in fields.getlist(name) if isinstance(v, str)), "")
        return value.encode("utf-8", "replace").decode()

    draft = Draft(
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
"""A form, genuine or not: for routes that give it back filled."""


async def _genuine(form: AnyForm) -> Form:
    form.must_be_genuine()
    return form


GenuineForm = Annotated[Form, Depends(_genuine)]
"""A form with its token. Raises FormExpired."""

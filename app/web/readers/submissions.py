"""Submissions: the form to teach a poem, and the private page that shows its author what became of it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.domain.errors import Unfit
from app.web.http.deps import AnyForm, BotDep, Draft, FormExpired, GenuineForm, Slug, Token, VisitorDep
from app.web.http.errors import code_of, page_again
from app.web.http.limits import SUBMISSIONS, Limited, take
from app.web.http.page import frame_of, page, see_other, set_flash

router = APIRouter(include_in_schema=False)
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@router.get("/{voice}/teach")
def teach(voice: Slug, request: Request) -> HTMLResponse:
    """The form to teach a poem."""
    return page(request, "teach.html", voice=frame_of(request).voice(voice))


@router.post("/{voice}/submissions")
def submit(voice: Slug, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Store a submission."""
    title, author, draft = form.text("title") or None, form.text("author") or None, form.draft
    try:
        form.must_be_genuine()
        take(request, SUBMISSIONS, visitor)
        given, new = actions.submissions.teach(
            bot,
            voice,
            by=visitor,
            text=form.text("text"),
            title=title,
            author=author,
            consent=draft.consent,
            quotable=draft.quotable,
        )
    except (FormExpired, Limited, Unfit) as error:
        return _teach_again(request, voice, error, draft)
    set_flash(request, "taught" if new else "known")
    return see_other(f"/submissions/{given.token}")


@router.get("/submissions/{token}")
def status(token: Token, request: Request, bot: BotDep) -> HTMLResponse:
    """The state of a submission, for anybody who has its secret address."""
    given, voice, learned = reads.submissions.shown(bot, token)
    return page(request, "submission.html", headers=PRIVATE, submission=given, voice=voice, learned=learned)


@router.post("/submissions/{token}/withdraw")
def withdraw(token: Token, request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Take a submission back: it is in no later lesson."""
    actions.submissions.withdraw(bot, token)
    set_flash(request, "withdrawn")
    return see_other(f"/submissions/{token}")


def _teach_again(request: Request, voice: str, error: Exception, draft: Draft) -> HTMLResponse:
    """The form as it was filled in, with the error."""
    shown = frame_of(request).voice(voice)
    return page_again(request, "teach.html", error, voice=shown, draft=draft, errors=[code_of(error)])

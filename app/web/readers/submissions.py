"""What readers contribute: submissions (poems that they teach) and pieces (엮기, poems woven of ticked lines).

A moderator approves both. A submission has a private page, which shows its author what became of it; a piece is shown
to others once it is approved.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.domain.errors import Unfit, UnknownLine
from app.domain.poem import MOST_PIECE_LINES
from app.domain.submission import SubmissionStatus, in_script
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.web.http.deps import (
    AnyForm,
    BotDep,
    Form,
    FormExpired,
    GenuineForm,
    PoemId,
    Slug,
    Token,
    VisitorDep,
    id_in,
    number_in,
)
from app.web.http.errors import code_of, page_again
from app.web.http.limits import READINGS, SUBMISSIONS, Limited, take
from app.web.http.page import frame_of, page, see_other, set_flash, translate, version_label
from app.web.readers.share import CROSS_ORIGIN, short

router = APIRouter(include_in_schema=False)
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@router.get("/{voice}/teach")
def teach(voice: Slug, request: Request) -> HTMLResponse:
    """The form to teach a poem."""
    return page(request, "teach.html", voice=frame_of(request).voice(voice))


@router.post("/{voice}/submissions")
def submit(voice: Slug, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Store a submission."""
    draft = form.draft
    try:
        form.must_be_genuine()
        if not form.text("anyway"):
            _speaks(request, voice, draft.text)
        take(request, SUBMISSIONS, visitor)
        given, new = actions.submissions.teach(
            bot,
            voice,
            by=visitor,
            text=form.text("text"),
            title=form.text("title") or None,
            author=form.text("author") or None,
            consent=draft.consent,
            quotable=draft.quotable,
        )
    except (FormExpired, Limited, Unfit) as error:
        shown, code = frame_of(request).voice(voice), code_of(error)
        others = _speakers(request, draft.text) if code == "other_language" else []
        return page_again(request, "teach.html", error, voice=shown, draft=draft, errors=[code], others=others)
    set_flash(request, "taught" if new else "known")
    return see_other(f"/submissions/{given.token}")


def _speakers(request: Request, text: str) -> list[VoiceReport]:
    """The voices in whose script a text is written."""
    return [voice for voice in frame_of(request).voices if in_script(text, voice.language)]


def _speaks(request: Request, voice: str, text: str) -> None:
    """Raises Unfit if a text is in the script of another voice, and not in this one's."""
    speakers = _speakers(request, text)
    if speakers and frame_of(request).voice(voice) not in speakers:
        raise Unfit("other_language", "this text is in the language of another voice")


@router.get("/submissions/{token}")
def status(token: Token, request: Request, bot: BotDep) -> HTMLResponse:
    """The state of a submission, for anybody who has its secret address."""
    given, voice, learned = reads.visitors.submission_page(bot, token)
    return page(request, "submission.html", headers=PRIVATE, submission=given, voice=voice, learned=learned)


@router.post("/submissions/{token}/withdraw")
def withdraw(token: Token, request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Take a submission back: it is in no later lesson."""
    actions.submissions.withdraw(bot, token)
    set_flash(request, "withdrawn")
    return see_other(f"/submissions/{token}")


@router.get("/{voice}/weave")
def weave_form(voice: Slug, request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The form: the visitor's ticked lines, and a field for the place of each."""
    return _weave_page(request, voice, visitor)


@router.post("/{voice}/pieces")
def weave(voice: Slug, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Store a piece."""
    try:
        form.must_be_genuine()
        take(request, SUBMISSIONS, visitor)
        lines = [line for _, line in sorted(_placed(form))]
        piece = actions.submissions.weave(
            bot, voice, lines, by=visitor, title=form.text("title"), author=form.text("author")
        )
    except (FormExpired, Limited, Unfit, UnknownLine) as error:
        return _weave_page(request, voice, visitor, form, error)
    set_flash(request, "woven")
    return see_other(f"/pieces/{piece}")


@router.get("/{voice}/pieces")
def pieces(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """The pieces of a voice."""
    return page(request, "pieces.html", pieces=reads.anthology.pieces(bot, voice, visitor))


@router.get("/pieces/{piece}.png")
def piece_picture(
    *, piece: PoemId, request: Request, bot: BotDep, visitor: VisitorDep, shape: str = "landscape"
) -> Response:
    """A piece as a picture. One that is not approved is only for its maker, and no cache may keep it."""
    take(request, READINGS, visitor)
    found, voice = reads.anthology.piece(bot, piece, visitor)
    versions = ", ".join(version_label(request, voice, number) for number in found.versions)
    from app.web.readers.picture import card, shape_of  # late, as in `share.py`

    drawn = card(
        tuple(line.text for line in found.lines),
        found.title,
        versions,
        f"{translate(request, 'AI 생성', voice=voice)} · {voice.title} {versions}",
        shape=shape_of(shape),
        address=short(request, f"/pieces/{piece}"),
    )
    shown = CROSS_ORIGIN if found.status is SubmissionStatus.APPROVED else {"Cache-Control": "no-store"}
    return Response(drawn, media_type="image/png", headers=shown)


@router.get("/pieces/{piece}")
def piece(piece: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """A piece."""
    found, voice = reads.anthology.piece(bot, piece, visitor)
    return page(request, "piece.html", piece=found, voice=voice)


@router.post("/pieces/{piece}/withdraw")
def withdraw_piece(piece: PoemId, request: Request, _form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Take a piece back; only its maker may."""
    actions.submissions.withdraw_piece(bot, piece, by=visitor)
    set_flash(request, "unwoven")
    return see_other("/me")


def _placed(form: Form) -> list[tuple[int, int]]:
    """(place, line) of each line that was given a place; the form's fields are named `place-LINE`."""
    placed = []
    for name in form.fields:
        place = form.text(name)
        kind, _, line = name.partition("-")
        if kind == "place" and (id := id_in(line)) and (at := number_in(place, MOST_PIECE_LINES)):
            placed.append((at, id))
    return placed


def _weave_page(
    request: Request, voice: str, visitor: Visitor, form: Form | None = None, error: Exception | None = None
) -> HTMLResponse:
    return page_again(
        request,
        "weave.html",
        error,
        lines=reads.anthology.material(request.app.state.bot, voice, visitor),
        places={line: place for place, line in _placed(form)} if form else {},
        draft=form.draft if form else None,
        errors=[code_of(error)] if error else [],
    )

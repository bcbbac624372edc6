"""The desk's first page, everything at a glance; the audit log; and its door, login and logout.

The check of the password is `actions/admins.py`'s.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.bootstrap import Bot
from app.domain.errors import Crowded
from app.domain.run import EVER
from app.domain.version import VersionStatus
from app.store.admins import Audit
from app.store.health import Counts, Pulses
from app.store.pieces import Pieces
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.http.admins import DESK_COOKIE, NO_STORE, ONLY_ADMINS, close_desk, device_of, open_desk
from app.web.http.deps import BotDep, VisitorDep
from app.web.http.errors import FormExpired, code_of, retry_after_of, status_of
from app.web.http.forms import AnyForm, GenuineForm
from app.web.http.limits import Limited, Limits
from app.web.http.page import midnight, page, see_other, set_flash
from app.web.ops import statuses
from app.web.readers.versions import side_by_side

router = APIRouter(prefix="/desk", include_in_schema=False)


@router.get("/login")
def login_form(request: Request) -> HTMLResponse:
    """Name and password."""
    return page(request, "desk/login.html", headers=NO_STORE, error=None, name="")


@router.post("/login")
def login(request: Request, form: AnyForm, visitor: VisitorDep, bot: BotDep) -> Response:
    """Open the desk. Throttled by device, address and account, before the password is looked at."""
    name = form.text("name").strip()
    account = name.casefold()[:60].encode("utf-8", "replace").decode()
    limits: Limits = request.app.state.limits
    try:
        form.must_be_genuine()
        limits.take_login(account, device=device_of(request, account), address=visitor.address)
        secret = actions.admins.log_in(bot, name, form.text("password"))
    except (FormExpired, Limited, Crowded) as error:
        return _form_again(request, name, status_of(error), code_of(error), retry_after_of(error))
    if secret is None:
        return _form_again(request, name, 401, "login")
    limits.note_login(account, address=visitor.address)
    open_desk(request, secret, account)
    return see_other("/desk")


@router.post("/logout")
def logout(request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Close the desk: the session opens nothing any more, wherever a copy of it may be."""
    actions.admins.log_out(bot, request.cookies.get(DESK_COOKIE, ""))
    close_desk(request)
    set_flash(request, "logged_out")
    return see_other("/desk/login")


def _form_again(request: Request, name: str, status: int, code: str, wait: int | None = None) -> HTMLResponse:
    headers = NO_STORE | ({"Retry-After": str(wait)} if wait else {})
    shown = name.encode("utf-8", "replace").decode()
    return page(request, "desk/login.html", status, headers=headers, error=code, name=shown)


@router.get("", dependencies=ONLY_ADMINS)
def index(request: Request, bot: BotDep) -> HTMLResponse:
    """Everything at a glance."""
    return overview(request, bot)


@router.get("/audit", dependencies=ONLY_ADMINS)
def audit(request: Request, bot: BotDep) -> HTMLResponse:
    """What admins did."""
    with bot.reads(Audit) as store:
        entries = store.newest(200)
    return page(request, "desk/audit.html", headers=NO_STORE, entries=entries)


def overview(request: Request, bot: Bot, error: Exception | None = None) -> HTMLResponse:
    """The desk's first page, with the *error* of what was just tried."""
    with bot.reading() as session:
        counts, versions, runs = Counts(session), Versions(session), Runs(session)
        voices = Voices(session).all()
        slugs = [voice.slug for voice in voices]
        pulses, trials = Pulses(session).alive(bot.clock()), Trials(session)
        on_trial = {slug: running for slug in slugs if (running := trials.running(slug))}
        known = {slug: versions.of_voice(slug) for slug in slugs}
        open_to_decide = {
            voice.slug: {
                on_trial[voice.slug].challenger if voice.slug in on_trial else 0,
                *(v.number for v in known[voice.slug][:1] if v.status is VersionStatus.UNDECIDED),
            }
            - {0, voice.champion}
            for voice in voices
        }
        outlooks = {slug: actions.runs.outlook(bot, session, slug) for slug in slugs}
        context: dict[str, object] = {
            "counts": {v: {"today": counts.of(v, midnight(request)), "ever": counts.of(v, EVER)} for v in slugs},
            "versions": known,
            "on_trial": on_trial,
            "outlooks": outlooks,
            "besides": {
                voice.slug: side_by_side(versions.samples(voice.slug), {voice.champion, *open_to_decide[voice.slug]})
                for voice in voices
                if open_to_decide[voice.slug]
            },
            "runs": {v: runs.of_voice(v, 10) for v in slugs},
            "waiting": Submissions(session).count(),
            "woven": Pieces(session).waiting(),
            "pulses": pulses,
            "statuses": statuses(pulses),
        }
    if error is not None:
        context["flash"] = code_of(error)
    return page(
        request,
        "desk/index.html",
        200 if error is None else status_of(error),
        headers=NO_STORE,
        path="/desk",
        **context,
    )

"""The desk's first page, everything at a glance, and the audit log."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app import actions
from app.bootstrap import Bot, now
from app.domain.version import VersionStatus
from app.store.admins import Audit
from app.store.health import Counts, Pulses
from app.store.pieces import Pieces
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.http.admins import NO_STORE, ONLY_ADMINS
from app.web.http.deps import BotDep
from app.web.http.errors import code_of, status_of
from app.web.http.page import midnight, page
from app.web.ops import health
from app.web.readers.versions import side_by_side

router = APIRouter(prefix="/desk", include_in_schema=False)
EVER = datetime(2000, 1, 1, tzinfo=UTC)


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
        pulses, trials = Pulses(session).alive(now()), Trials(session)
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
            "statuses": health.statuses(pulses),
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

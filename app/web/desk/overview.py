"""The desk's first page, everything at a glance, and the audit log."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.bootstrap import Bot, now
from app.store.audit import Audit
from app.store.counts import Counts
from app.store.pieces import Pieces
from app.store.pulses import Pulses
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.http.admins import NO_STORE, ONLY_ADMINS
from app.web.http.deps import BotDep
from app.web.http.errors import code_of, status_of
from app.web.http.page import page
from app.web.ops import health

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
        slugs = [voice.slug for voice in Voices(session).all()]
        yesterday = now() - timedelta(days=1)
        pulses = Pulses(session).alive(now())
        context: dict[str, object] = {
            "counts": {v: {"today": counts.of(v, yesterday), "ever": counts.of(v, EVER)} for v in slugs},
            "versions": {v: versions.of_voice(v) for v in slugs},
            "runs": {v: runs.of_voice(v, 10) for v in slugs},
            "waiting": Submissions(session).waiting(),
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

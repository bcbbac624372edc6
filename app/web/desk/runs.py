"""Training runs at the desk: start one, watch it, see what it made beside what serves, cancel it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.run import Cause, Said
from app.store.runs import Runs
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.http.admins import NO_STORE, ONLY_ADMINS, Admin
from app.web.http.deps import BotDep, RunId, Slug
from app.web.http.forms import GenuineForm
from app.web.http.page import page, see_other, set_flash
from app.web.readers import charts
from app.web.readers.versions import side_by_side

router = APIRouter(prefix="/desk", include_in_schema=False)
SENTENCES = {
    "lesson": r"lesson \w+: (?P<ticks>\d+) ticks, (?P<poems>\d+) poems, (?P<readers>\d+) readers",
    "cut_steps": r"cut to fit (?P<minutes>\S+) minutes on this machine: (?P<done>\d+) of at most (?P<all>\d+) steps .*",
    "cut_dreams": r"cut to fit (?P<minutes>\S+) minutes on this machine: (?P<done>\d+) of (?P<all>\d+) dreams",
    "step": r"step (?P<step>\d+) of (?P<of>\d+): loss (?P<loss>[\d.]+)",
    "writes": r"writes after (?P<step>\d+) steps: (?P<poem>.*)",
    "taught": r"taught in (?P<steps>\d+) steps, loss (?P<loss>[\d.]+), (?P<rate>[\d,]+) char/s",
    "base": r"base: (?P<bits>[\d.]+) bits/char, distinct (?P<distinct>[\d.]+), .*",
    "candidate": r"candidate: (?P<bits>[\d.]+) bits/char, distinct (?P<distinct>[\d.]+), .*",
    "liking": r"liking of (?P<readers>\d+) held-out readers: (?P<bits>[+-][\d.]+) bits/char",
    "admitted": r"admitted",
    "undecided": r"undecided: .*",
    "turned_away": r"turned away: .*",
    "lost_champion": r"compared with the base: version (?P<version>\d+) can't be read, .*",
    "given_back": r"the worker is shutting down; back in the queue",
}
"""What the worker writes into a run's log, by name: the page has a sentence for each. Others are shown as they are."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log, taken apart."""

    at: datetime
    text: str
    kind: str
    """Its name in `SENTENCES`; "" for one that has no sentence."""
    facts: dict[str, str]


def log_line(said: Said) -> LogLine:
    """What a line of the log says."""
    for kind, pattern in SENTENCES.items():
        if found := re.fullmatch(pattern, said.text):
            return LogLine(said.at, said.text, kind, found.groupdict())
    return LogLine(said.at, said.text, "", {})


def losses(said: Sequence[LogLine]) -> list[tuple[int, float]]:
    """The loss after so many steps; a run that was taken up again goes on from its last attempt."""
    points = {int(one.facts["step"]): float(one.facts["loss"]) for one in said if one.kind == "step"}
    return sorted(points.items())


@router.post("/{voice}/runs")
def start_run(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Start training."""
    report, new = actions.runs.request(bot, voice, Cause.ADMIN, by=admin)
    set_flash(request, "run_started" if new else "run_under_way")
    return see_other(f"/desk/runs/{report.run}")


@router.get("/runs/{run}", dependencies=ONLY_ADMINS)
def run(run: RunId, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """One run, live; once it has made a version, that version beside the one that serves, and what can be done now."""
    with bot.reading() as session:
        report = Runs(session).one(run)
        voice, store = Voices(session).one(report.voice), Versions(session)
        made = next((one for one in store.of_voice(report.voice) if one.number == report.version), None)
        samples, on_trial = store.samples(report.voice) if made else {}, Trials(session).running(report.voice)
    said = [log_line(one) for one in report.said]
    return page(
        request,
        "desk/run.html",
        headers=NO_STORE,
        run=report,
        shown=voice,
        made=made,
        on_trial=on_trial,
        said=[one for one in said if one.kind not in ("step", "writes")],
        recited=[one for one in said if one.kind == "writes"][-3:],
        losses=losses(said),
        beside=side_by_side(samples, {voice.champion, made.number} if made else (), seed),
    )


@router.get("/runs/{run}/loss.svg", dependencies=ONLY_ADMINS)
def loss_curve(run: RunId, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Its loss so far, drawn."""
    with bot.reads(Runs) as runs:
        said = runs.one(run).said
    return charts.loss(request, losses([log_line(one) for one in said]), narrow=bool(narrow), headers=NO_STORE)


@router.post("/runs/{run}/cancel")
def cancel(run: RunId, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Stop a run."""
    actions.runs.cancel(bot, run, by=admin)
    set_flash(request, "cancelled")
    return see_other(f"/desk/runs/{run}")

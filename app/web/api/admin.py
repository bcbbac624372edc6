"""The JSON API for admins: training runs, promotion and rollback, trials, moderation."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from app import actions, reads
from app.domain.poem import LARGEST_ID
from app.domain.run import Cause, RunReport
from app.domain.submission import SubmissionStatus
from app.store.session import TRANSIENT_DB_ERRORS
from app.web.api.schemas import (
    ChampionOut,
    HistoryOut,
    Promotion,
    Refusal,
    RunOut,
    RunStarted,
    SubmissionOut,
    TrialOut,
    problems,
    run_out,
    unsafe_problems,
)
from app.web.http.admins import Admin, must_be_admin
from app.web.http.deps import BotDep, RunId, Slug, SubmissionId
from app.web.http.visitors import visit_of

router = APIRouter(prefix="/api/v1/admin", tags=["admins"], dependencies=[Depends(must_be_admin)])
POLL_EVERY = 0.5
"""Seconds between two reads of a run that a client follows."""


@router.post(
    "/voices/{voice}/runs",
    status_code=202,
    responses={200: {"description": "A run is under way already.", "model": RunStarted}, **unsafe_problems(401, 404)},
)
def start_run(voice: Slug, admin: Admin, bot: BotDep, response: Response) -> RunStarted:
    """Start a training run, or find the one under way."""
    report, new = actions.runs.request(bot, voice, Cause.ADMIN, by=admin)
    response.status_code = 202 if new else 200
    return RunStarted(run=report.run, state=report.state)


@router.get("/voices/{voice}/runs", responses=problems(401, 404, 422))
def runs(voice: Slug, bot: BotDep, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> list[RunOut]:
    """The newest runs of a voice."""
    return [run_out(run) for run in reads.runs.of_voice(bot, voice, limit)]


@router.get("/runs/{run}", responses=problems(401, 404))
def run(run: RunId, bot: BotDep) -> RunOut:
    """One run."""
    return run_out(reads.runs.one(bot, run))


def _read_run(run: RunId, bot: BotDep) -> RunReport:
    return reads.runs.one(bot, run)


@router.get("/runs/{run}/stream", response_class=EventSourceResponse, responses=problems(401, 404))
async def watch(
    run: RunId, request: Request, bot: BotDep, report: Annotated[RunReport, Depends(_read_run)]
) -> AsyncIterator[ServerSentEvent]:
    """Follow a run: a `progress` event whenever something has changed, until it has ended."""
    if visit_of(request).head:
        return
    yield _progress(report)
    while not report.state.ended:
        await asyncio.sleep(POLL_EVERY)
        try:
            newer = await run_in_threadpool(_read_run, run, bot)
        except TRANSIENT_DB_ERRORS:  # the client waits until the database is back
            continue
        if newer != report:
            yield _progress(newer)
        report = newer


@router.post("/runs/{run}/cancel", responses=unsafe_problems(401, 404))
def cancel(run: RunId, admin: Admin, bot: BotDep) -> RunOut:
    """Cancel a run."""
    return run_out(actions.runs.cancel(bot, run, by=admin)[0])


@router.post("/voices/{voice}/promote", responses=unsafe_problems(401, 404, 409, 422))
def promote(voice: Slug, body: Promotion, admin: Admin, bot: BotDep) -> ChampionOut:
    """Make a version the champion."""
    champion = actions.versions.promote(bot, voice, body.version, by=admin, override=body.override, reason=body.reason)
    return ChampionOut(champion=champion)


@router.post("/voices/{voice}/rollback", responses=unsafe_problems(401, 404, 409))
def rollback(voice: Slug, admin: Admin, bot: BotDep) -> ChampionOut:
    """Roll back to the previous champion."""
    return ChampionOut(champion=actions.versions.rollback(bot, voice, by=admin))


@router.post("/voices/{voice}/trial/stop", responses=unsafe_problems(401, 404))
def stop_trial(voice: Slug, admin: Admin, bot: BotDep) -> TrialOut | None:
    """Stop the trial of a voice; null if none is under way."""
    ended = actions.trials.stop(bot, voice, by=admin)
    return TrialOut.of(ended) if ended else None


@router.get("/voices/{voice}/history", responses=problems(401, 404))
def history(voice: Slug, bot: BotDep) -> list[HistoryOut]:
    """Which version was the champion from when, newest first."""
    return [HistoryOut.of(entry) for entry in reads.versions.history(bot, voice)]


@router.get("/submissions", responses=problems(401, 422))
def submissions(
    bot: BotDep,
    status: SubmissionStatus | None = None,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[SubmissionOut]:
    """Submissions with a status (default: all), oldest first, beginning after the id *after*."""
    return [SubmissionOut.of(given) for given in reads.desk.submissions(bot, status, limit=limit, after=after)]


@router.post("/submissions/{submission}/approve", responses=unsafe_problems(401, 404))
def approve(submission: SubmissionId, admin: Admin, bot: BotDep) -> SubmissionOut:
    """Approve a submission for the next lesson."""
    return SubmissionOut.of(actions.submissions.decide(bot, [submission], SubmissionStatus.APPROVED, by=admin)[0])


@router.post("/submissions/{submission}/reject", responses=unsafe_problems(401, 404, 422))
def reject(
    submission: SubmissionId, admin: Admin, bot: BotDep, body: Annotated[Refusal | None, Body()] = None
) -> SubmissionOut:
    """Reject a submission: it is in no lesson."""
    reason = body.reason if body else ""
    decided = actions.submissions.decide(bot, [submission], SubmissionStatus.REJECTED, by=admin, reason=reason)
    return SubmissionOut.of(decided[0])


def _progress(report: RunReport) -> ServerSentEvent:
    return ServerSentEvent(event="progress", data=run_out(report), retry=1000)

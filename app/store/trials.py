"""Trials: the rows of A/B tests, and the impressions that decide them. A voice has at most one running trial."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app.domain.trial import Arm, Evidence, Impression, TrialEnd, TrialReport, TrialState, thinned
from app.domain.version import Challenger
from app.store.session import Queries
from app.store.tables import (
    SERVING,
    TICK_OF_IMPRESSION,
    ImpressionRow,
    LineRow,
    PoemRow,
    TickRow,
    TrialRow,
    VersionRow,
    VoiceRow,
)


class Trials(Queries):
    """Queries for trials. Every write is restricted to running trials, so it changes nothing after the end."""

    def start(self, voice: str, challenger: int, *, share: float, now: datetime) -> int | None:
        """Start a trial of a version (row id) against the champion; its id, None when another trial is running."""
        champion = self._session.scalar(select(VoiceRow.champion_id).where(VoiceRow.slug == voice))
        row = TrialRow(
            voice=voice,
            challenger_id=challenger,
            champion_id=champion,
            share=share,
            state=TrialState.RUNNING,
            evidence=_stored(Evidence()),
            started=now,
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:  # the unique index of running trials
            return None
        return row.id

    def under_way(self) -> list[Challenger]:
        """The challengers of all running trials."""
        rows = self._session.execute(
            select(*SERVING, TrialRow.id.label("trial"), TrialRow.share)
            .join(VersionRow, VersionRow.id == TrialRow.challenger_id)
            .where(TrialRow.state == TrialState.RUNNING)
            .order_by(TrialRow.id)
        )
        return [Challenger(**row._asdict()) for row in rows]

    def running(self, voice: str) -> TrialReport | None:
        """The running trial of a voice, or None."""
        found = self._reports((TrialRow.voice == voice) & (TrialRow.state == TrialState.RUNNING))
        return found[0] if found else None

    def of_voice(self, voice: str) -> list[TrialReport]:
        """The trials of a voice, newest first."""
        return self._reports(TrialRow.voice == voice)

    def begun(self, trial: int) -> list[tuple[datetime, bool]]:
        """For each reader of a trial: when his first poem was written, and whether he may count."""
        rows = (
            select(func.min(PoemRow.created).label("at"), func.count(PoemRow.network).label("counted"))
            .where(PoemRow.trial_id == trial, PoemRow.visitor_id.is_not(None))
            .group_by(PoemRow.visitor_id)
        )
        return [(row.at, row.counted > 0) for row in self._session.execute(rows)]

    def impressions(self, trial: int) -> list[Impression]:
        """The impressions of a trial: lines of poems that were drawn for readers who count, shown to these readers."""
        rows = self._session.execute(
            select(
                ImpressionRow.visitor_id,
                PoemRow.network,
                PoemRow.id,
                PoemRow.created,
                PoemRow.version_id == TrialRow.challenger_id,
                TickRow.at,
                TickRow.taken_back,
            )
            .select_from(PoemRow)
            .join(TrialRow, TrialRow.id == PoemRow.trial_id)
            .join(LineRow, LineRow.poem_id == PoemRow.id)
            .join(
                ImpressionRow, (ImpressionRow.line_id == LineRow.id) & (ImpressionRow.visitor_id == PoemRow.visitor_id)
            )
            .outerjoin(TickRow, TICK_OF_IMPRESSION)
            .where(
                PoemRow.trial_id == trial,
                PoemRow.version_id.in_([TrialRow.challenger_id, TrialRow.champion_id]),
                PoemRow.network.is_not(None),
            )
        )
        return [
            Impression(visitor, network, poem, at, bool(challenger), None if gone else when)
            for visitor, network, poem, at, challenger, when, gone in rows
            if network is not None
        ]

    def note(self, trial: int, evidence: Evidence) -> None:
        """Store the evidence of a running trial."""
        self._write(trial, evidence=_stored(evidence))

    def end(self, trial: int, state: TrialState, reason: TrialEnd, *, now: datetime) -> bool:
        """End the trial; False when it had ended already."""
        return self._write(trial, state=state, reason=reason, ended=now)

    def _write(self, trial: int, **values: Any) -> bool:
        written = update(TrialRow).where(TrialRow.id == trial, TrialRow.state == TrialState.RUNNING).values(**values)
        ended = self._session.scalar(written.returning(TrialRow.id).execution_options(synchronize_session=False))
        return ended is not None

    def _reports(self, which: Any) -> list[TrialReport]:
        challenger, champion = aliased(VersionRow), aliased(VersionRow)
        rows = self._session.execute(
            select(TrialRow, challenger.number, champion.number)
            .join(challenger, challenger.id == TrialRow.challenger_id)
            .join(champion, champion.id == TrialRow.champion_id)
            .where(which)
            .order_by(TrialRow.id.desc())
            .execution_options(populate_existing=True)
        )
        return [_report(row, *numbers) for row, *numbers in rows]


def _stored(evidence: Evidence) -> dict[str, Any]:
    """Evidence as JSON."""
    return {
        "visitors": evidence.visitors,
        "networks": evidence.networks[-1] if evidence.networks else 0,
        "champion": asdict(evidence.champion),
        "challenger": asdict(evidence.challenger),
        "path": [[round(better, 4), round(worse, 4)] for better, worse in thinned(evidence.path)],
    }


def _report(row: TrialRow, challenger: int, champion: int) -> TrialReport:
    path: Sequence[Sequence[float]] = row.evidence["path"]
    better, worse = path[-1] if path else (1.0, 1.0)
    return TrialReport(
        id=row.id,
        voice=row.voice,
        challenger=challenger,
        challenger_id=row.challenger_id,
        champion=champion,
        champion_id=row.champion_id,
        share=row.share,
        state=TrialState(row.state),
        reason=TrialEnd(row.reason) if row.reason else None,
        started=row.started,
        ended=row.ended,
        visitors=row.evidence["visitors"],
        networks=row.evidence.get("networks", 0),
        better=better,
        worse=worse,
        champion_arm=Arm(**row.evidence["champion"]),
        challenger_arm=Arm(**row.evidence["challenger"]),
        path=tuple((one[0], one[1]) for one in path),
    )

"""The desk, the admin interface: who may open it, its overview, the moderation queue, one run, one trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.bootstrap import Bot
from app.domain.draft import DrawerReport
from app.domain.health import Pulse, VoiceStatus
from app.domain.poem import Piece
from app.domain.run import EVER, Outlook, RunReport
from app.domain.submission import Submission, SubmissionStatus
from app.domain.trial import TrialReport
from app.domain.version import VersionReport, VersionStatus, VoiceReport
from app.reads.query import query
from app.reads.runs import outlook_in
from app.reads.versions import Comparison, compare
from app.store.admins import Admins, Audit, Key, Kind
from app.store.drafts import Drafts
from app.store.health import Health, Pulses
from app.store.runs import Runs
from app.store.submissions import Pieces, Submissions
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices

Secret = tuple[str, Kind]
"""A credential as it came with the request, and which kind of key it is looked up as."""

has_admin = query(Admins, Admins.any)
audit = query(Audit, Audit.newest)
submissions = query(Submissions, Submissions.queue)


def key(bot: Bot, secret: Secret | None) -> Key | None:
    """The key that a secret belongs to; None without a secret, or when it is unknown, revoked or expired."""
    if secret is None:
        return None
    with bot.reads(Admins) as admins:
        return admins.key(*secret, bot.clock())


def keys(bot: Bot) -> list[Key]:
    """Every valid key, oldest first."""
    with bot.reads(Admins) as admins:
        return admins.keys(bot.clock())


@dataclass(frozen=True, slots=True)
class Overview:
    """The overview page; mappings are keyed by voice."""

    counts: Mapping[str, Mapping[str, Mapping[str, int]]]
    """Of `today` and `ever`."""
    versions: Mapping[str, list[VersionReport]]
    on_trial: Mapping[str, TrialReport]
    outlooks: Mapping[str, Outlook]
    besides: Mapping[str, Comparison]
    """The champion beside the versions to decide on; only voices that have such versions."""
    runs: Mapping[str, list[RunReport]]
    waiting: int
    """Submissions that wait for a moderator."""
    woven: int
    """Pieces that wait for a moderator."""
    drawers: Mapping[str, DrawerReport | None]
    """By voice: the drawer of its champion."""
    pulses: list[Pulse]
    statuses: list[VoiceStatus]
    """What web processes reported with their heartbeats, without duplicates."""


def overview(bot: Bot, today: datetime) -> Overview:
    """The overview; *today*: when the day began."""
    with bot.reading() as session:
        health, versions, runs, trials = Health(session), Versions(session), Runs(session), Trials(session)
        voices, pulses = Voices(session).all(), Pulses(session).alive(bot.clock())
        slugs = [voice.slug for voice in voices]
        on_trial = {slug: running for slug in slugs if (running := trials.running(slug))}
        reports = {slug: versions.of_voice(slug) for slug in slugs}
        besides = {}
        for voice in voices:
            newest, tried = reports[voice.slug][:1], on_trial.get(voice.slug)
            undecided = {one.number for one in newest if one.status is VersionStatus.UNDECIDED}
            numbers = {voice.champion, *undecided, *([tried.challenger] if tried else ())}
            if len(numbers) > 1:
                besides[voice.slug] = compare(versions.samples(voice.slug), numbers)
        return Overview(
            counts={slug: {"today": health.counts(slug, today), "ever": health.counts(slug, EVER)} for slug in slugs},
            versions=reports,
            on_trial=on_trial,
            outlooks={slug: outlook_in(session, bot, slug) for slug in slugs},
            besides=besides,
            runs={slug: runs.of_voice(slug, 10) for slug in slugs},
            waiting=Submissions(session).count(),
            woven=Pieces(session).waiting(),
            drawers={slug: Drafts(session).report(slug) for slug in slugs},
            pulses=pulses,
            statuses=list(dict.fromkeys(status for pulse in pulses for status in pulse.web.voices)),
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of the moderation queue, for one status."""

    submissions: list[Submission]
    pieces: list[Piece]
    before: int
    """Number of submissions of that status that come before these."""
    total: int


def queue(bot: Bot, status: SubmissionStatus, *, after: int) -> Queue:
    """Submissions with an id above *after*, and pieces; oldest first."""
    with bot.reading() as session:
        store = Submissions(session)
        return Queue(
            store.queue(status, after=after),
            Pieces(session).queue(status),
            before=store.count(status, up_to=after),
            total=store.count(status),
        )


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run, and the version it made beside the champion."""

    run: RunReport
    shown: VoiceReport
    made: VersionReport | None
    on_trial: TrialReport | None
    beside: Comparison


def run(bot: Bot, run: int, seed: str) -> ShownRun:
    """One run; *seed*: which sample poems to compare. Raises UnknownRun."""
    with bot.reading() as session:
        report = Runs(session).one(run)
        voice, store = Voices(session).one(report.voice), Versions(session)
        made = next((one for one in store.of_voice(report.voice) if one.number == report.version), None)
        samples, on_trial = store.samples(report.voice) if made else {}, Trials(session).running(report.voice)
    beside = compare(samples, {voice.champion, made.number} if made else (), seed)
    return ShownRun(report, voice, made, on_trial, beside)


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """The newest trial of a voice, and sample poems of both versions."""

    trial: TrialReport | None
    challenger: VersionReport | None
    beside: Comparison
    readers: int = 0
    """All readers for whom one of the two wrote, those who do not count too."""
    next: datetime | None = None
    """When the hour of the next reader is over, so that he is counted."""


def trial(bot: Bot, voice: str, seed: str) -> ShownTrial:
    """The newest trial of a voice; *seed*: which sample poems to compare. Raises UnknownVoice."""
    now, visit = bot.clock(), bot.settings.trial_rules.visit
    with bot.reading() as session:
        versions = Versions(session)
        samples, reports = versions.samples(voice), {one.number: one for one in versions.of_voice(voice)}
        newest = next(iter(Trials(session).of_voice(voice)), None)
        begun = Trials(session).begun(newest.id) if newest else []
    if newest is None:
        return ShownTrial(None, None, compare(samples, (), seed))
    both = compare(samples, {newest.champion, newest.challenger}, seed)
    ends = [at + visit for at, counted in begun if counted and at + visit > now]
    return ShownTrial(newest, reports.get(newest.challenger), both, len(begun), min(ends, default=None))

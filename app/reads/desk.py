"""The desk: everything at a glance, what waits for a moderator, and one run or trial with what can be done now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.bootstrap import Bot
from app.domain.health import Pulse, VoiceStatus
from app.domain.poem import Piece
from app.domain.run import EVER, Outlook, RunReport
from app.domain.submission import Submission, SubmissionStatus
from app.domain.trial import TrialReport
from app.domain.version import VersionReport, VersionStatus, VoiceReport
from app.reads.runs import outlook_in
from app.reads.versions import Beside, side_by_side
from app.store.health import Counts, Pulses
from app.store.pieces import Pieces
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at a glance; mappings go by voice."""

    counts: Mapping[str, Mapping[str, Mapping[str, int]]]
    """Of `today` and `ever`."""
    versions: Mapping[str, list[VersionReport]]
    on_trial: Mapping[str, TrialReport]
    outlooks: Mapping[str, Outlook]
    besides: Mapping[str, Beside]
    """The champion and what is to be decided on; of voices where something is."""
    runs: Mapping[str, list[RunReport]]
    waiting: int
    """Submissions that wait for a moderator."""
    woven: int
    """Pieces that do."""
    pulses: list[Pulse]
    statuses: list[VoiceStatus]
    """What the web processes reported with their heartbeats, without repetitions."""


def overview(bot: Bot, today: datetime) -> Overview:
    """Everything at a glance; *today*: when the day began."""
    with bot.reading() as session:
        counts, versions, runs, trials = Counts(session), Versions(session), Runs(session), Trials(session)
        voices, pulses = Voices(session).all(), Pulses(session).alive(bot.clock())
        slugs = [voice.slug for voice in voices]
        on_trial = {slug: running for slug in slugs if (running := trials.running(slug))}
        known = {slug: versions.of_voice(slug) for slug in slugs}
        besides = {}
        for voice in voices:
            newest, tried = known[voice.slug][:1], on_trial.get(voice.slug)
            undecided = {one.number for one in newest if one.status is VersionStatus.UNDECIDED}
            numbers = {voice.champion, *undecided, *([tried.challenger] if tried else ())}
            if len(numbers) > 1:
                besides[voice.slug] = side_by_side(versions.samples(voice.slug), numbers)
        return Overview(
            counts={slug: {"today": counts.of(slug, today), "ever": counts.of(slug, EVER)} for slug in slugs},
            versions=known,
            on_trial=on_trial,
            outlooks={slug: outlook_in(session, bot, slug) for slug in slugs},
            besides=besides,
            runs={slug: runs.of_voice(slug, 10) for slug in slugs},
            waiting=Submissions(session).count(),
            woven=Pieces(session).waiting(),
            pulses=pulses,
            statuses=list(dict.fromkeys(status for pulse in pulses for status in pulse.web.voices)),
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """What a moderator reads of one status."""

    submissions: list[Submission]
    pieces: list[Piece]
    before: int
    """Submissions of that status before these."""
    total: int


def queue(bot: Bot, status: SubmissionStatus, *, after: int) -> Queue:
    """Submissions from *after* one, and pieces; the oldest first."""
    with bot.reading() as session:
        store = Submissions(session)
        return Queue(
            store.queue(status, after_id=after),
            Pieces(session).queue(status),
            before=store.count(status, up_to=after),
            total=store.count(status),
        )


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run, and the version that it made beside the one that serves."""

    run: RunReport
    shown: VoiceReport
    made: VersionReport | None
    on_trial: TrialReport | None
    beside: Beside


def run(bot: Bot, run: int, seed: str) -> ShownRun:
    """One run; *seed*: of the poems. Raises UnknownRun."""
    with bot.reading() as session:
        report = Runs(session).one(run)
        voice, store = Voices(session).one(report.voice), Versions(session)
        made = next((one for one in store.of_voice(report.voice) if one.number == report.version), None)
        samples, on_trial = store.samples(report.voice) if made else {}, Trials(session).running(report.voice)
    beside = side_by_side(samples, {voice.champion, made.number} if made else (), seed)
    return ShownRun(report, voice, made, on_trial, beside)


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """The newest trial of a voice, and what each of the two writes."""

    trial: TrialReport | None
    challenger: VersionReport | None
    beside: Beside


def trial(bot: Bot, voice: str, seed: str) -> ShownTrial:
    """The newest trial of a voice; *seed*: of the poems. Raises UnknownVoice."""
    with bot.reading() as session:
        versions = Versions(session)
        samples, known = versions.samples(voice), {one.number: one for one in versions.of_voice(voice)}
        newest = next(iter(Trials(session).of_voice(voice)), None)
    if newest is None:
        return ShownTrial(None, None, side_by_side(samples, (), seed))
    both = side_by_side(samples, {newest.champion, newest.challenger}, seed)
    return ShownTrial(newest, known.get(newest.challenger), both)

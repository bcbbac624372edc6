"""The assessment of a candidate: its figures beside the base's and the champion's, and the gate's verdict on them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain import gate
from app.domain.heldout import ReadLine
from app.domain.lesson import Lesson
from app.domain.verdict import Scorecard, Verdict
from app.settings import Settings
from models.checkpoint import Checkpoint
from worker.examiner import Examination, poems
from worker.readers import gains, liking
from worker.trainer import network_of


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is assessed, and beside whom."""

    base: Checkpoint
    champion: Checkpoint
    candidate: Checkpoint
    champion_metrics: Mapping[str, float]
    """As they were measured when the champion was a candidate: its holdout is the same."""
    held_out: Sequence[ReadLine]
    """What readers chose and passed over, whom neither champion nor candidate was taught."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What came of it."""

    base: Scorecard
    candidate: Scorecard
    verdict: Verdict
    readers: int
    """Held-out readers who were asked."""
    poems: list[list[str]]
    """A few of the candidate's, and of the base's, of the same seeds."""
    base_poems: list[list[str]]
    gains: Mapping[tuple[str, int], float]

    def report(self) -> Iterator[str]:
        """Lines for the run's log."""
        for name, card in (("base", self.base), ("candidate", self.candidate)):
            yield f"{name}: {figures(card)}"
        if self.readers:
            yield f"liking of {self.readers} held-out readers: {self.candidate.liking:+.4f} bits/char"
        if self.verdict.admitted:
            yield "admitted"
        elif self.verdict.undecided:
            yield f"undecided: {', '.join(self.verdict.unmeasured)}"
        else:
            yield f"turned away: {', '.join(self.verdict.reasons)}"


def assess(subject: Subject, lesson: Lesson, settings: Settings, *, watch: Callable[[float], None]) -> Assessment:
    """Measure all three and judge; *watch* hears how far it has come (0 to 1), and what it raises ends it."""
    examination = Examination.of(subject.base.folder, lesson, settings)
    base = examination.examine(subject.base, check=lambda done: watch(0.4 * done))
    card = examination.examine(subject.candidate, check=lambda done: watch(0.4 + 0.4 * done))
    networks = {id(one): network_of(one) for one in (subject.base, subject.champion, subject.candidate)}
    vocabulary = subject.base.vocabulary

    def liked(version: Checkpoint) -> float:
        return liking(networks[id(version)], vocabulary, subject.held_out)

    readers = len({line.visitor for line in subject.held_out})
    champion = replace(
        base,
        bits_per_char=subject.champion_metrics.get("bits_per_char", base.bits_per_char),
        liking=liked(subject.champion),
    )
    card = replace(card, liking=liked(subject.candidate))
    watch(0.85)
    verdict = gate.judge(base, card, champion=champion, readers=readers)
    before, after = networks[id(subject.base)], networks[id(subject.candidate)]
    gained = gains(before, after, vocabulary, lesson, watch=lambda done: watch(0.85 + 0.15 * done))
    written = poems(subject.candidate, settings) if card.finite else []
    return Assessment(base, card, verdict, readers, written, poems(subject.base, settings), gained)


def figures(card: Scorecard) -> str:
    """A scorecard as a line of a log."""
    return (
        f"{card.bits_per_char:.4f} bits/char, distinct {card.distinct:.3f}, pairs {card.distinct2:.3f}, "
        f"copied {card.copied:.3f}, blocked {card.blocked:.3f}, "
        f"{card.short:.0f}-{card.usual:.0f}-{card.long:.0f} letters, {'finite' if card.finite else 'not finite'}"
    )

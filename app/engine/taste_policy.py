"""The taste policy: keeps the newest taste of each voice in memory, and decides which poems are chosen by taste.

A share of the poems ignores taste, as a control group: so the effect of taste is measured. The log-odds that taste
gives to their lines are logged all the same. With and without taste, a voice avoids lines that it has lately written in
this process. If a new taste cannot be loaded, the older one stays.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from app.domain.draft import Draft
from app.domain.poem import Wish
from app.engine.choose import Recent, Way, avoiding, noting, with_taste
from app.engine.live import LiveVersion
from models.sample import uniform
from models.taste import Taste, Tasteless
from models.vocabulary import Vocabulary

log = structlog.get_logger(__name__)

IGNORES = -2
"""Stream id of the random number that draws the control group; the ids of the poem's lines count up from 0."""


@dataclass(eq=False)
class DraftLikings:
    """What a taste says of drafts, remembered: a draft is asked about for every reader."""

    taste: Taste | None = None
    temperature: float = 1.0
    vocabulary: Vocabulary | None = None
    _known: dict[int, Sequence[float | None]] = field(default_factory=dict)

    def by_line(self, draft: Draft) -> Sequence[float | None]:
        """Log-odds of a tick for each line; None for each without a taste."""
        known = self._known.get(draft.id)
        if known is None:
            known = self._known[draft.id] = self._asked(draft)
        return known

    def _asked(self, draft: Draft) -> Sequence[float | None]:
        if self.taste is None or self.vocabulary is None:
            return (None,) * len(draft.lines)
        means = [line.logprob / (len(self.vocabulary.encode(line.text)) + 1) for line in draft.lines]
        return tuple(self.taste.likings(draft.texts, means))

    def total(self, draft: Draft) -> float:
        """Log-odds by which a draft is preferred: the sum over its lines."""
        return sum(liking or 0.0 for liking in self.by_line(draft)) / self.temperature


class TastePolicy:
    """Tastes by voice. The decode thread calls `way`, the polling thread calls `refresh`."""

    def __init__(
        self,
        *,
        newest: Callable[[], Mapping[str, int]] = dict,
        fetch: Callable[[int], Mapping[str, Any]] = lambda _taste: {},
        candidates: int,
        share: float = 1.0,
        temperature: float = 1.0,
    ) -> None:
        """*newest*: the id of each voice's newest taste; *fetch*: id -> the taste as JSON; *candidates*: most
        candidates of a line; *share*: of the poems that are chosen by taste, 0 to 1; *temperature*: of `choose.tasted`.
        """
        self._newest = newest
        self._fetch = fetch
        self.candidates = candidates
        self._share = share
        self._temperature = temperature
        self._tastes: dict[str, tuple[int, Taste]] = {}
        self._recent: dict[str, Recent] = {}
        self._broken: set[int] = set()
        self._of_drafts: dict[tuple[int, int], DraftLikings] = {}

    def of_drafts(self, live: LiveVersion, number: float) -> tuple[int | None, DraftLikings]:
        """The id of the taste that chooses among the drafts of a version, and what it says of them.

        *number*: uniform in [0, 1); it draws the control group, for which no taste chooses (the id is None).
        """
        known = self._tastes.get(live.voice)
        if known is None:
            return None, DraftLikings()
        taste, content = known
        likings = self._of_drafts.get((live.id, taste))
        if likings is None:
            likings = DraftLikings(content, self._temperature, live.vocabulary)
            others = {key: one for key, one in self._of_drafts.items() if key[0] != live.id}
            self._of_drafts = {**others, (live.id, taste): likings}  # replaced whole: other threads read it meanwhile
        return (None if number >= self._share else taste), likings

    def forget_drafts(self, *, but_of: Collection[int]) -> None:
        """Drop what was said of the drafts of all versions (row ids) *but_of* these."""
        self._of_drafts = {key: one for key, one in self._of_drafts.items() if key[0] in but_of}

    def way(self, voice: str, wish: Wish, seed: int, *, without: Way) -> Way:
        """How the lines of a poem are chosen. *without*: the way for a voice without a taste.

        A poem with a seed of the reader's uses neither taste nor memory, because the same version must write the same
        poem again.
        """
        if wish.seed is not None or (voice not in self._tastes and without.score is None):
            return without
        recent = self._recent.setdefault(voice, Recent())
        way, known = avoiding(without, recent), self._tastes.get(voice)
        if known is not None:
            number, taste = known
            if uniform(seed, IGNORES) >= self._share:
                way = replace(way, choose=noting(taste.likings, way.choose))
            else:
                chosen = with_taste(
                    taste.likings, self.candidates, temperature=self._temperature, without=without, recent=recent
                )
                way = replace(chosen, taste=number)
        return replace(way, sent=recent.note)

    def refresh(self) -> None:
        """Load tastes that are newer than those in memory, and drop those that are gone."""
        try:
            newest = self._newest()
        except Exception as error:  # noqa: BLE001 - the database is away; the tastes in memory stay
            log.warning("taste.unknown", error=repr(error))
            return
        self._tastes = {voice: known for voice, known in self._tastes.items() if voice in newest}
        for voice, number in newest.items():
            if number in self._broken or self._tastes.get(voice, (None,))[0] == number:
                continue
            self._take_up(voice, number)

    def _take_up(self, voice: str, number: int) -> None:
        try:
            taste = Taste.from_dict(self._fetch(number))
        except Exception as error:  # noqa: BLE001 - as above; but data that is no taste is not fetched again
            if isinstance(error, Tasteless):
                self._broken.add(number)
            log.error("taste.failed", voice=voice, taste=number, error=str(error))  # noqa: TRY400
            return
        self._tastes[voice] = number, taste
        log.info("taste.taken_up", voice=voice, taste=number, auc=round(taste.report.auc, 3))

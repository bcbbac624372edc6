"""The taste policy: keeps the newest taste of each voice in memory, and decides which poems are chosen by taste.

A share of the poems ignores taste, as a control group: so the effect of taste is measured. The log-odds that taste
gives to their lines are logged all the same. With and without taste, a voice avoids lines that it has lately written in
this process. If a new taste cannot be loaded, the older one stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from app.domain.poem import Wish
from app.engine.choose import Recent, Way, avoiding, noting, with_taste
from models.sample import uniform
from models.taste import Taste, Tasteless

log = structlog.get_logger(__name__)

IGNORES = -2
"""Stream id of the random number that draws the control group; the ids of the poem's lines count up from 0."""


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

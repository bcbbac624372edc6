"""The taste policy: which taste each voice has in memory, which poems are written by it, and what was lately said.

A share of the poems ignores taste, so that its effect is measured and not believed; what it would have said of them is
noted all the same. What a voice said lately in this process it does not say again, with a taste or without. A taste
that will not load leaves the older one. Knows no database.
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
"""Stream id that keeps this random number apart from those of the poem's lines, whose ids count from 0."""


class TastePolicy:
    """Tastes by voice. `way` is called by the decode thread, `refresh` by the one that polls."""

    def __init__(
        self,
        *,
        newest: Callable[[], Mapping[str, int]] = dict,
        fetch: Callable[[int], Mapping[str, Any]] = lambda _taste: {},
        candidates: int,
        share: float = 1.0,
        temperature: float = 1.0,
    ) -> None:
        """*newest*: the id of each voice's taste; *fetch*: what is kept of it; *candidates*: the most ways a line
        is drawn for taste to choose from; *share*: of the poems, for which it does; *temperature*: of `tasted`.
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
        """How the lines of a poem are chosen; *without*: for a voice without a taste.

        A seed of the reader's has no taste and no memory: the same version must write the same poem again.
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
        return replace(way, told=recent.note)

    def refresh(self) -> None:
        """Take up tastes that are newer."""
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
        except Exception as error:  # noqa: BLE001 - as above; but what is no taste is not asked for again
            if isinstance(error, Tasteless):
                self._broken.add(number)
            log.error("taste.failed", voice=voice, taste=number, error=str(error))  # noqa: TRY400
            return
        self._tastes[voice] = number, taste
        log.info("taste.taken_up", voice=voice, taste=number, auc=round(taste.report.auc, 3))

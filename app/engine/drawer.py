"""The drawer in a web process: the drafts of the versions that serve, kept in memory, and the draw of one for a reader.

The polling thread calls `refresh`, which reads the drafts of a version again when its drawer has changed; readers'
threads call `draw`. While the database is away, the drafts in memory are handed out.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from app.domain.draft import READY, Draft, Memory, choose, left_for, rarity
from app.domain.poem import Wish, Writing
from app.engine.live import LiveVersion
from app.engine.taste_policy import TastePolicy

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    """The drafts of a version, as they were when the drawer had changed so many times."""

    changed: int
    drafts: tuple[Draft, ...]
    weights: Mapping[str, float]
    """Of words: `app.domain.draft.rarity`."""


class Drawer:
    """Drafts by version."""

    def __init__(
        self,
        *,
        changes: Callable[[], Mapping[int, int]] = dict,
        fetch: Callable[[int], Sequence[Draft]] = lambda _version: (),
        taste_policy: TastePolicy,
    ) -> None:
        """*changes*: how often the drawer of each version has changed; *fetch*: row id of a version -> its drafts."""
        self._changes, self._fetch, self._taste_policy = changes, fetch, taste_policy
        self._held: dict[int, _Held] = {}

    def refresh(self, versions: Collection[int]) -> None:
        """Read the drafts of *versions* whose drawers have changed, and drop those of other versions."""
        try:
            changes = self._changes()
            for version in versions:
                held = self._held.get(version)
                changed = changes.get(version, 0)
                if held is None or held.changed != changed:
                    drafts = tuple(self._fetch(version)) if changed else ()
                    self._held[version] = _Held(changed, drafts, rarity(drafts))
        except Exception as error:  # noqa: BLE001 - the database is away; the drafts in memory stay
            log.warning("drawer.unknown", error=repr(error))
            return
        for version in set(self._held) - set(versions):
            del self._held[version]
        self._taste_policy.forget_drafts(but_of=versions)

    def count(self, version: int) -> int:
        """Drafts of a version that are in memory."""
        held = self._held.get(version)
        return len(held.drafts) if held else 0

    def left(self, version: int, memory: Memory, wish: Wish) -> list[Draft] | None:
        """The drafts that a reader may be handed; None if they are too few for a choice."""
        held = self._held.get(version)
        drafts = left_for(held.drafts, memory, word=wish.word) if held else []
        return drafts if len(drafts) >= (1 if wish.word else READY) else None

    def draw(
        self,
        live: LiveVersion,
        drafts: Sequence[Draft],
        memory: Memory,
        *,
        dice: Callable[[], float],
        trial: int | None,
    ) -> Writing:
        """Draw one of *drafts*, which `left` has returned for the version *live*."""
        taste, liking = self._taste_policy.of_drafts(live, dice())
        weights = self._held[live.id].weights if live.id in self._held else {}
        draft, propensity = choose(
            drafts, memory, dice(), weights=weights, liking=lambda one: liking.total(one) if taste is not None else 0.0
        )
        lines = tuple(
            replace(line, chance=propensity, liking=liked)
            for line, liked in zip(draft.lines, liking.by_line(draft), strict=True)
        )
        return Writing(
            voice=live.voice,
            version=live.id,
            seed=draft.seed,
            temperature=draft.temperature,
            lines=lines,
            trial=trial,
            taste=taste,
            draft=draft.id,
        )

"""What a reranker learns from: places in poems of ours, and what the voice itself would write there."""

import sys
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from app.domain.poem import Quotation, Wish
from app.engine.batcher import Batcher
from app.engine.choose import Candidate, Choice, Context
from app.engine.live import LiveVersion, load
from app.store.voices import Serving
from models import rerank, reranker
from models.rerank import Group
from models.vocabulary import Vocabulary

OWN, STRANGE = 3, 1
"""Lines of a group that the voice wrote in this place, and lines that stand in other poems."""
PLACES = 2
"""Places of each poem that are asked about."""
ASIDE = 40
"""One group in so many is kept aside, to see what was learned."""
PASSES, ROWS = 2, 64


def make(folder: Path, poems: Sequence[Sequence[str]], vocabulary: Vocabulary, *, seed: int = 0) -> bytes:
    """The reranker for the base in *folder*, learned from those *poems* of lines; prints what it finds."""
    live = load(Serving("rerank", 0, 0, "base", "base"), folder, precision="int8", rows=ROWS, threads=1)
    found = list(groups(live, poems, seed=seed))
    aside, read = found[::ASIDE], [group for i, group in enumerate(found) if i % ASIDE]

    def watch(step: int, of: int, loss: float) -> None:
        if step % 100 == 0:
            print(f"rerank step {step}/{of}  loss {loss:.4f}", file=sys.stderr, flush=True)

    outcome = rerank.train(read, vocabulary, aside=aside, passes=PASSES, seed=seed, watch=watch)
    print(
        f"rerank: {len(read):,} groups; of {len(aside)} kept aside the poet's line is found in {outcome.found:.3f} "
        f"(chance {outcome.chance:.3f})",
        file=sys.stderr,
        flush=True,
    )
    return reranker.graph(outcome.weights)


def groups(live: LiveVersion, poems: Sequence[Sequence[str]], *, seed: int) -> Iterator[Group]:
    """`PLACES` places of each poem, with what the voice and other poems have for it; the poet's line first."""
    rng = np.random.default_rng(seed)
    asked = [
        (tuple(poem), int(slot))
        for poem in poems
        for slot in rng.choice(len(poem), min(PLACES, len(poem)), replace=False)
    ]
    written = _written(live, [poem[:slot] for poem, slot in asked])
    for poem, slot in asked:
        others = [poems[int(i)] for i in rng.integers(len(poems), size=STRANGE)]
        strange = [other[min(slot, len(other) - 1)] for other in others]
        lines = dict.fromkeys(
            [poem[slot], *written[poem[:slot]].popleft(), *strange]
        )  # the poet's own again is no rival
        yield Group(poem[:slot], slot == len(poem) - 1, tuple(lines))


def _written(live: LiveVersion, begun: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], deque[list[str]]]:
    """By a poem's lines so far: what the voice would write next, `OWN` lines each time it is asked."""
    found: dict[tuple[str, ...], deque[list[str]]] = defaultdict(deque)

    def note(context: Context, candidates: Sequence[Candidate], _number: float) -> Choice:
        found[context.before].append([candidate.text for candidate in candidates])
        return Choice(0, 1.0)

    batcher = Batcher(lambda _voice: live, rows=ROWS, queue=2 * ROWS, candidates=OWN, choose=note)
    wishes = (
        Wish(lines=len(before) + 1, keep=tuple(Quotation(None, line) for line in before), seed=seed)
        for seed, before in enumerate(begun)
    )
    try:
        for done, _ in enumerate(batcher.write_all(live.voice, wishes, at_once=ROWS), 1):
            if done % 2000 == 0:
                print(f"rerank: {done:,} of {len(begun):,} places written", file=sys.stderr, flush=True)
    finally:
        batcher.close()
    return found

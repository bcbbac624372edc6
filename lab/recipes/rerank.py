"""What a reranker learns from: what our poems and the voice itself have for the same place; and readers' grades."""

import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
ASIDE = 20
"""One group in so many is kept aside, to see what was learned."""
PASSES, GRADED_PASSES = 2, 4
GRADED_RATE = 1e-3
ROWS = 64
NO = float("-inf")


def make(
    folder: Path, poems: Sequence[Sequence[str]], vocabulary: Vocabulary, graded: Sequence[Group] = (), *, seed: int = 0
) -> bytes:
    """The reranker for the base in *folder*, learned from those *poems* of lines, then from what readers *graded*."""
    found = list(groups(voice(folder), poems, seed=seed))
    learned = _learn("poets", found, vocabulary, passes=PASSES, rate=rerank.RATE, seed=seed)
    if graded:
        some = random.Random(seed).sample(found, min(len(found), len(graded) // 2))  # so that poets are not forgotten
        learned = _learn(
            "grades", graded, vocabulary, beside=some, passes=GRADED_PASSES, rate=GRADED_RATE, start=learned, seed=seed
        )
    return reranker.graph(learned.weights)


def _learn(
    what: str,
    found: Sequence[Group],
    vocabulary: Vocabulary,
    *,
    passes: int,
    rate: float,
    seed: int,
    beside: Sequence[Group] = (),
    start: rerank.Outcome | None = None,
) -> rerank.Outcome:
    """One training; prints what it finds."""

    def watch(step: int, of: int, loss: float) -> None:
        if step % 100 == 0:
            print(f"rerank {what} step {step}/{of}  loss {loss:.4f}", file=sys.stderr, flush=True)

    aside, read = found[::ASIDE], [group for i, group in enumerate(found) if i % ASIDE]
    weights = None if start is None else start.weights
    outcome = rerank.train(
        [*read, *beside], vocabulary, aside=aside, passes=passes, rate=rate, start=weights, seed=seed, watch=watch
    )
    print(
        f"rerank {what}: {len(read):,} groups; in {len(aside)} kept aside, {outcome.found:.3f} of the pairs in order",
        file=sys.stderr,
        flush=True,
    )
    return outcome


def groups(live: LiveVersion, poems: Sequence[Sequence[str]], *, seed: int) -> Iterator[Group]:
    """`PLACES` places of each poem, with what the voice and other poems have for it; the poet's line first."""
    rng = random.Random(seed)
    asked = [(tuple(poem), slot) for poem in poems for slot in rng.sample(range(len(poem)), min(PLACES, len(poem)))]
    wishes = (next_line(poem[:slot], rng) for poem, slot in asked for _ in range(OWN))
    lines = written(live, wishes, alone=True)
    for poem, slot in asked:
        own = [next(lines)[-1] for _ in range(OWN)]
        others = [rng.choice(poems) for _ in range(STRANGE)]
        strange = [other[min(slot, len(other) - 1)] for other in others]
        different = tuple(dict.fromkeys([poem[slot], *own, *strange]))  # the poet's own again is no rival
        yield Group(poem[:slot], slot == len(poem) - 1, different, (0.0, *[NO] * (len(different) - 1)))


def voice(folder: Path) -> LiveVersion:
    """The version in *folder*, ready to write."""
    return load(Serving("rerank", 0, 0, "base", "base"), folder, precision="int8", rows=ROWS, threads=1)


def next_line(before: Sequence[str], rng: random.Random) -> Wish:
    """One more line after those."""
    keep = tuple(Quotation(None, line) for line in before)
    return Wish(lines=len(before) + 1, keep=keep, seed=rng.getrandbits(40))


def written(live: LiveVersion, wishes: Iterable[Wish], *, alone: bool = False) -> Iterator[tuple[str, ...]]:
    """The lines that the voice writes, as it serves readers without a taste; *alone*: each the first that comes."""

    def first(_context: Context, _candidates: Sequence[Candidate], _number: float) -> Choice:
        return Choice(0, 1.0)

    candidates = 1 if alone else live.style.candidates
    batcher = Batcher(
        lambda _voice: live, rows=ROWS, queue=2 * ROWS, candidates=candidates, choose=first if alone else None
    )
    try:
        for done, writing in enumerate(batcher.write_all(live.voice, wishes, at_once=ROWS), 1):
            yield tuple(line.text for line in writing.lines)
            if done % 5000 == 0:
                print(f"{done:,} written", file=sys.stderr, flush=True)
    finally:
        batcher.close()

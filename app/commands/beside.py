"""`voice add` from a shipped voice: read the owner's texts, train, measure, say what came of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.commands.sample import first_poems
from app.commands.shell import BadUse, say, settings_of_environment, training_bar

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from models.network import CharNetwork
    from models.train import Progress

NOTHING = "nothing"
"""`--from nothing`: no base, the network begins with random weights."""
SHOWN = 5
"""Poems that are printed at the end."""
EXAMINED = 10
"""Poems in which copied lines are counted."""
FEWEST_LETTERS = 300
FEWEST_POEMS = 10
"""With fewer, the command warns."""
MUCH = 50_000
"""Characters from which on a text takes over."""
KNOWN = 0.5
"""Share of lines that the base has read from which on the base knows a text."""
RECITE_EVERY = 30.0
"""Seconds between two poems during the training."""


class Named(NamedTuple):
    """What a base is called."""

    voice: str
    title: str
    language: str
    base: str


@dataclass(frozen=True, slots=True)
class Base:
    """A shipped voice to start from."""

    voice: str
    language: str
    folder: Path


def base_of(bot: "Bot", wanted: str | None, language: str) -> Base | None:
    """The shipped voice to start from: the *wanted* one, or that of the language; None for `nothing`, or without one.

    BadUse for a name that no shipped voice has.
    """
    from app import reads

    shipped = [one.voice for one in reads.voices.holdings(bot) if one.shipped]
    if wanted is None:
        spoken = _primary(language)
        found = next((voice for voice in shipped if _primary(voice.language) == spoken), None)
    else:
        found = next((voice for voice in shipped if voice.slug == wanted), None)
        if found is None and wanted != NOTHING:
            raise BadUse(f"there is no base {wanted}; --from is one of {', '.join(v.slug for v in shipped)}, {NOTHING}")
    serving = bot.spare(found.slug) if found else None
    if found is None or serving is None:
        return None
    return Base(found.slug, found.language, bot.shelf.fetch(serving.folder))


def _primary(language: str) -> str:
    return language.split("-", maxsplit=1)[0].lower()


def train(
    base: Base,
    files: Sequence[Path],
    place: Path,
    *,
    names: tuple[str, str, str, str],
    minutes: float | None,
    device: str,
) -> dict[str, object]:
    """Train on from *base* on the owner's *files*, into the folder *place*; the figures for `--json`. Raises BadUse."""
    import torch

    from app.bootstrap import now
    from models import beside, checkpoint, texts
    from models.train import Diverged, choose_device
    from worker.trainer import recite, revision

    called = Named(*names)
    began = time.monotonic()
    try:
        where = choose_device(device)  # type: ignore[arg-type]
        read = [texts.read(file.read_bytes(), file.name) for file in files]
    except ValueError as error:
        raise BadUse(str(error)) from None
    start = checkpoint.read(base.folder)
    pieces, poems = texts.pieces(read, longest=start.meta.style.longest)
    _check(pieces, called.language, base)
    if _is_known(pieces, start.said):
        say(f"{base.voice} has read most of this text already: it will lean towards it, and learn nothing new")
    own, aside = beside.set_aside(pieces)
    chars = sum(map(len, pieces))
    lasts = beside.minutes_for(chars) if minutes is None else minutes
    _expect(base, chars=chars, poems=poems, minutes=lasts)
    torch.set_num_threads(settings_of_environment().train_threads)
    told = time.monotonic()
    with training_bar(f"beside {base.voice}") as bar:

        def watch(at: "Progress", network: Callable[[], "CharNetwork"]) -> None:
            nonlocal told
            bar(at)
            if time.monotonic() - told >= RECITE_EVERY:
                told = time.monotonic()
                say(f"  after {(told - began) / 60:.1f} min: {' / '.join(recite(network(), start.vocabulary, seed=7))}")

        try:
            learned = beside.learn(start, own, aside, minutes=lasts, device=where, watch=watch)
        except (Diverged, ValueError) as error:
            raise BadUse(f"the training failed: {error}; try it again with less text") from None
    meta = replace(
        start.meta,
        **called._asdict(),
        lesson={},
        metrics={"bits_per_char": learned.bits_after, "bits_per_char_before": learned.bits_before},
        created=now().isoformat(timespec="seconds"),
        revision=revision(),
        files={},
        fingerprint={},
    )
    beside.package(place, start, learned, meta, own=own, aside=aside)
    lines = [line for poem in first_poems(place, EXAMINED) for line in poem]
    figures: dict[str, object] = {
        "from": base.voice,
        "minutes": round((time.monotonic() - began) / 60, 2),
        "bits_before": round(learned.bits_before, 3),
        "bits_after": round(learned.bits_after, 3),
        "copied": round(beside.copied(lines, pieces), 3),
    }
    (place / checkpoint.CARD).write_text(_card(called, base, figures, chars=chars, poems=poems), encoding="utf-8")
    say(
        f"{figures['minutes']} min; {figures['bits_before']} bits a character before, {figures['bits_after']} after, "
        f"on a tenth kept aside; {figures['copied']:.1%} of its lines copy your text"
    )
    if learned.bits_after >= learned.bits_before:
        say(f"it has learned little that it did not know from {base.voice}: give it more text")
    return figures


def _check(pieces: Sequence[str], language: str, base: Base) -> None:
    """Raise BadUse for a text that is too short, or in another script than its language says."""
    from app.domain.submission import in_script

    letters = sum(c.isalpha() for piece in pieces for c in piece)
    if letters < FEWEST_LETTERS or len(pieces) < 2:
        raise BadUse(f"too little text: {letters:,} letters to learn from, it takes {FEWEST_LETTERS} at least")
    for code, voice in ((language, None), (base.language, base.voice)):
        if not in_script("\n".join(pieces), code):
            kind = "not mostly Hangul" if _primary(code) == "ko" else "mostly Hangul"
            why = f"--from {voice} writes {code}" if voice else f"--language says {code}"
            raise BadUse(f"the text is {kind}, but {why}; give another --language, or --from {NOTHING}")


def _is_known(pieces: Sequence[str], said: object) -> bool:
    """Has the base read most of these lines?"""
    import numpy as np

    from models import seen

    if not isinstance(said, np.ndarray):
        return False
    lines = [line for piece in pieces for line in piece.splitlines() if len(seen.runs(line))]
    return bool(lines) and sum(seen.shares_a_run(line, said) for line in lines) > KNOWN * len(lines)


def _expect(base: Base, *, chars: int, poems: int, minutes: float) -> None:
    """Say beforehand what comes of so much text."""
    much = f"so much text takes over: its words, not {base.voice}'s"
    little = f"so much text shifts what {base.voice} writes about and how; most words stay {base.voice}'s"
    say(f"{chars:,} characters, {poems:,} poems, beside {base.voice}; {much if chars >= MUCH else little}")
    if poems < FEWEST_POEMS:
        say(f"{poems} poems are few: it may hardly differ from {base.voice}; {FEWEST_POEMS} and more are better")
    say(f"it trains for {minutes:.1f} minutes at most, and stops when it learns no more")


def _card(names: Named, base: Base, figures: dict[str, object], *, chars: int, poems: int) -> str:
    """The model card: what it is made of, and no word of the text itself."""
    rows = {
        "starts from": base.voice,
        "learned from": f"{chars:,} characters of its owner's, {poems:,} poems; a tenth was kept aside",
        "bits per character there": f"{figures['bits_before']} before, {figures['bits_after']} after",
        "lines that copy the text": figures["copied"],
        "minutes": figures["minutes"],
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""# {names.title}

{names.base}, made with `poembot voice add`. What it writes is written by a machine (AI 생성).

| | |
|---|---|
{table}

The rights in what it learned from are those of the texts; whoever made this voice knows them.
"""

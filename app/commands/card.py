"""The model card that lies in a base's folder: what it is, what it learned from, and how to make it again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.checkpoint import Meta
    from models.make import Order

READS = {"poems": "poem by poem, each from silence", "stream": "as one stream"}


def card(meta: "Meta", texts: Sequence[str], aside: str, *, made_by: str, order: "Order", stopped: bool = False) -> str:
    """The card of a base that was just made.

    *made_by*: the command, without what the order says; *stopped*: did the text kept aside tell when to stop?
    """
    made, style = meta.architecture, meta.style
    length = f"--minutes {order.minutes:g}" if order.minutes is not None else f"--epochs {order.epochs}"
    asked = ", but asked when to stop" if stopped else ""
    rows = {
        "network": f"{made['cell']}, {made['layers']} x {made['size']} units over {made['symbols']:,} symbols",
        "a symbol is a": meta.level,
        "learned from": f"{sum(map(len, texts)):,} characters; `verse/` holds them, or their beginning",
        "kept aside": f"{len(aside):,} characters, `holdout.txt`, never trained on{asked}",
        "bits per character there": f"{meta.metrics['bits_per_char']:.3f}, read {READS[meta.reads]}",
        "to measure it again": "`poembot evaluate --text holdout.txt --folder .`",
        "temperature, nucleus": f"{style.temperature}, {style.nucleus}",
        "lines": f"{style.shortest} to {style.longest} characters",
        "made by": f"`{made_by} --level {meta.level} --size {made['size']} {length}`",
        "seed, code": f"{meta.seed}, {meta.revision or 'unknown'}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"""# {meta.title}

{meta.base}, made with `poembot` on {meta.created}. What it writes is written by a machine (AI 생성).

| | |
|---|---|
{table}

It knows these texts and nothing else: no facts, and no language but theirs. A short text it repeats, line by line.
The rights in what it learned from are those of the texts; whoever made this base knows them.
"""

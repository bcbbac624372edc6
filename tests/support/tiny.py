"""A tiny Korean voice, trained for a few seconds on our own verse: every test that needs a voice has a real one.

It lies in pytest's cache under a hash of all that it is made from, so that it is trained once.
"""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import torch

from models import checkpoint, corpus, export, graph, network, train, vocabulary
from models.checkpoint import Meta, Style
from models.corpus import Poems, read_poems
from models.network import Architecture, CharNetwork
from models.train import Plan, Training
from models.vocabulary import Vocabulary

PLAIN = "plain-"
"""The plain verse would make another voice of it; the tests know this one."""
VERSE = Path(__file__).parents[2] / "models" / "base" / "sibot" / "verse"
POEMS, HELD_OUT = 600, 40
BASE = "sibot-tiny"
DROPOUT = 0.5
"""That of a lesson (`worker/trainer.py`), so that a short one does not cost what it knows."""
STYLE = Style(temperature=0.8, nucleus=0.9, banned="#")
MODULES = (checkpoint, corpus, export, graph, network, train, vocabulary)
MADE_FROM = (__file__, *(module.__file__ for module in MODULES))


def shipped(cache: Path) -> Path:
    """A folder with one base voice, `sibot`, as the project ships them; trained unless *cache* has it."""
    files = sorted(file for file in VERSE.glob("*.txt") if not file.name.startswith(PLAIN))
    made_from = hashlib.sha256(b"".join(Path(str(f)).read_bytes() for f in (*MADE_FROM, *files))).hexdigest()[:16]
    folder = cache / made_from
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process trains, the others wait for it
        if not folder.exists():
            sys.stderr.write("training a tiny voice for the tests ...\n")
            fresh = Path(tempfile.mkdtemp(dir=cache))
            _make(fresh / "sibot", read_poems(*files)[:: len(files)][: POEMS + HELD_OUT], fresh / "extras")
            shutil.rmtree(fresh / "extras")
            fresh.rename(folder)
    return folder


def _make(folder: Path, poems: list[str], extras: Path) -> None:
    holdout, verse = poems[:HELD_OUT], poems[HELD_OUT:]
    (extras / "verse").mkdir(parents=True)
    (extras / "verse" / "tiny.txt").write_text("\n\n".join(verse) + "\n", encoding="utf-8")
    (extras / "holdout.txt").write_text("\n\n".join(holdout) + "\n", encoding="utf-8")
    symbols = Vocabulary.of(verse, at_least=3)
    torch.manual_seed(1)
    architecture = Architecture(len(symbols), "gru", layers=1, size=96, embedding=48)
    tiny = CharNetwork(architecture, dropout=DROPOUT)
    plan = Plan(passes=14, rate=1.2e-2, average=0.98, bf16=False, seed=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network is slower on two, and far slower on two that are busy
    Training(tiny, Poems(verse, symbols, per_batch=24), plan).run()
    torch.set_num_threads(threads)
    meta = Meta(
        voice="sibot",
        title="시봇",
        language="ko",
        base=BASE,
        architecture=architecture.as_dict(),
        style=STYLE,
        created="2026-11-24T00:00:00+00:00",
    )
    weights = {name: value.detach().numpy() for name, value in tiny.state_dict().items()}
    checkpoint.write(folder, meta, symbols, weights, extras=extras)

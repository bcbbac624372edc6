"""The ancestor's idea, as its page promised it in 2016: ticked lines are appended to the text, and training goes on.

From wherever the last training ended, on the ticked lines, without rehearsal, pull, gate or taste.
"""

from dataclasses import replace

import torch

from app import actions
from app.domain.errors import PoemBotError
from app.domain.lesson import LessonItem
from app.store.feedback import FeedbackStore
from lab.simulate.town import Town
from models import checkpoint
from models.corpus import Passage, Poems
from models.train import Plan, Training, bf16_pays
from worker.trainer import network_of

PASSES, RATE = 4, 1e-3
"""As char-rnn went on in its day: half of what it began with."""


class NothingTicked(PoemBotError):
    """Nobody has ticked a line yet."""


def go_on(town: Town) -> int:
    """Train the serving version on all ticked lines and have it serve, whatever it says now; its number."""
    with town.bot.reads(FeedbackStore) as store:
        ticks = store.of(town.voice).ticks
    if not ticks:
        raise NothingTicked("nobody has ticked a line yet")
    champion = town.champion()
    last = checkpoint.read(town.bot.shelf.fetch(champion.folder))
    torch.manual_seed(champion.number)
    corpus = Poems([Passage(tick.text, ends=False) for tick in ticks], last.vocabulary)
    plan = Plan(passes=PASSES, rate=RATE, average=0, bf16=bf16_pays("cpu"), seed=champion.number)
    network = Training(network_of(last), corpus, plan).run()
    key = f"{town.voice}/{last.meta.base}/ancestor-{champion.number + 1}"
    folder = town.bot.shelf.scratch() / "version"
    checkpoint.write(folder, replace(last.meta, files={}, fingerprint={}), last.vocabulary, network.arrays())
    town.bot.shelf.place(folder, key)
    lesson = {"hash": "", "ticks": len(ticks), "submissions": 0, "visitors": len({t.visitor for t in ticks})}
    items = [LessonItem("line", line, 1.0) for line in sorted({tick.line for tick in ticks})]
    number = actions.versions.bring(town.bot, town.voice, key, lesson=lesson, items=items)
    actions.versions.promote(town.bot, town.voice, number, by="ancestor", reason="it goes on")
    town.engine.refresh()
    return number

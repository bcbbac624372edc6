"""Tasting: the taste of a voice is learned anew when enough readers have ticked, and serves when it knows something."""

import random
from dataclasses import replace

import pytest

from app.actions import tastes
from app.bootstrap import Bot, now
from app.store.tastes import Tastes
from app.store.ticks import Ticks
from app.store.versions import Versions
from models import checkpoint
from tests.support.world import World
from tests.worker.conftest import EMBEDDED

WORDS = ["꽃이", "문을", "길을", "피네", "연다", "걷는다", "오래", "다시"]


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """A bot that learns tastes often."""
    return replace(bot, settings=bot.settings.model_copy(update={"taste_after": 30}))


def read(bot: Bot, visitors: int, *, loved: str = "꽃", start: int = 0) -> None:
    """So many readers read five lines each and tick those with *loved* in them, and now and then another."""
    world, rng = World(bot.sessions), random.Random(start)
    with bot.reads(Versions) as versions:
        base = versions.champion("sibot").id
    for number in range(start, start + visitors):
        visitor = world.visitor(f"v{number}")
        texts = [" ".join(rng.sample(WORDS, 2)) for _ in range(5)]
        lines = world.lines(world.poem(visitor, base, texts=texts))
        with bot.transaction() as session:
            for line, text in zip(lines, texts, strict=True):
                if loved in text or rng.random() < 0.1:
                    Ticks(session).set(line, visitor, on=True, address="", now=now())


def test_nothing_is_learned_before_there_is_enough(bot: Bot) -> None:
    """A few ticks start nothing, and where taste is switched off many do not either."""
    read(bot, 5)
    assert tastes.learn_due(bot) == []

    read(bot, 40, start=5)
    off = replace(bot, settings=bot.settings.model_copy(update={"taste_after": 0}))
    assert tastes.learn_due(off) == []
    assert off.tastes() == {}


def test_what_readers_like_is_learned_and_serves(bot: Bot) -> None:
    """Flowers are; what is not new is not learned again."""
    read(bot, 40)

    assert tastes.learn_due(bot) == ["sibot"]
    assert tastes.learn_due(bot) == []

    content = bot.taste(bot.tastes()["sibot"])
    assert content["auc"] > 0.7
    assert content["weights"]["c꽃"] > 0


def test_readers_who_change_are_followed(bot: Bot) -> None:
    """Each taste is learned from all that was judged, the newest counts by its number."""
    read(bot, 30)
    tastes.learn_due(bot)
    first = bot.tastes()["sibot"]

    read(bot, 90, loved="문", start=30)
    tastes.learn_due(bot)

    second = bot.tastes()["sibot"]
    assert second > first
    assert bot.taste(second)["weights"]["c문"] > bot.taste(second)["weights"].get("c꽃", 0.0)


def test_what_cannot_be_told_is_not_asked_again_at_once(bot: Bot) -> None:
    """Readers who tick everything have no taste: that is noted, and nothing serves."""
    read(bot, 10, loved=" ")

    assert tastes.learn_due(bot) == ["sibot"]
    assert tastes.learn_due(bot) == []
    assert bot.tastes() == {}


def test_of_two_workers_one_keeps_what_it_learned(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sweep at once; the second finds a newer taste than the one it began after."""
    read(bot, 40)
    learn = tastes.of

    def meanwhile(judged: object, base: object) -> object:
        monkeypatch.setattr(tastes, "of", learn)
        assert tastes.learn(bot, "sibot")
        return learn(judged, base)  # type: ignore[arg-type]

    monkeypatch.setattr(tastes, "of", meanwhile)

    assert not tastes.learn(bot, "sibot")
    with bot.reads(Tastes) as store:
        newest = store.newest("sibot")
    assert newest is not None
    assert newest.id == bot.tastes()["sibot"]


def test_what_is_ticked_while_a_taste_is_learned_is_new(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine it takes a quarter of a minute, and a crowd ticks hundreds of lines meanwhile."""
    read(bot, 40)
    learn = tastes.of

    def meanwhile(judged: object, base: object) -> object:
        read(bot, 20, start=40)
        return learn(judged, base)  # type: ignore[arg-type]

    monkeypatch.setattr(tastes, "of", meanwhile)
    assert tastes.learn(bot, "sibot")

    with bot.reads(Tastes) as store:
        assert store.new_ticks("sibot") > 0


def test_a_taste_no_better_than_a_coin_does_not_serve(bot: Bot) -> None:
    """Readers who tick by chance are learned from, and what came of it is kept; lines are chosen without it."""
    read(bot, 90, loved="없는 낱말")

    assert tastes.learn_due(bot) == ["sibot"]

    with bot.reads(Tastes) as store:
        learned = store.newest("sibot")
    assert learned is not None
    assert "auc" in learned.content
    assert not learned.serves
    assert bot.tastes() == {}


def test_a_taste_is_of_the_newest_readings(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers change, and it must take seconds; a run's too, which is given everything that was ever judged."""
    read(bot, 40)
    monkeypatch.setattr(tastes, "MAX_READINGS", 150)
    with bot.reads(Tastes) as store:
        judged = store.judged("sibot")
    with bot.reads(Versions) as versions:
        base = checkpoint.read(bot.shelf.fetch(versions.one("sibot", 0).folder))

    assert len(judged) == 200
    assert tastes.of(judged, base).report.readings == 150


@EMBEDDED
def test_a_crowd_of_one_address_moves_a_taste_less(bot: Bot) -> None:
    """Cookies are free: what twenty of them love weighs less where they are one address than where they are twenty."""
    read(bot, 10)
    read(bot, 20, loved="문", start=10)
    with bot.reads(Tastes) as store:
        judged = store.judged("sibot")
    with bot.reads(Versions) as versions:
        base = checkpoint.read(bot.shelf.fetch(versions.one("sibot", 0).folder))

    def loved(address: str) -> float:
        at = {one.visitor: "" if int(one.visitor[1:]) < 10 else address.format(one.visitor) for one in judged}
        learned = tastes.of([replace(one, address=at[one.visitor]) for one in judged], base)
        return learned.weights.get("c문", 0.0)

    assert loved("one address") < loved("home of {}")

"""Taste: it finds what readers like, says how sure it is, and is not led by a few who shout."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from models import taste
from models.sparse import Design, fit, ridge, sigmoid
from models.taste import JudgedLine, Taste, Tasteless, features

WORDS = [
    "꽃이",
    "바람이",
    "문을",
    "길을",
    "그릇을",
    "소리를",
    "피네",
    "걷는다",
    "연다",
    "듣는다",
    "보았다",
    "없다",
    "오래",
    "다시",
    "천천히",
    "혼자",
]


def line(rng: random.Random) -> str:
    """Three words."""
    return " ".join(rng.sample(WORDS, 3))


def chance(text: str) -> float:
    """These readers like flowers, and endings that are no statement."""
    return 1 / (1 + math.exp(2.2 - 2.0 * ("꽃" in text) - 1.5 * text.endswith("네")))


def readings(count: int = 300, *, seed: int = 0, noise: float = 0.0) -> list[JudgedLine]:
    """*count* visitors read five lines each; the first slot is ticked more often, whatever stands there."""
    rng = random.Random(seed)
    told = []
    for visitor in range(count):
        for slot in range(5):
            text = line(rng)
            likes = rng.random() < (0.5 if rng.random() < noise else min(1.0, chance(text) + 0.2 * (slot == 0)))
            told.append(JudgedLine(text, slot, likes, f"v{visitor}", f"a{visitor}"))
    return told


def unmet() -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Lines nobody has seen, and which of them readers would tick."""
    rng = random.Random(99)
    lines = [line(rng) for _ in range(2000)]
    return lines, np.array([rng.random() < chance(text) for text in lines])


def foresight(learned: Taste) -> float:
    """AUC on them."""
    lines, ticked = unmet()
    return taste.auc(np.array(learned.likings(lines)), ticked)


def test_a_feature_is_what_a_reader_sees() -> None:
    """Letters, pairs at the edges of words, the end, the length: of the line without its capitals."""
    found = features("꽃이 피네")

    assert {"c꽃", "b_꽃", "w피네", "e네", "e피네", "s꽃", "n4", "m2"} <= found
    assert not {"n5", "m3", "r"} & found
    assert "r" in features("a rose is a rose")
    assert features("O Rose,") == features("o rose,") >= {"wrose,", "p,$"}


def test_it_finds_what_readers_like() -> None:
    """After 1,500 lines it foresees unmet readers nearly as well as they could be foreseen."""
    learned = taste.learn(readings())
    lines, ticked = unmet()
    ceiling = taste.auc(np.array([chance(text) for text in lines]), ticked)

    assert (foresight(learned) - 0.5) / (ceiling - 0.5) > 0.8
    assert learned.weights["c꽃"] > 0
    assert learned.report.knows


def test_what_it_says_is_calibrated() -> None:
    """The chances it foretells for unmet readers are those that come true, within a few points."""
    learned = taste.learn(readings(600))
    rng = random.Random(5)
    lines = [line(rng) for _ in range(4000)]
    said = sigmoid(np.array(learned.likings(lines)))
    truth = np.array([chance(text) for text in lines]) + 0.04

    assert learned.report.ece < 0.05
    assert abs(said.mean() - truth.mean()) < 0.05
    assert np.corrcoef(said, truth)[0, 1] > 0.9


def test_where_there_is_no_taste_it_says_so() -> None:
    """Readers who tick by chance alone teach it nothing, and it does not claim to know."""
    learned = taste.learn(readings(noise=1.0))

    assert not learned.report.knows
    assert abs(foresight(learned) - 0.5) < 0.1


def test_one_visitor_who_shouts_is_not_everybody() -> None:
    """Somebody who ticks a thousand lines for a word of his own does not become the taste of the rest."""
    rng = random.Random(8)
    shouts = [JudgedLine(f"{line(rng)} 소리를", 2, ticked=True, reader="loud", address="x") for _ in range(1000)]

    learned = taste.learn([*readings(), *shouts])

    assert learned.weights.get("w소리를", 0.0) < learned.weights["c꽃"]
    assert foresight(learned) > foresight(taste.learn(readings())) - 0.03


def test_the_same_readings_give_the_same_taste() -> None:
    """Training is a function of what was read and the seed."""
    assert taste.learn(readings(60), seed=3).hash == taste.learn(readings(60), seed=3).hash


@pytest.mark.parametrize("told", [[], readings(2), [JudgedLine("꽃", 0, ticked=True, reader="v")] * 100])
def test_too_little_is_said_to_be_too_little(told: list[JudgedLine]) -> None:
    """No ticks, or nothing but ticks, or one reader alone: there is no taste to learn."""
    with pytest.raises(Tasteless):
        taste.learn(told)


def test_it_survives_being_kept() -> None:
    """What comes back from JSON says the same."""
    learned = taste.learn(readings(60))

    again = Taste.from_dict(json.loads(json.dumps(learned.as_dict())))

    assert again == learned
    assert again.likings(["꽃이 피네"]) == learned.likings(["꽃이 피네"])


@pytest.mark.parametrize(
    "damage", [{"format": 1}, {"bias": 0.5}, {"weights": {}}, {"letters": {"별": 1}}, {"auc": None, "hash": ""}]
)
def test_an_altered_taste_is_refused(damage: dict[str, object]) -> None:
    """Nothing is believed that is not whole."""
    with pytest.raises(Tasteless):
        Taste.from_dict(taste.learn(readings(60)).as_dict() | damage)
    with pytest.raises(Tasteless):
        Taste.from_dict({})


def test_random_effects_do_not_hide_a_feature() -> None:
    """Readers who tick much and readers who tick little: the feature's weight is found, and theirs apart from it."""
    rng = np.random.default_rng(0)
    n, readers = 4000, 80
    has = rng.random(n) < 0.4
    who = rng.integers(0, readers, n)
    ready = rng.normal(0, 0.6, readers)
    ticked = (rng.random(n) < sigmoid(-1.0 + 1.2 * has + ready[who])).astype(float)
    rows = np.flatnonzero(has)
    design = Design(rows, np.zeros(len(rows), np.int64), 1, np.zeros(n, np.int64), who, ticked, np.ones(n), np.zeros(n))

    found = fit(design, 1e-3)

    assert abs(found.weights[0] - 1.2) < 0.25
    assert np.corrcoef(found.readers, ready)[0, 1] > 0.7


def test_no_sign_that_was_left_out_pulls_harder_than_the_penalty() -> None:
    """What the working set found is the minimum over all features: the lasso's conditions hold for each of them."""
    rng = np.random.default_rng(1)
    n, features, readers, penalty = 900, 240, 30, 0.012
    rows, columns = (rng.random((n, features)) < 0.08).nonzero()
    truth = np.where(np.arange(features) % 12 == 0, rng.normal(0, 1.5, features), 0)
    who, slots, known = rng.integers(0, readers, n), rng.integers(0, 5, n), rng.normal(0, 1, n)
    drive = np.bincount(rows, truth[columns], n) + 0.3 * slots + rng.normal(0, 0.5, readers)[who] + known
    ticked = (rng.random(n) < sigmoid(drive - 1)).astype(float)
    found = fit(Design(rows, columns, features, slots, who, ticked, np.ones(n), known), penalty)

    z = known + found.bias + np.bincount(rows, found.weights[columns], n) + found.slots[slots] + found.readers[who]
    pull = np.bincount(columns, ((sigmoid(z) - ticked) / n)[rows], features)
    kept = found.weights != 0
    assert 5 < kept.sum() < features / 2
    assert np.abs(pull[~kept]).max() <= 1.01 * penalty
    np.testing.assert_allclose(pull[kept], -penalty * np.sign(found.weights[kept]), atol=0.02 * penalty)


def of_sense(count: int, *, seed: int = 0, share: float = 1.0) -> list[JudgedLine]:
    """Readers who mind nothing but sense: the likelier a line, the rather it is ticked; *share*: by how much."""
    rng, told = random.Random(seed), []
    for visitor in range(count):
        for slot in range(5):
            logprob = rng.gauss(-3.0, 0.6)
            likes = rng.random() < sigmoid(np.array([-1.8 + 2.5 * share * (logprob + 3.0)]))[0]
            told.append(JudgedLine(line(rng), slot, bool(likes), f"v{visitor}", f"a{visitor}", logprob))
    return told


def test_it_knows_sense() -> None:
    """Of two lines with the same features the one that the voice found likelier is liked, by calibrated log-odds."""
    learned = taste.learn(of_sense(400))

    likely, unlikely, unknown = learned.likings(["꽃이 피네"] * 3, [-2.5, -3.5, None])

    assert learned.report.auc == pytest.approx(learned.report.plausible, abs=0.02)  # there is nothing else to know
    assert likely - unlikely == pytest.approx(2.5, rel=0.3)
    assert unlikely < unknown < likely
    assert learned.likings(["꽃이 피네"]) == [unknown]


def test_before_there_is_much_to_know_it_is_plausibility() -> None:
    """A hundred readings cannot tell, so it says what holds for readers in general."""
    learned = taste.learn(of_sense(30, seed=4, share=0.7))
    rng = np.random.default_rng(0)
    logprobs = rng.normal(-3.0, 0.6, 400)

    liked = learned.likings([line(random.Random(n)) for n in range(400)], logprobs.tolist())

    assert np.corrcoef(liked, logprobs)[0, 1] > 0.8


def test_it_abstains_where_plausibility_alone_does_better() -> None:
    """Better than a coin is not enough to serve: what served before it must not be better."""
    report = replace(taste.learn(of_sense(400)).report, plausible=0.99)

    assert not report.knows
    assert report.auc > 0.6


def test_who_likes_one_letter_may_like_one_that_is_near_to_it() -> None:
    """꽃 was ticked, 별 never read: the base has learned that they are alike, and 돌 is not."""
    near = {c: np.array([1.0, 0.1]) for c in "꽃별"} | {c: np.array([0.0, 1.0]) for c in "돌문길"}
    embedding = taste.embedding_of({**near, "별": 9 * np.array([1.0, 0.2])})
    learned = taste.learn(readings(600), embedding=embedding)

    star, stone = learned.likings(["별", "돌"])

    assert star > stone
    assert Taste.from_dict(json.loads(json.dumps(learned.as_dict()))).likings(["별"]) == [star]


def test_a_regression_of_few_and_far_readings_does_not_run_away() -> None:
    """Where liking tells ticks apart from afar, whole steps of Newton's method would end at log-odds of millions."""
    rng = np.random.default_rng(26)
    ticked = (rng.random(150) < 0.4).astype(float)
    liking = 150 * rng.normal(size=150) + 30 * (2 * ticked - 1)

    columns = np.stack([liking, np.ones(150)], axis=1)
    slope, shift = ridge(columns, ticked, np.ones(150), np.full(2, 0.1), np.array([1.0, 0.0]))

    assert 0 < slope < 0.1
    assert abs(shift) < 2


def test_lines_that_nobody_would_tick_are_still_told_apart() -> None:
    """Log-odds so low that no chance is left as a number: shares of the best are."""
    assert taste.chances([-1000.0, -1001.0]) == pytest.approx([1.0, math.exp(-1)])
    assert taste.chances([]).shape == (0,)


def test_a_taste_without_signs_can_be_kept_anywhere() -> None:
    """Readers who tick by chance alone teach no feature; what is written of them is JSON to Postgres, too."""
    rng = random.Random(26)
    read = [replace(one, ticked=rng.random() < 0.3) for one in readings(60)]
    known = taste.learn(read)

    assert known.report.penalty == taste.NO_FEATURE
    assert known.weights == {}
    assert Taste.from_dict(json.loads(json.dumps(known.as_dict(), allow_nan=False))) == known

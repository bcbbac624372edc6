"""Training: it learns, it can be stopped and taken up, and it says so when it has gone wrong."""

import math
import time
from dataclasses import replace
from itertools import accumulate, cycle
from pathlib import Path

import pytest
import torch

from models.corpus import Poems, Stream
from models.evaluate import surprise_of_poems
from models.network import Architecture, CharNetwork
from models.train import Diverged, Plan, Progress, Training, bf16_pays, loss_of
from models.vocabulary import Vocabulary

POEMS = ["봄비가 온다\n창을 닫는다", "봄비가 온다\n불을 끈다", "눈이 온다\n창을 연다", "눈이 온다\n불을 켠다"] * 4
VOCABULARY = Vocabulary.of(POEMS, at_least=1)
PLAN = Plan(passes=6, rate=1e-2, average=0.9, bf16=False, seed=4)


def network(seed: int = 0) -> CharNetwork:
    """A tiny network, the same one each time."""
    torch.manual_seed(seed)
    return CharNetwork(Architecture(len(VOCABULARY), "gru", 1, 24, 16))


def poems() -> Poems:
    """Four batches a pass."""
    return Poems(POEMS, VOCABULARY, per_batch=4)


def same_weights(one: CharNetwork, other: CharNetwork) -> bool:
    """Do two networks agree to the last bit?"""
    theirs = other.state_dict()
    return all(torch.equal(weight, theirs[name]) for name, weight in one.state_dict().items())


class Stopped(Exception):
    """Somebody pulled the plug."""


def test_training_teaches() -> None:
    """After a few passes the poems surprise far less than before."""
    tiny = network()
    before = surprise_of_poems(tiny, VOCABULARY, POEMS).bits_per_char

    Training(tiny, poems(), replace(PLAN, passes=25)).run()

    assert surprise_of_poems(tiny, VOCABULARY, POEMS).bits_per_char < before / 2


def test_the_same_seed_gives_the_same_network() -> None:
    """A run is reproducible from its lesson and its seed."""
    first = Training(network(), poems(), PLAN).run()
    second = Training(network(), poems(), PLAN).run()
    other = Training(network(), poems(), replace(PLAN, seed=5)).run()

    assert same_weights(first, second)
    assert not same_weights(first, other)


def test_progress_is_told_after_every_step() -> None:
    """Steps count up to the end, the loss is a number, the time left goes to zero."""
    told: list[Progress] = []

    Training(network(), poems(), PLAN).run(told.append)

    assert [p.step for p in told] == list(range(1, 25))
    assert {p.of for p in told} == {24}
    assert all(math.isfinite(p.loss) and p.chars_per_s > 0 for p in told)
    assert told[-1].seconds_left == 0
    assert told[0].seconds_left > 0
    assert "step 24/24" in str(told[-1])


@pytest.mark.parametrize("stop_after", [4, 8, 10, 20])
def test_a_stopped_training_ends_as_if_it_had_not_been(tmp_path: Path, stop_after: int) -> None:
    """Taken up from what was saved, between two passes or in the midst of one, it ends with the very same weights."""
    whole = Training(network(), poems(), PLAN).run()

    first = Training(network(), poems(), PLAN)

    def stop(now: Progress) -> None:
        if now.step == stop_after:
            first.save(tmp_path)
            raise Stopped

    with pytest.raises(Stopped):
        first.run(stop)
    second = Training(network(seed=9), poems(), PLAN)
    assert second.resume(tmp_path)

    assert same_weights(second.run(), whole)


def test_a_training_stopped_in_mid_pass_goes_on(tmp_path: Path) -> None:
    """What was learned is kept, and the steps that are left come to the same number."""
    first = Training(network(), poems(), PLAN)

    def stop(now: Progress) -> None:
        if now.step == 10:
            first.save(tmp_path)
            raise Stopped

    with pytest.raises(Stopped):
        first.run(stop)
    told: list[Progress] = []
    second = Training(network(), poems(), PLAN)
    second.resume(tmp_path)
    second.run(told.append)

    assert told[0].step == 11
    assert told[-1].step == 24


def test_the_kept_weights_are_an_average_of_the_last_ones() -> None:
    """With averaging the network differs from its last step and is no worse."""
    averaged = Training(network(), poems(), PLAN).run()
    last = Training(network(), poems(), replace(PLAN, average=0)).run()

    assert not same_weights(averaged, last)
    losses = [surprise_of_poems(n, VOCABULARY, POEMS).bits_per_char for n in (averaged, last)]
    assert losses[0] < losses[1] * 1.25


def test_a_diverged_training_says_so() -> None:
    """A loss that is no number ends the run at once, with the step in the message."""
    broken = network()
    with torch.no_grad():
        broken.project.weight[0, 0] = math.nan
    told: list[Progress] = []

    with pytest.raises(Diverged, match="loss is nan at step 0"):
        Training(broken, poems(), PLAN).run(told.append)

    assert told == []


def test_a_time_budget_is_kept() -> None:
    """A plan of minutes ends by the clock, its cosine with it."""
    told: list[Progress] = []

    Training(network(), poems(), Plan(minutes=1 / 60, bf16=False)).run(told.append)

    assert told[-1].seconds_left == 0
    assert 0 < told[-1].step == told[-1].of


def test_the_rate_climbs_and_then_falls() -> None:
    """Warm-up to the peak, cosine to the floor."""
    training = Training(network(), poems(), replace(PLAN, warm_up=0.25, floor=0.1))
    rates: list[float] = []

    training.run(lambda _: rates.append(training._optimizer.param_groups[0]["lr"]))

    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert peak == 6
    assert max(rates) <= PLAN.rate
    assert rates[-1] < 0.2 * PLAN.rate


def test_a_stream_carries_its_state_while_learning() -> None:
    """Running text is learned through batches shorter than what has to be remembered."""
    text = "가나다라마바사아자차카타파하\n" * 40
    vocabulary = Vocabulary.of([text], at_least=1)
    torch.manual_seed(0)
    tiny = CharNetwork(Architecture(len(vocabulary), "lstm", 1, 24, 16))

    Training(tiny, Stream([text], vocabulary, lanes=4, steps=8), Plan(passes=12, rate=2e-2, bf16=False)).run()

    assert surprise_of_poems(tiny, vocabulary, [text[:15]]).bits_per_char < 2


def test_padding_counts_for_nothing() -> None:
    """Targets of weight 0 change neither the loss nor its mean; a weight of 2 counts twice."""
    logits, targets = torch.randn(2, 3, 5), torch.randint(0, 5, (2, 3))
    weights = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    each = -torch.log_softmax(logits, -1).gather(-1, targets[..., None])[..., 0]

    assert loss_of(logits, targets, weights).item() == pytest.approx((each[0, 0] + each[0, 1] + each[1, 0]).item() / 3)
    doubled = weights.clone()
    doubled[1, 0] = 2
    assert loss_of(logits, targets, doubled).item() == pytest.approx(
        (each[0, 0] + each[0, 1] + 2 * each[1, 0]).item() / 3
    )


@pytest.mark.parametrize("lengths", [{}, {"passes": 1, "minutes": 1.0}], ids=["neither", "both"])
def test_a_plan_has_one_length(lengths: dict[str, float]) -> None:
    """Passes or minutes; what would both mean?"""
    with pytest.raises(ValueError, match="one of them"):
        Plan(**lengths)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instructions", "seconds", "pays"), [(True, (2, 1), True), (True, (1, 2), False), (False, (2, 1), False)]
)
def test_bfloat16_is_used_where_it_is_quicker(
    monkeypatch: pytest.MonkeyPatch, instructions: bool, seconds: tuple[int, int], pays: bool
) -> None:
    """A processor with the instructions may be slower by them. *seconds*: of a product in float32 and bfloat16."""
    between = (0, seconds[0], 0, seconds[1])  # begun, done, begun, done
    clock = accumulate(cycle(between))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    bf16_pays.cache_clear()

    assert bf16_pays("cpu") is pays
    bf16_pays.cache_clear()

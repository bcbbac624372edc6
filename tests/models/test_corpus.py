"""The corpus: every character is read, in order, and padding counts for nothing."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.corpus import Passage, Poems, Stream, read_poems
from models.vocabulary import END, Vocabulary

TEXTS = ["봄비가 온다", "창을 닫는다\n불을 끈다", "별", "밤새 눈이 내린다\n아무도 없다\n눈만 있다"]
VOCABULARY = Vocabulary.of(TEXTS, at_least=1)


def rng() -> np.random.Generator:
    """The same numbers each time."""
    return np.random.default_rng(1)


def test_poems_are_parted_by_blank_lines(tmp_path: Path) -> None:
    """Titles stay; spaces are evened; an empty poem is none."""
    file = tmp_path / "verse.txt"
    file.write_bytes("# 봄\n봄비가   온다 \n창을 닫는다\n\n\n\n# 제목뿐\n\n별\r\n밤\n".encode())

    assert read_poems(file) == ["# 봄\n봄비가 온다\n창을 닫는다", "# 제목뿐", "별\n밤"]


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """EUC-KR read as UTF-8 would teach rubbish."""
    file = tmp_path / "old.txt"
    file.write_bytes("봄비".encode("euc-kr"))

    with pytest.raises(UnicodeDecodeError):
        read_poems(file)


@pytest.mark.parametrize(("lanes", "steps"), [(1, 4), (2, 3), (3, 5)])
def test_a_stream_predicts_the_next_symbol_over_batch_borders(lanes: int, steps: int) -> None:
    """Each lane's targets are its inputs one symbol later, also from the last of a batch to the first of the next."""
    batches = list(Stream(TEXTS, VOCABULARY, lanes=lanes, steps=steps).batches(rng()))

    inputs = np.concatenate([b.inputs for b in batches], axis=1)
    targets = np.concatenate([b.targets for b in batches], axis=1)
    assert np.array_equal(inputs[:, 1:], targets[:, :-1])
    assert [b.fresh for b in batches] == [True] + [False] * (len(batches) - 1)
    assert all(b.inputs.shape[0] == lanes and b.inputs.shape[1] <= steps for b in batches)


def test_a_stream_reads_everything_once() -> None:
    """With one lane, a pass holds every symbol but the one that nothing comes before."""
    stream = Stream(TEXTS, VOCABULARY, lanes=1, steps=4)

    read = Counter(int(i) for b in stream.batches(rng()) for i in b.targets.ravel())

    everything = Counter(symbol for text in TEXTS for symbol in [END, *VOCABULARY.encode(text)])
    assert sum((everything - read).values()) == 1
    assert sum((read - everything).values()) == 0


def test_a_stream_needs_enough_text_for_its_lanes() -> None:
    """Sixty-four lanes of a haiku are a mistake."""
    with pytest.raises(ValueError, match="too little text"):
        Stream(["별"], VOCABULARY, lanes=64, steps=8)


@given(st.lists(st.text("봄비가 온다\n", min_size=1, max_size=30), min_size=1, max_size=9), st.integers(1, 4))
def test_each_poem_is_read_whole_from_silence_to_its_end(texts: list[str], per_batch: int) -> None:
    """What counts of all rows together is every poem with END before and after it, and nothing else."""
    corpus = Poems(texts, VOCABULARY, per_batch=per_batch)

    read = Counter[tuple[int, ...]]()
    for batch in corpus.batches(rng()):
        assert batch.fresh
        for inputs, targets, weights in zip(batch.inputs, batch.targets, batch.weights, strict=True):
            counted = int((weights > 0).sum())
            assert (weights[:counted] > 0).all()
            assert np.array_equal(inputs[1:counted], targets[: counted - 1])
            read[int(inputs[0]), *map(int, targets[:counted])] += 1

    assert read == Counter((END, *VOCABULARY.encode(text + "\n"), END) for text in texts)


def test_poems_weigh_what_they_are_given() -> None:
    """A line that two visitors ticked counts twice, a padding symbol never."""
    corpus = Poems([Passage("봄", 2.0), Passage("창을 닫는다", 0.5)], VOCABULARY, per_batch=2)

    (batch,) = corpus.batches(rng())

    assert sorted(set(batch.weights.ravel().tolist())) == [0.0, 0.5, 2.0]
    assert batch.count == len("봄\n") + 1 + len("창을 닫는다\n") + 1


def test_what_is_read_before_a_passage_is_not_learned() -> None:
    """A ticked line is taught in its place: the lines above it are read, and only its own symbols count."""
    (batch,) = Poems([Passage("창을 닫는다", before="봄비가", ends=False)], VOCABULARY).batches(rng())

    learned = batch.targets[0][batch.weights[0] > 0]
    assert VOCABULARY.decode([int(i) for i in batch.inputs[0]]) == "봄비가\n창을 닫는다"
    assert VOCABULARY.decode([int(i) for i in learned]) == "창을 닫는다\n"
    assert END not in learned


def test_a_very_long_poem_is_cut() -> None:
    """A thousand lines of one visitor do not make one batch of a thousand steps."""
    (batch,) = Poems(["봄" * 1000], VOCABULARY, longest=64).batches(rng())

    assert batch.inputs.shape == (1, 64)


def test_there_must_be_poems() -> None:
    """A lesson without texts is a mistake of the caller's."""
    with pytest.raises(ValueError, match="no poems"):
        Poems([], VOCABULARY)


def test_a_pass_is_reproducible() -> None:
    """The same numbers give the same batches, others give others."""
    corpus = Poems(TEXTS * 5, VOCABULARY, per_batch=3)

    first, second, other = (
        [b.inputs.tolist() for b in corpus.batches(np.random.default_rng(seed))] for seed in (1, 1, 2)
    )

    assert first == second
    assert first != other
    assert len(first) == len(corpus)

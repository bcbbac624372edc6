"""What a base has read: a copy is told from what two people may say by themselves."""

from models import seen


def test_ten_syllables_in_a_row_are_a_copy() -> None:
    """However they are spaced and marked."""
    read = seen.hashes(["나 보기가 역겨워 가실 때에는 말없이"])
    assert seen.shares_a_run("나보기가 역겨워, 가실 때에", read)
    assert not seen.shares_a_run("보기가 역겨워 가실", read)


def test_an_alphabet_needs_more_letters_for_a_copy() -> None:
    """Ten letters of English are two words; a line of a poem is a copy."""
    read = seen.hashes(["Shall I compare thee to a summer's day? Thou art more lovely and more temperate"])
    assert not seen.shares_a_run("and nobody could compare thee to a stone", read)
    assert seen.shares_a_run("shall i compare thee to a summer's night", read)


def test_few_runs_of_a_long_text_still_find_a_long_copy() -> None:
    """One in four, chosen by the hash itself: the same in the text and in the line."""
    text = "그대가 곁에 있어도 나는 그대가 그립다 그대가 멀리 있어도 물결은 이 모래에 와서 잠이 든다"
    few = seen.hashes([text], one_in=4)
    assert 0 < len(few) < len(seen.runs(text)) / 2
    assert seen.shares_a_run(text, few)


def test_nothing_has_no_runs() -> None:
    """Neither a short line nor an empty one is a copy."""
    read = seen.hashes(["가나다라마바사아자차카타파하"])
    assert not seen.shares_a_run("", read)
    assert not seen.shares_a_run("가나다", read)
    assert not seen.shares_a_run("가나다라마바사아자차카", seen.hashes([]))
    twice = seen.hashes(["가나다라마바사아자차카타파하"] * 2)
    assert twice.tolist() == sorted(set(read.tolist()))

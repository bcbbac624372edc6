"""Submissions: taught once, decided by a moderator, and the author's to take back."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app import actions
from app.domain.errors import UnknownSubmission
from app.domain.submission import NEAR, Offer, Submission, SubmissionStatus, examine
from app.domain.visitor import Visitor
from app.store.lessons import FeedbackStore
from app.store.submissions import Submissions
from tests.support.world import World

TEXT = "봄비가 온다\n창을 닫는다"
APPROVED, REJECTED = SubmissionStatus.APPROVED, SubmissionStatus.REJECTED
WAITING, WITHDRAWN = SubmissionStatus.WAITING, SubmissionStatus.WITHDRAWN


def offer(text: str = TEXT) -> Offer:
    """A fit text."""
    return examine(text, "봄", "앤", consent=True)


def teach(
    world: World,
    visitor: str = "ann",
    text: str = TEXT,
    *,
    voice: str = "sibot",
    status: SubmissionStatus = WAITING,
) -> tuple[Submission, bool]:
    """A visitor's submission, and whether it is new."""
    world.visitor(visitor)
    with world.transaction() as session:
        return Submissions(session).add(offer(text), voice, visitor, address="", status=status, now=world.clock.now)


def test_a_submission_waits(world: World) -> None:
    """It is kept as offered, under a token that cannot be guessed."""
    world.voice()
    taught, new = teach(world)

    assert new
    assert (taught.text, taught.title, taught.author, taught.status) == (TEXT, "봄", "앤", WAITING)
    assert len(taught.token) >= 20
    with world.reading() as session:
        assert Submissions(session).by_token(taught.token) == taught


def test_the_same_poem_again_is_the_same_submission(world: World) -> None:
    """A double click, or the same words with another comma, brings back the same token."""
    world.voice()
    first, _ = teach(world)

    assert teach(world, text="봄비가 온다, 창을 닫는다!") == (first, False)


def test_a_double_click_is_one_poem(world: World) -> None:
    """Eight requests at the same moment bring back the same token, and one of them is new."""
    world.voice()
    world.visitor("ann")
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: teach(world), range(8)))

    assert len({one.token for one, _ in given}) == 1
    assert sorted(new for _, new in given) == [False] * 7 + [True]


def test_another_visitors_poem_is_a_poem_of_ones_own(world: World) -> None:
    """With a token of his own; what becomes of the first is not the second's, and does not touch it."""
    world.voice()
    first, _ = teach(world)
    second, new = teach(world, "bob")
    with world.transaction() as session:
        Submissions(session).decide([first.id], APPROVED, by="root", now=world.clock.now)
        Submissions(session).withdraw(first.token, world.clock.now)

    assert new
    assert second.token != first.token
    with world.reading() as session:
        assert Submissions(session).by_token(second.token).status == WAITING


def test_voices_are_taught_apart(world: World) -> None:
    """What one voice learned another may learn from somebody else."""
    world.voice()
    world.voice("bard")
    teach(world)

    _, new = teach(world, "bob", voice="bard")
    assert new


def test_a_withdrawn_poem_can_be_taught_again(world: World) -> None:
    """The author changes his mind twice."""
    world.voice()
    first, _ = teach(world)
    with world.transaction() as session:
        Submissions(session).withdraw(first.token, world.clock.now)

    second, new = teach(world)

    assert new
    assert second.token != first.token


def test_a_rejected_poem_stays_rejected(world: World) -> None:
    """Sending it again does not put it back into the queue."""
    world.voice()
    first, _ = teach(world)
    with world.transaction() as session:
        (rejected,) = Submissions(session).decide([first.id], REJECTED, by="root", now=world.clock.now)

    assert teach(world) == (rejected, False)


def test_a_withdrawn_poem_is_out_of_the_next_lesson(world: World) -> None:
    """And no moderator can put it back."""
    world.voice()
    taught, _ = teach(world, status=APPROVED)
    with world.reading() as session:
        assert [p.text for p in FeedbackStore(session).of("sibot").submissions] == [TEXT]

    for _ in range(2):
        with world.transaction() as session:
            assert Submissions(session).withdraw(taught.token, world.clock.now).status is WITHDRAWN
    with world.transaction() as session:
        (still,) = Submissions(session).decide([taught.id], APPROVED, by="root", now=world.clock.now)

    assert still.status is WITHDRAWN
    with world.reading() as session:
        assert FeedbackStore(session).of("sibot").submissions == ()


def test_only_approved_poems_are_learned(world: World) -> None:
    """What waits and what was rejected is not."""
    world.voice()
    texts = ["첫 번째로 가르치는 시", "두 번째로 가르치는 시", "세 번째로 가르치는 시"]
    _, second, third = (teach(world, text=text)[0] for text in texts)
    with world.transaction() as session:
        Submissions(session).decide([second.id], APPROVED, by="root", now=world.clock.now)
        Submissions(session).decide([third.id], REJECTED, by="root", now=world.clock.now)

    with world.reading() as session:
        assert [p.source for p in FeedbackStore(session).of("sibot").submissions] == [second.id]


def test_the_queue_is_read_from_its_front(world: World) -> None:
    """Oldest first, by status, page by page."""
    world.voice()
    world.voice("bard")
    ids = [teach(world, text=f"{'가나다라마바사아자차'[n:]}{'봄여름가을겨울비눈바람' * 2}")[0].id for n in range(4)]
    other = teach(world, voice="bard")[0].id
    with world.transaction() as session:
        Submissions(session).decide([ids[1]], APPROVED, by="root", now=world.clock.now)

    with world.reading() as session:
        queue = Submissions(session).queue
        assert [s.id for s in queue()] == [ids[0], ids[2], ids[3], other]
        assert [s.id for s in queue(APPROVED)] == [ids[1]]
        assert [s.id for s in queue(None, limit=2, after=ids[0])] == [ids[1], ids[2]]
        assert Submissions(session).count() == 4


def test_deciding_an_unknown_one_decides_none(world: World) -> None:
    """A typing error among ten numbers approves nothing."""
    world.voice()
    taught, _ = teach(world)
    with pytest.raises(UnknownSubmission), world.transaction() as session:
        Submissions(session).decide([taught.id, 999_999], APPROVED, by="root", now=world.clock.now)

    with world.reading() as session:
        assert Submissions(session).by_token(taught.token).status is WAITING
        for token in ("", "guess", "봄" * 100):
            with pytest.raises(UnknownSubmission):
                Submissions(session).by_token(token)


def test_an_author_reads_which_versions_learned_it(world: World) -> None:
    """Oldest first; and finds his poems again, newest first."""
    world.voice()
    first, _ = teach(world)
    second, _ = teach(world, text="두 번째로 가르치는 시입니다")
    for number in (1, 2):
        world.version(folder=f"sibot/{number}", items=[("poem", first.id, 2.0), ("line", second.id, 1.0)])

    with world.reading() as session:
        assert [s.taught_in for s in Submissions(session).of_visitor("ann")] == [(), (1, 2)]
        assert Submissions(session).of_visitor("bob") == []


def test_a_twin_is_found(world: World) -> None:
    """A word changed makes nearly the same poem; what was withdrawn has none, and other voices have their own."""
    world.voice()
    world.voice("bard", base="tiny-2")
    first, _ = teach(world, text=TEXT + "\n밤새 누가 다녀갔는지\n신발이 젖어 있다")
    changed = offer(TEXT + "\n밤새 누가 다녀갔는지\n구두가 젖어 있다").sketch
    other = offer("새벽 기차는 소금밭을 지나\n아무도 내리지 않는 역에 선다").sketch

    def has_twin(sketch: frozenset[int], voice: str = "sibot") -> bool:
        with world.reading() as session:
            return Submissions(session).has_twin(sketch, voice, share=NEAR)

    assert has_twin(changed)
    assert not has_twin(changed, "bard")
    assert not has_twin(other)
    with world.transaction() as session:
        Submissions(session).withdraw(first.token, world.clock.now)
    assert not has_twin(changed)


@pytest.mark.parametrize(
    ("text", "flags", "status"),
    [
        ("새벽 기차는 소금밭을 지나 아무도 내리지 않는다", (), APPROVED),
        ("이런 ㅅㅣㅂㅏㄹ 같은 밤에 비가 온다", ("blocked",), WAITING),
        (TEXT + " 그리고", ("twin",), WAITING),
    ],
)
def test_what_is_flagged_waits_though_others_need_not(
    world: World, text: str, flags: tuple[str, ...], status: SubmissionStatus
) -> None:
    """With `AUTO_APPROVE` only what the screen has nothing to say of goes straight into the lesson."""
    world.voice()
    teach(world)
    ann = Visitor("ann", returned=True, address="")
    given, _ = actions.submissions.teach(
        world.bot(auto_approve=True), "sibot", by=ann, text=text, title="봄", author="앤", consent=True
    )

    assert (given.flags, given.status) == (flags, status)

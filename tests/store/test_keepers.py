"""The keeper's rows: admins and their keys, the audit log, signs of life."""

from datetime import timedelta

from sqlalchemy import text

from app.domain.health import VoiceStatus, WebReport
from app.store.admins import SESSION_LASTS, Admins, Audit
from app.store.health import Pulses
from tests.support.bots import who
from tests.support.world import World


def test_an_admin_has_a_password(world: World) -> None:
    """Its hash is kept; creating him again gives a new one."""
    with world.transaction() as session:
        admins = Admins(session)
        assert not admins.any()
        assert admins.create("root", "hash one", world.clock.now)
        assert admins.any()
        assert admins.password_of("root") == "hash one"
        assert not admins.create("root", "hash two", world.clock.now)
        assert admins.password_of("root") == "hash two"
        assert admins.password_of("nobody") is None


def test_keys_open_what_they_are_for(world: World) -> None:
    """A session is no token, a token no session, a guess neither; who is revoked stays out."""
    with world.transaction() as session:
        admins, now = Admins(session), world.clock.now
        admins.create("root", "hash", now)
        cookie, token = admins.open_session("root", now), admins.new_token("root", now)
        assert who(admins, cookie, "session", now) == "root"
        assert who(admins, token, "token", now) == "root"
        assert who(admins, cookie, "token", now) is None
        assert who(admins, token, "session", now) is None
        assert who(admins, "guess", "token", now) is None
        admins.revoke(token, now)
        assert who(admins, token, "token", now) is None
        assert who(admins, cookie, "session", now) == "root"


def test_a_session_ends_by_itself(world: World) -> None:
    """After two weeks the cookie opens nothing; a token does."""
    with world.transaction() as session:
        admins, now = Admins(session), world.clock.now
        admins.create("root", "hash", now)
        cookie, token = admins.open_session("root", now), admins.new_token("root", now)
        assert who(admins, cookie, "session", now + SESSION_LASTS - timedelta(seconds=1)) == "root"
        assert who(admins, cookie, "session", now + SESSION_LASTS) is None
        assert who(admins, token, "token", now + timedelta(days=999)) == "root"


def test_a_new_password_closes_open_sessions(world: World) -> None:
    """Whoever had stolen a cookie is out; scripts, whose tokens are revoked by themselves, go on."""
    with world.transaction() as session:
        admins, now = Admins(session), world.clock.now
        admins.create("root", "hash", now)
        cookie, token = admins.open_session("root", now), admins.new_token("root", now)
        admins.create("root", "another", now)
        assert who(admins, cookie, "session", now) is None
        assert who(admins, token, "token", now) == "root"


def test_no_secret_is_kept(world: World) -> None:
    """A stolen database opens no desk: only hashes lie in it."""
    with world.transaction() as session:
        Admins(session).create("root", "hash", world.clock.now)
        secrets = [
            Admins(session).open_session("root", world.clock.now),
            Admins(session).new_token("root", world.clock.now),
        ]
        kept = session.execute(text("SELECT hash FROM keys")).scalars().all()

    assert len(kept) == 2
    assert not any(secret in row for secret in secrets for row in kept)


def test_deeds_are_written_down_in_order(world: World) -> None:
    """Newest first, cut to what a row holds."""
    with world.transaction() as session:
        audit = Audit(session)
        audit.add("root", "promote", "sibot 1", "", world.clock.forward(seconds=1))
        audit.add("shell", "approve", "봄" * 500, "봄" * 9000, world.clock.forward(seconds=1))

        newest = audit.newest()
        assert [(entry.who, entry.deed) for entry in newest] == [("shell", "approve"), ("root", "promote")]
        assert newest[0].at == world.clock.now
        assert len(audit.newest(limit=1)) == 1


def test_who_is_silent_is_not_alive(world: World) -> None:
    """A process beats under its name; after half a minute of silence it is gone, after an hour forgotten."""
    with world.transaction() as session:
        pulses = Pulses(session)
        pulses.beat("web@here:1", "web", world.clock.now, WebReport(secret="old"))
        pulses.beat("worker@here:2", "worker", world.clock.now)
        pulses.beat("web@here:1", "web", world.clock.forward(seconds=20), WebReport(secret="new"))
        (web, worker) = pulses.alive(world.clock.now)
        assert (web.kind, web.web, web.at) == ("web", WebReport(secret="new"), world.clock.now)
        assert worker.kind == "worker"
        assert [p.name for p in pulses.alive(world.clock.forward(seconds=15))] == ["web@here:1"]
        pulses.beat("web@here:1", "web", world.clock.forward(hours=2))
        assert session.execute(text("SELECT count(*) FROM pulses")).scalar() == 1


def test_what_a_web_says_is_read_as_it_was_written(world: World) -> None:
    """Every field, through the row; a web of another release that says less, or more, is read as far as it goes."""
    said = WebReport((VoiceStatus("sibot", 3, 4, "torn"), VoiceStatus("bard", None, 0, None)), (7,), (11, 12), "mark")
    with world.transaction() as session:
        Pulses(session).beat("web 1", "web", world.clock.now, said)
    with world.transaction() as session:
        (pulse,) = Pulses(session).alive(world.clock.now)

    assert pulse.web == said
    assert WebReport.of_json({"voices": [], "later": 1}) == WebReport()


def test_a_sign_of_life_from_the_future_is_none(world: World) -> None:
    """A process whose clock was ahead and died is not taken for alive until the clock has come there."""
    with world.transaction() as session:
        pulses = Pulses(session)
        pulses.beat("worker@here:1", "worker", world.clock.forward(hours=3))
        assert pulses.alive(world.clock.forward(hours=-3)) == []
        pulses.beat("worker@here:2", "worker", world.clock.now)
        assert [p.name for p in pulses.alive(world.clock.now)] == ["worker@here:2"]
        assert session.execute(text("SELECT count(*) FROM pulses")).scalar() == 1

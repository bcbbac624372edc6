"""What is done with the desk's keys is written down: by whom, to whom, and what it opens."""

from app.actions import admins
from app.store.admins import Admins, Audit
from tests.support.world import World


def test_every_deed_with_keys_is_in_the_audit_log(world: World) -> None:
    """A login too; of one that failed nothing is, since nobody did anything."""
    bot, password = world.bot(), "correct horse battery"
    admins.create(bot, "keeper", password, by="shell")
    admins.create(bot, "keeper", password, by="shell")
    admins.give_token(bot, "keeper", by="shell", scope="read")
    admins.give_token(bot, "keeper", by="shell")
    assert admins.log_in(bot, "keeper", "a wrong one") is None
    assert admins.log_in(bot, "keeper", password) is not None
    with world.reading() as session:
        key = Admins(session).keys(bot.clock())[0].id
    admins.revoke(bot, [key], by="shell")
    admins.remove(bot, "keeper", by="shell")

    with world.reading() as session:
        told = [(one.who, one.deed, one.subject, one.detail) for one in reversed(Audit(session).newest())]
    assert told == [
        ("shell", "admin.create", "keeper", ""),
        ("shell", "admin.password", "keeper", ""),
        ("shell", "admin.token", "keeper", "read only"),
        ("shell", "admin.token", "keeper", ""),
        ("keeper", "login", "desk", ""),
        ("shell", "admin.revoke", key, ""),
        ("shell", "admin.remove", "keeper", ""),
    ]

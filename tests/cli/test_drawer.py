"""`poembot drawer`: what lies in the drawer of a voice, and emptying it."""

from app import actions
from app.bootstrap import Bot
from app.store.admins import Audit
from app.store.versions import Versions
from tests.cli.conftest import Shell
from tests.support.drafts import drafts


def test_a_drawer_is_shown_and_emptied(poembot: Shell, bot: Bot) -> None:
    """Figures for programs, a sentence for people; emptying is logged, and what was written counts anew."""
    nothing = {"version": 0, "drafts": 0, "handed_out": 0, "written": 0, "kept_share": None, "oldest": None}
    assert poembot("drawer", "sibot", "--json").json == {"voice": "sibot", **nothing}
    with bot.reads(Versions) as versions:
        champion = versions.champion("sibot").id
    actions.drafts.put(bot, champion, drafts(20), passed=0.25)

    told, said = poembot("drawer", "sibot", "--json"), poembot("drawer", "sibot")
    emptied = poembot("drawer", "sibot", "--empty", "--json")

    assert told.json.pop("oldest") is not None
    assert told.json | {"oldest": None} == {
        "voice": "sibot",
        **nothing,
        "drafts": 5,
        "written": 20,
        "kept_share": 0.25,
    }
    assert "version 0: 5 drafts held, 25.0% of 20 written; 0 handed out" in said.out
    assert (emptied.status, emptied.json) == (0, {"voice": "sibot", **nothing})
    assert "sibot: 5 drafts deleted" in emptied.err
    with bot.reads(Audit) as audit:
        assert next((one.deed, one.subject) for one in audit.newest()) == ("drawer.empty", "sibot")


def test_a_voice_that_nobody_knows_has_no_drawer(poembot: Shell, bot: Bot) -> None:
    """Neither to look into nor to empty."""
    for command in (("drawer", "nobody"), ("drawer", "nobody", "--empty")):
        said = poembot(*command)
        assert (said.status, said.complaint) == (2, "voice nobody is not known here")

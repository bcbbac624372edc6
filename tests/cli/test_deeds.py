"""What the keeper can do from a shell, in an installation of his own."""

import json
from dataclasses import replace
from pathlib import Path

from app.bootstrap import Bot, now
from app.domain import submission as deed
from app.domain.gate import Verdict
from app.domain.submission import SubmissionStatus
from app.domain.version import VersionStatus
from app.store.admins import Admins, Audit
from app.store.submissions import Submissions
from app.store.versions import Versions
from tests.cli.conftest import Shell
from tests.support.bots import who
from tests.support.world import World


def offered(bot: Bot, text: str) -> int:
    """A visitor teaches a poem, which waits; its number."""
    World(bot.sessions).visitor("author")
    offer = deed.examine(text, None, None, consent=True)
    with bot.transaction() as session:
        submissions = Submissions(session)
        status = SubmissionStatus.WAITING
        return submissions.add(offer, "sibot", "author", address="", status=status, now=now())[0].id


def version(bot: Bot, status: VersionStatus) -> int:
    """A version of that status; its number."""
    with bot.reads(Versions) as versions:
        folder = f"sibot/sibot-tiny/made-{len(versions.of_voice('sibot'))}"
    verdict = Verdict(() if status is VersionStatus.ADMITTED else ("copies",))
    return World(bot.sessions).version(folder=folder, status=status, verdict=verdict)[1]


def deeds(bot: Bot) -> list[tuple[str, str]]:
    """What the audit log says was done, newest first."""
    with bot.reads(Audit) as audit:
        return [(entry.who, entry.deed) for entry in audit.newest()]


def test_the_first_command_prepares_the_database(poembot: Shell, tmp_path: Path) -> None:
    """Nobody need know of migrations: the shipped voice is there at once."""
    said = replace(poembot, home=tmp_path / "new")("versions", "sibot", "--json")

    assert said.status == 0, said.err
    (base,) = said.json["versions"]
    assert (base["number"], base["status"], base["champion"], base["base"]) == (0, "base", True, "sibot-tiny")


def test_an_admin_is_made_and_gets_a_token(poembot: Shell, bot: Bot) -> None:
    """The password is hashed with argon2, the token printed alone; both work. A short password is none."""
    hasty = poembot("admin", "create", "hasty", "--password-stdin", stdin="short\n")
    made = poembot("admin", "create", "keeper", "--password-stdin", stdin="a long password\n")
    token = poembot("admin", "token", "keeper")

    assert (made.status, token.status) == (0, 0)
    assert "sign in at /desk" in made.err
    with bot.reads(Admins) as admins:
        assert (admins.password_of("keeper") or "").startswith("$argon2id$")
        assert who(admins, token.out.strip(), "token", now()) == "keeper"
    assert token.out.count("\n") == 1
    assert (hasty.status, hasty.complaint) == (2, "a password has at least 8 characters")


def test_a_token_can_be_revoked(poembot: Shell, bot: Bot) -> None:
    """By the name that the list gives it; a wrong name revokes nothing."""
    poembot("admin", "create", "keeper", "--password-stdin", stdin="a long password\n")
    token = poembot("admin", "token", "keeper", "--read-only").out.strip()
    key = next(one for one in poembot("admin", "keys", "--json").json["keys"] if one["scope"] == "read")

    assert (key["kind"], key["admin"]) == ("token", "keeper")
    assert token not in poembot("admin", "keys").out
    assert poembot("admin", "revoke", key["id"][:4]).status == 2
    assert poembot("admin", "revoke", key["id"]).status == 0
    assert key not in poembot("admin", "keys", "--json").json["keys"]
    with bot.reads(Admins) as admins:
        assert who(admins, token, "token", now()) is None
    assert deeds(bot)[0] == ("shell", "admin.revoke")


def test_an_admin_can_be_removed(poembot: Shell, bot: Bot) -> None:
    """Nothing of his opens the desk any more; what he did stays written down; nobody else is touched."""
    for name in ("keeper", "leaver"):
        poembot("admin", "create", name, "--password-stdin", stdin="a long password\n")
    token, other = (poembot("admin", "token", name).out.strip() for name in ("leaver", "keeper"))

    assert poembot("admin", "remove", "leaver").status == 0
    assert poembot("admin", "remove", "leaver").complaint == "there is no admin leaver"
    with bot.reads(Admins) as admins:
        assert who(admins, token, "token", now()) is None
        assert who(admins, other, "token", now()) == "keeper"
        assert admins.password_of("leaver") is None
    assert deeds(bot)[0] == ("shell", "admin.remove")


def test_a_decision_can_be_undone(poembot: Shell, bot: Bot) -> None:
    """The poem waits again, and its flags are shown to whoever moderates."""
    number = offered(bot, "새벽 기차는 소금밭을 지나간다")
    poembot("moderate", "approve", str(number))

    undone = poembot("moderate", "reopen", str(number), "--json")

    assert [(one["status"], one["flags"]) for one in undone.json["submissions"]] == [("waiting", [])]


def test_a_text_can_be_screened(poembot: Shell, tmp_path: Path) -> None:
    """Which poems of a file the automatic checks would hold up, and by which word."""
    file = tmp_path / "verse.txt"
    file.write_text("봄비가 온다\n\n이런 ㅅㅣㅂㅏㄹ 같은 밤\n\n전화는 010-1234-5678\n", encoding="utf-8")

    said = poembot("moderate", "screen", str(file), "--json")

    assert said.json == {"poems": 3, "blocked": ["시발"], "personal_data": ["phone"]}
    assert poembot("moderate", "screen", str(file)).out.startswith("3 poems, 1 with a word")
    assert poembot("moderate", "screen", str(tmp_path / "none")).status == 2


def test_the_queue_is_moderated(poembot: Shell, bot: Bot) -> None:
    """The list shows what waits, without the author's token; a decision is final and audited."""
    first, second = (
        offered(bot, text) for text in ("창밖에 눈이 내리는 밤\n나는 너를 기다린다", "바람이 불어오는 언덕 위의 집")
    )

    waiting = poembot("moderate", "list", "--json").json["submissions"]
    assert {first, second} <= {submission["id"] for submission in waiting}
    assert "token" not in waiting[0]
    assert "눈이 내리는 밤" in poembot("moderate").out
    assert poembot("moderate", "approve", first).status == 0
    (declined,) = poembot("moderate", "reject", second, "--reason", "rights", "--json").json["submissions"]
    assert (declined["status"], declined["reason"]) == ("rejected", "rights")

    with bot.reads(Submissions) as submissions:
        assert first in {one.id for one in submissions.queue(SubmissionStatus.APPROVED)}
    left = poembot("moderate", "list", "--json").json["submissions"]
    assert not {first, second} & {submission["id"] for submission in left}
    assert {("shell", "submission.approved"), ("shell", "submission.rejected")} <= set(deeds(bot))


def test_a_run_is_asked_for_and_cancelled(poembot: Shell, bot: Bot) -> None:
    """Asking twice finds the same run; cancelling ends one that waits, and only once."""
    asked = [poembot("retrain", *voice, "--json").json for voice in (("sibot",), ("--voice", "sibot"))]
    assert asked[0]["run"] == asked[1]["run"]
    assert asked[0]["state"] == "queued"

    cancelled = poembot("cancel", asked[0]["run"], "--json").json
    again = poembot("cancel", asked[0]["run"])

    assert cancelled["state"] == "cancelled"
    assert (again.status, again.complaint) == (1, f"run {asked[0]['run']} has ended already")
    assert poembot("runs", "sibot", "--json").json["runs"][0]["state"] == "cancelled"
    assert f"run {asked[0]['run']}: cancelled" in poembot("runs", "sibot").out


def test_versions_are_promoted_and_rolled_back(poembot: Shell, bot: Bot) -> None:
    """The history tells who had what serve, newest first."""
    number = version(bot, VersionStatus.ADMITTED)

    assert poembot("promote", "sibot", number, "--reason", "it sings", "--json").json == {"champion": number}
    assert poembot("rollback", "sibot", "--json").json == {"champion": 0}

    moves = poembot("history", "sibot", "--json").json["history"]
    assert [(move["version"], move["was"], move["by"]) for move in moves[:2]] == [
        (0, number, "shell"),
        (number, 0, "shell"),
    ]
    assert "it sings" in poembot("history", "sibot").out
    assert "*    0  base" in poembot("versions", "sibot").out
    nothing = poembot("rollback", "sibot")
    assert (nothing.status, nothing.complaint) == (1, "sibot has no earlier version to go back to")


def test_a_rejected_version_needs_a_reason(poembot: Shell, bot: Bot) -> None:
    """The gate can be overruled, not overlooked."""
    number = version(bot, VersionStatus.REJECTED)

    refused = poembot("promote", "sibot", number)
    overruled = poembot("promote", "sibot", number, "--override", "--reason", "I like it")

    assert (refused.status, refused.complaint) == (1, f"version {number} did not pass the gate: copies")
    assert overruled.status == 0
    assert poembot("rollback", "sibot").status == 0


def test_the_shell_is_audited_as_the_desk_is(poembot: Shell, bot: Bot) -> None:
    """Whoever reads the log finds the same words for the same thing, and sees that a gate was overruled."""
    number, poem = version(bot, VersionStatus.REJECTED), offered(bot, "마당 끝에 고무신 한 켤레")
    run = poembot("retrain", "--voice", "sibot", "--json").json["run"]

    poembot("cancel", run)
    poembot("moderate", "approve", poem)
    poembot("promote", "sibot", number, "--override", "--reason", "I like it")
    poembot("rollback", "sibot", "--reason", "not any more")

    with bot.reads(Audit) as audit:
        told = [(entry.deed, entry.subject, entry.detail) for entry in audit.newest(5)]
    assert told == [
        ("rollback", "sibot 0", f"from {number}: not any more"),
        ("promote.override", f"sibot {number}", "from 0: I like it"),
        ("submission.approved", f"submission {poem}", "now approved"),
        ("run.cancel", f"sibot run {run}", ""),
        ("run.start", f"sibot run {run}", ""),
    ]


def test_lines_are_sampled(poembot: Shell) -> None:
    """A line a row; the same seed gives the same lines, another seed others."""
    one, same, other = (poembot("sample", "--voice", "sibot", "--lines", 7, "--seed", s) for s in (4, 4, 5))

    assert one.status == 0, one.err
    assert len(one.out.splitlines()) == 7
    assert all(line.strip() for line in one.out.splitlines())
    assert one.out == same.out != other.out
    many = poembot("sample", "--folder", poembot.folder / "models/base/sibot", "--lines", 101, "--json").json
    assert len(many["lines"]) == 101
    assert poembot("sample", "--voice", "sibot", "--lines", 3, "--prime", "봄비가").out.startswith("봄비가")


def test_the_doctor_says_what_to_do(poembot: Shell, bot: Bot) -> None:
    """Nobody is at work in this installation; what else is wrong was left by the tests beside this one."""
    said = poembot("doctor", "--json")

    wrong = {check["name"] for check in said.json["checks"] if not check["ok"]}
    assert (said.status, said.json["ok"]) == (1, False)
    assert {"worker", "beat", "web"} == {name for name in wrong if name != "admin" and not name.startswith("version ")}
    assert "start `poembot worker`" in poembot("doctor").out


def test_an_export_names_nobody(poembot: Shell, bot: Bot, tmp_path: Path) -> None:
    """Poems, ticks and approved submissions, with numbers for readers; said to be a machine's."""
    with bot.reads(Versions) as versions:
        base = versions.one("sibot", 0).id
    world = World(bot.sessions)
    world.visitor("a-visitor-of-flesh", address="an-address")
    world.poem("a-visitor-of-flesh", base)

    assert poembot("export", "--out", tmp_path / "all.jsonl").status == 0

    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text("utf-8").splitlines()]
    assert rows[0]["kind"] == "export"
    assert rows[0]["generator"] == "AI"
    poem = next(row for row in rows if row["kind"] == "poem")
    assert poem["lines"][0]["text"] == "봄비가 온다"
    assert "flesh" not in (tmp_path / "all.jsonl").read_text("utf-8")


def test_the_first_lesson(poembot: Shell) -> None:
    """How many of some seeds learn it, for a person and for a program; each is the lesson of that seed alone."""
    stacked = ("lab", "hello", "--cell", "gru", "--layers", 2)

    told = poembot(*stacked, "--seeds", 3, "--json").json
    alone = poembot(*stacked, "--seed", 2, "--json").json

    assert (told["seeds"], told["learned"], told["layers"]) == (3, 3, 2)
    assert (alone["cell"], alone["predicted"], alone["steps"]) == ("gru", "ello", told["steps"][2])
    assert poembot(*stacked, "--seeds", 3).out.startswith("2 x gru: 3 of 3 seeds say ello")

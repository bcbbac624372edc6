"""How often one may: 429 with Retry-After, and nothing typed is lost."""

import threading
import time
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from app.actions import admins
from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.settings import Settings
from app.web.http.admins import must_be_admin
from app.web.http.limits import (
    GUESSES,
    LOGINS,
    POEMS,
    READINGS,
    SUBMISSIONS,
    TICKS,
    Limited,
    Limits,
    MemoryWindows,
    Rule,
    take,
)
from app.web.http.visitors import Keys
from app.web.site import ROUTES
from tests.support.databases import Databases
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form

POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"
TIGHT = Rule("poems", each="2/minute", address="3/minute")


def test_a_visitor_and_an_address_have_each_their_measure(settings: Settings) -> None:
    """Two visitors share an address; the wait that is named is never nothing."""
    limits = Limits(settings)
    limits.take(TIGHT, who="a", address="x")
    limits.take(TIGHT, who="a", address="x")
    with pytest.raises(Limited) as first:
        limits.take(TIGHT, who="a", address="x")
    limits.take(TIGHT, who="b", address="x")
    with pytest.raises(Limited):
        limits.take(TIGHT, who="c", address="x")
    limits.take(TIGHT, who="c", address="y")
    assert 1 <= first.value.retry_after <= 60


def test_strangers_count_against_their_address(settings: Settings) -> None:
    """A request without a cookie has a new id each time: only its address can be over the limit."""
    site = Request({"type": "http", "app": SimpleNamespace(state=SimpleNamespace(limits=Limits(settings)))})
    for address in "xxxy":
        take(site, TIGHT, Visitor("new", returned=False, address=address))
    with pytest.raises(Limited):
        take(site, TIGHT, Visitor("new", returned=False, address="x"))


@given(st.lists(st.tuples(st.sampled_from("ab") | st.none(), st.sampled_from("xyz")), max_size=25))
def test_no_order_of_deeds_gets_past_a_measure(deeds: list[tuple[str | None, str]]) -> None:
    """Whoever comes in whatever order: no visitor does more than two in a minute, and no address more than three."""
    limits = Limits(Settings(limits="on", broker_url="filesystem://"))
    done: Counter[tuple[str, str]] = Counter()
    tried: Counter[str | None] = Counter()
    for who, address in deeds:
        try:
            limits.take(TIGHT, who=who, address=address)
        except Limited:
            assert done["address", address] == 3 or tried[who] >= 2
        else:
            done["who", who or ""] += who is not None
            done["address", address] += 1
        tried[who] += who is not None
        assert all(count <= {"who": 2, "address": 3}[kind] for (kind, _), count in done.items())


def test_every_measure_holds(settings: Settings) -> None:
    """Who keeps to the minute's may still have had the day's."""
    limits, rule = Limits(settings), Rule("submissions", each="5/minute; 2/day", address="9/minute")
    for _ in range(2):
        limits.take(rule, who="a", address="x")
    with pytest.raises(Limited) as refused:
        limits.take(rule, who="a", address="x")
    assert refused.value.retry_after > 3600


def test_an_address_that_is_through_shuts_nobody_out(settings: Settings) -> None:
    """What it tries further is not counted against the account it tries, nor remembered of those it makes up."""
    limits, rule = Limits(settings), Rule("logins", each="5/minute", address="3/minute")
    for _ in range(9):
        with suppress(Limited):
            limits.take(rule, who="keeper", address="x")
    for n in range(100):
        with pytest.raises(Limited):
            limits.take(rule, who=f"made up {n}", address="x")

    for _ in range(2):
        limits.take(rule, who="keeper", address="y")
    with pytest.raises(Limited):
        limits.take(rule, who="keeper", address="z")
    assert len(limits.memory or ()) == 3


def test_what_is_over_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of visitors later the memory is as small as before, and asking costs what it cost."""
    monkeypatch.setattr("app.web.http.limits.SWEEP_EVERY", 0.0)
    memory = MemoryWindows()
    for n in range(3000):
        assert memory.acquire_entry(f"who {n}", 2, expiry=0)
    assert memory.acquire_entry("who comes last", 2, expiry=60)

    assert len(memory) == 1
    assert memory.get_moving_window("who comes last", 2, 60)[1] == 1
    assert threading.active_count() < 20


def test_a_clock_that_goes_back_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done "tomorrow" does not count; what was done a day ago, by a clock that jumped ahead, neither."""
    memory, real = MemoryWindows(), time.time
    assert [memory.acquire_entry("a", 2, 60) for _ in range(3)] == [True, True, False]

    for jump in (-2 * 86400, 2 * 86400):
        monkeypatch.setattr("app.web.http.limits.time.time", lambda jump=jump: real() + jump)
        assert [memory.acquire_entry("a", 2, 60) for _ in range(3)] == [True, True, False]


def test_limits_can_be_off(settings: Settings) -> None:
    """For tests and benches."""
    limits = Limits(settings.model_copy(update={"limits": "off"}))
    for _ in range(50):
        limits.take(TIGHT, who="a", address="x")


def test_two_processes_share_their_limits_in_redis(databases: Databases, tmp_path: "pytest.TempPathFactory") -> None:
    """Where the broker is Redis, so is the memory."""
    with databases.settings("scaled", tmp_path / "home") as settings:  # type: ignore[operator]
        one, other = Limits(settings), Limits(settings)
        one.take(TIGHT, who="a", address="x")
        other.take(TIGHT, who="a", address="x")
        with pytest.raises(Limited):
            one.take(TIGHT, who="a", address="x")


def test_without_redis_the_site_goes_on(settings: Settings) -> None:
    """A limit that cannot be counted refuses nobody."""
    limits = Limits(settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"}))
    for _ in range(3):
        limits.take(TIGHT, who="a", address="x")


def test_too_many_poems_are_refused_and_the_beginning_comes_back(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page for readers, with what they typed; a problem for programs."""
    page = reader.open("/sibot")
    monkeypatch.setattr("app.web.readers.poems.POEMS", Rule("poems", each="1/minute", address="9/minute"))
    reader.send(form(page, "/sibot/poems"))

    answer = reader.send(form(page, "/sibot/poems"), prime="내 이름은")
    program = reader.client.post("/api/v1/voices/sibot/poems", json={})

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert 'value="내 이름은"' in answer.text
    assert program.status_code == 429
    assert program.json()["code"] == "limited"
    assert "retry-after" in program.headers


def test_a_crowd_behind_one_address_reads_poems_that_are_there(
    new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first visit past the limit is shown the newest poem instead of a refusal."""
    monkeypatch.setattr("app.web.readers.poems.POEMS", Rule("poems", each="9/minute", address="1/minute"))

    assert [new_client().get("/sibot").status_code for _ in range(3)] == [200, 200, 200]


def test_too_many_submissions_come_back_filled(reader: Reader) -> None:
    """429, and the text is in its box."""
    page = form(reader.open("/sibot"), "/submissions")
    most = int(SUBMISSIONS.each.split("/")[0])
    for n in range(most):
        reader.send_only(page, text=f"{POEM} {'가나다라마바사아자차'[n % 10]} {n}", consent="yes")

    answer = reader.send(page, text="마지막으로 보내는 시 한 편입니다", consent="yes")

    assert answer.status_code == 429
    assert form(answer, "/submissions").filled()["text"] == ["마지막으로 보내는 시 한 편입니다"]


def test_a_crowd_at_the_door_waits_its_turn(
    client: httpx.Client, admin_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords are looked at two at a time, each in 64 MB. Who would wait too long is told when to come."""
    monkeypatch.setattr("app.actions.admins.LONGEST_WAIT", 0.1)
    door = form(client.get("/desk/login"), "/desk/login")
    filled = door.filled(name=admin_name, password="correct horse battery")
    with admins._checks, admins._checks:
        refused = client.post("/desk/login", data=filled)
    entered = client.post("/desk/login", data=filled)

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert entered.status_code == 303


PASSWORD = "correct horse battery"


def test_logins_are_throttled_by_account(client: httpx.Client, bot: Bot, admin_name: str) -> None:
    """After so many tries from one address the right password is not even looked at."""
    door = form(client.get("/desk/login"), "/desk/login")
    most = int(LOGINS.each.split("/")[0])
    codes = [
        client.post("/desk/login", data=door.filled(name=admin_name, password=str(n))).status_code for n in range(most)
    ]
    last = client.post("/desk/login", data=door.filled(name=admin_name.upper(), password=PASSWORD))

    assert codes == [401] * most
    assert last.status_code == 429
    assert "retry-after" in last.headers


def test_no_stranger_shuts_the_keeper_out(new_client: NewClient, bot: Bot, admin_name: str) -> None:
    """A device that has logged in has tries of its own: strangers' guesses, even from its own address, are not its."""
    keeper, stranger = new_client(), new_client()

    def tried(client: httpx.Client, password: str) -> int:
        door = form(client.get("/desk/login"), "/desk/login")
        return client.post("/desk/login", data=door.filled(name=admin_name, password=password)).status_code

    assert tried(keeper, PASSWORD) == 303
    keeper.post("/desk/logout", data={"csrf_token": form(keeper.get("/desk"), "/logout").filled()["csrf_token"]})
    guessed = [tried(stranger, f"guess {n}") for n in range(15)]
    stranger.cookies.set("desk_device", Keys("another site's").sign_device(admin_name))

    assert guessed == [401] * 9 + [429] * 6  # one of this address' ten was the keeper's
    assert tried(stranger, PASSWORD) == 429
    assert [tried(keeper, f"mistyped {n}") for n in range(9)] == [401] * 9
    assert tried(keeper, PASSWORD) == 303
    assert tried(keeper, PASSWORD) == 303  # this login made it another device
    keys, mine = Keys(bot.settings.secret()), keeper.cookies["desk_device"]
    assert keys.read_device(mine, admin_name)
    assert keys.read_device(mine, "another") is None


def guesses(limits: Limits, count: int, *, device: str | None = None, address: str = "x", to: str = "keeper") -> int:
    """How many of so many tries at an account a password was looked at for."""
    looked_at = 0
    for _ in range(count):
        with suppress(Limited):
            limits.take_login(to, device=device, address=address)
            looked_at += 1
    return looked_at


def test_tries_count_against_who_tries(settings: Settings) -> None:
    """An account is closed to strangers by ten addresses, and never to its devices and to who got in there today."""
    limits = Limits(settings)
    limits.note_login("keeper", address="home")

    assert [guesses(limits, 40, address=f"stranger {n}") for n in range(12)] == [10] * 10 + [0] * 2
    assert guesses(limits, 1, address="a café") == 0
    assert guesses(limits, 1, address="a café", to="another keeper") == 1
    assert guesses(limits, 40, address="home") == 10
    assert guesses(limits, 40, address="stranger 1", device="a telephone") == 10
    assert guesses(limits, 40, address="many accounts", to="a") == 10
    assert [guesses(limits, 5, address="many accounts", to=f"b {n}") for n in range(5)] == [5, 5, 5, 5, 0]


def test_refused_tries_count(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes on trying while he is refused has fewer tries in the next hour; who waits has them all."""
    limits, real = Limits(settings), time.time
    patient = hasty = 0
    for five_minutes in range(12):
        monkeypatch.setattr("app.web.http.limits.time.time", lambda past=300.5 * five_minutes: real() + past)
        hasty += guesses(limits, 60, address="hasty")
        patient += guesses(limits, 5, address="patient", to="another keeper")

    assert (hasty, patient) == (10, 60)


def test_logins_go_on_without_redis(settings: Settings) -> None:
    """As everything that is limited."""
    limits = Limits(settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"}))
    limits.note_login("keeper", address="x")
    assert guesses(limits, 11) == 11


LIMITED = {
    "POST /{voice}/poems": POEMS,
    "POST /{voice}/about-word": POEMS,
    "POST /{voice}/poems with ticks": TICKS,
    "POST /poems/{poem}/next": POEMS,
    "POST /{voice}/next": POEMS,
    "POST /api/v1/voices/{voice}/poems": POEMS,
    "POST /api/v1/voices/{voice}/poems as a stream": POEMS,
    "POST /poems/{poem}/ticks": TICKS,
    "POST /poems/{poem}/tick": TICKS,
    "PUT /api/v1/lines/{line}/tick": TICKS,
    "DELETE /api/v1/lines/{line}/tick": TICKS,
    "POST /{voice}/submissions": SUBMISSIONS,
    "POST /api/v1/voices/{voice}/submissions": SUBMISSIONS,
    "POST /{voice}/pieces": SUBMISSIONS,
    "POST /{voice}/guess": GUESSES,
    "GET /learn?text=x": READINGS,
    "GET /poems/{poem}.png": READINGS,
    "GET /pieces/{piece}.png": READINGS,
    "GET /{voice}/versions/{number}.png": READINGS,
    "POST /desk/login": LOGINS,
}
"""Every limited route, and its limit."""
UNLIMITED = {
    "POST /language",
    "POST /me/erase",
    "POST /submissions/{token}/withdraw",
    "DELETE /api/v1/submissions/{token}",
    "POST /pieces/{piece}/withdraw",
    "POST /desk/logout",
}
"""They add nothing: each needs something that exists, and ends it; the language is a cookie."""


def test_each_route_takes_from_its_limit(reader: Reader, bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever removes a limit from a route, or takes another's, hears it here."""
    page = reader.open("/sibot")
    poem = form(page, "/ticks").action.split("/")[2]
    line = dict(form(page, "/ticks").boxes)["lines"]
    keys = Keys(bot.settings.secret())
    mine = keys.read_visitor(reader.client.cookies["visitor"])
    filled = {
        "csrf_token": form(page, "/ticks").filled()["csrf_token"],
        "candidate": keys.sign_candidate([mine, "sibot", [], [1, 1, 1.0, "한 행", -1.0, 1.0], []]),
        "name": "keeper",
        "word": "바다",
    }
    taken: list[str] = []

    def refuse(_limits: Limits, rule: Rule, **_of: object) -> None:
        taken.append(rule.name)
        raise Limited(rule.name, 7)

    monkeypatch.setattr(Limits, "take", refuse)
    monkeypatch.setattr(Limits, "take_login", lambda limits, _account, **_of: refuse(limits, LOGINS))
    answers = {}
    for route in LIMITED:
        method, path, *more = route.split(" ", 2)
        form_data = filled | ({"poem": poem, "lines": line} if more == ["with ticks"] else {})
        body = {"json": {"text": POEM, "consent": True}} if path.startswith("/api/") else {"data": form_data}
        answer = reader.client.request(
            method,
            path.format(voice="sibot", poem=poem, piece=poem, line=line, number=1),
            headers={"accept": "text/event-stream"} if more == ["as a stream"] else {},
            **(body if method == "POST" else {}),
        )
        answers[route] = (answer.status_code, answer.headers.get("retry-after"), taken.copy())
        taken.clear()

    assert answers == {route: (429, "7", [rule.name]) for route, rule in LIMITED.items()}


def test_no_route_that_adds_something_is_without_a_limit() -> None:
    """A new one stands in either list; what needs an admin is his to do as often as he likes."""
    listed = {" ".join(route.split()[:2]) for route in LIMITED if not route.startswith("GET")}

    assert {route for route in _open_to_all() if not route.startswith("GET")} == listed | UNLIMITED


def test_no_picture_is_without_a_limit() -> None:
    """To draw one takes as long as to write ten poems."""
    pictures = {route for route in _open_to_all() if route.endswith(".png")}

    assert pictures == {route for route in LIMITED if route.endswith(".png")}


def _open_to_all() -> set[str]:
    """Method and path of every route that needs no admin."""
    return {
        f"{method} {route.path}"
        for module in ROUTES
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or set()
        if must_be_admin not in [needed.call for needed in _dependencies(route.dependant)]
    }


def _dependencies(of: Dependant) -> list[Dependant]:
    return [of, *(deeper for needed in of.dependencies for deeper in _dependencies(needed))]

"""A site as readers meet it: a real server over a real database and a small real engine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import httpx
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.bootstrap import Bot, now
from app.store.admins import Admins
from tests.support.databases import Scale
from tests.support.patience import PATIENCE
from tests.web.reader import Reader, form

PASSWORD = "correct horse battery"
NewClient = Callable[..., httpx.Client]


@pytest.fixture
def scale() -> Scale:
    """What a page says does not depend on the servers: SQLite, unless a test asks for the others."""
    return "embedded"


@pytest.fixture
def new_client(site: str) -> Iterator[NewClient]:
    """Makes browsers, with a cookie jar each."""
    with ExitStack() as stack:

        def make(**headers: str) -> httpx.Client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            wanted = {"accept-language": "ko", "user-agent": "Mozilla/5.0"} | named
            return stack.enter_context(closing(httpx.Client(base_url=site, headers=wanted, timeout=PATIENCE)))

        yield make


@pytest.fixture
def client(new_client: NewClient) -> httpx.Client:
    """One browser."""
    return new_client()


@pytest.fixture
def reader(client: httpx.Client) -> Reader:
    """One reader."""
    return Reader(client)


@pytest.fixture
def admin_name(bot: Bot) -> str:
    """An admin, whose password is PASSWORD."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1),))
    with bot.transaction() as session:
        Admins(session).create("keeper", quick.hash(PASSWORD), now())
    return "keeper"


@pytest.fixture
def bearer(bot: Bot, admin_name: str) -> dict[str, str]:
    """The header that a program of that admin's sends."""
    with bot.transaction() as session:
        return {"authorization": f"Bearer {Admins(session).new_token(admin_name, now())}"}


@pytest.fixture
def keeper(new_client: NewClient, admin_name: str) -> Reader:
    """The admin at his desk."""
    one = Reader(new_client())
    page = one.send(form(one.open("/desk/login"), "/desk/login"), name=admin_name, password=PASSWORD)
    assert page.url.path == "/desk"
    return one

"""A guard that keeps tests from connecting to other machines."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class Reached(RuntimeError):
    """A test tried to connect to another machine."""


def is_local(address: Any) -> bool:
    """May a test connect there: to a path, or a loopback address?"""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def only_loopback() -> Iterator[None]:
    """Within this context, connecting to another machine raises Reached."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            original = getattr(socket.socket, name)

            def guarded(self: socket.socket, address: Any, original: Any = original) -> Any:
                if not is_local(address):
                    raise Reached(f"a test reached for {address}")
                return original(self, address)

            patch.setattr(socket.socket, name, guarded)
        yield

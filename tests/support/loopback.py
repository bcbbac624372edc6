"""No test talks to anything but this machine."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class Reached(RuntimeError):
    """Something tried to leave the loopback."""


def is_local(address: Any) -> bool:
    """Is this where a socket may connect to: a path, or an address of the loopback?"""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def only_loopback() -> Iterator[None]:
    """While open, a socket that would leave this machine raises Reached."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            original = getattr(socket.socket, name)

            def guarded(self: socket.socket, address: Any, original: Any = original) -> Any:
                if not is_local(address):
                    raise Reached(f"a test reached for {address}")
                return original(self, address)

            patch.setattr(socket.socket, name, guarded)
        yield

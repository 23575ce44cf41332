"""What all tests share: the conformance suites, and a lock on the network.

Tests may talk to loopback only. Any other connection or datagram is a stray lookup: it
fails loudly instead of asking the Internet.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is slow, not wrong: no example fails for the time it takes.
settings.register_profile("sendgate", deadline=None)
settings.load_profile("sendgate")

# The many processes that tests start compile sendgate once between them, and not each anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="session")
def suites() -> Path:
    """The folder of conformance suites, named by SENDGATE_SUITES."""
    folder = os.environ.get("SENDGATE_SUITES")
    if not folder:
        pytest.skip("SENDGATE_SUITES is not set: the conformance suites are not run")
    return Path(folder)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of the zones and recordings that show what each rule finds."""
    return FIXTURES


class StrayLookupError(BaseException):
    """A test tried to leave this machine; no `except Exception` may hide it."""


def _refuse_stray(address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else None
    if not isinstance(host, str):
        return  # a Unix socket
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise StrayLookupError(f"a test looked up {host!r}") from None
    if not (ip.is_loopback or ip.is_unspecified):
        raise StrayLookupError(f"a test tried to reach {host}")


@pytest.fixture(autouse=True)
def _no_stray_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    real_connect, real_connect_ex = socket.socket.connect, socket.socket.connect_ex
    real_sendto, real_getaddrinfo = socket.socket.sendto, socket.getaddrinfo

    def connect(self: socket.socket, address: Any) -> Any:
        _refuse_stray(address)
        return real_connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> Any:
        _refuse_stray(address)
        return real_connect_ex(self, address)

    def sendto(self: socket.socket, data: Any, *args: Any) -> Any:
        _refuse_stray(args[-1])
        return real_sendto(self, data, *args)

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in {None, "localhost"}:
            _refuse_stray((host.decode() if isinstance(host, bytes) else host,))
        return real_getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(socket.socket, "sendto", sendto)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

"""Options of an audit that reach beyond the sender's own records say where they have no effect."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns_servers
import pytest

LIST = "bl.example.net"


@pytest.fixture
def options(fixtures: Path) -> list[str]:
    """The domain of a fixture whose zone has a list with one address."""
    zone = fixtures / "rules/RBL001-sending-address-is-listed/bad.zone"
    return ["news.example.com", "--zone", str(zone), "--offline", "--format", "json"]


def test_a_list_is_asked_about_declared_addresses(
    sendgate: Callable[..., Any], options: list[str]
) -> None:
    """By option; without an address a remark says that none is asked."""
    done = sendgate("audit", *options, "--blocklist", LIST, "--ip", "192.0.2.10")
    assert [f["rule"] for f in json.loads(done.stdout)["findings"]].count("RBL001") == 1
    assert "--blocklist" not in done.stderr
    done = sendgate("audit", *options, "--blocklist", LIST)
    assert "no address is declared" in done.stderr
    assert json.loads(done.stdout)["facts"]["blocklists"] == []


def test_lists_may_stand_in_the_configuration_and_the_environment(
    sendgate: Callable[..., Any], options: list[str]
) -> None:
    """As a key of the file, and as a variable; a single check of keys asks none."""
    Path("sendgate.toml").write_text(f'blocklists = ["{LIST}"]\n', encoding="utf-8")
    report = json.loads(sendgate("audit", *options, "--ip", "192.0.2.10").stdout)
    assert [each["zone"] for each in report["facts"]["blocklists"]] == [LIST]
    env = {"SENDGATE_BLOCKLIST": "one.example two.example"}
    done = sendgate("audit", *options, "--ip", "192.0.2.10", env=env)
    report = json.loads(done.stdout)
    zones = [each["zone"] for each in report["facts"]["blocklists"]]
    assert zones == ["one.example", "two.example"]
    Path("sendgate.toml").write_text(
        f'blocklists = ["{LIST}"]\n[[sender]]\nfrom = "news.example.com"\nips = ["192.0.2.10"]\n',
        encoding="utf-8",
    )
    report = json.loads(sendgate("dkim", *options, "--selector", "s1").stdout)
    assert report["facts"]["blocklists"] == []


def test_a_name_too_long_for_a_list_is_refused(
    sendgate: Callable[..., Any], options: list[str]
) -> None:
    """No address would fit before it."""
    done = sendgate("audit", *options, "--blocklist", ".".join(["a" * 60] * 4))
    assert done.exit_code == 2
    assert "too long" in done.stderr


def test_a_probe_of_what_is_not_live_is_remarked_on(
    sendgate: Callable[..., Any], options: list[str]
) -> None:
    """Over zones, offline and in a replay no host is called."""
    assert "no mail host is called" in sendgate("audit", *options, "--probe-smtp").stderr
    assert "no mail host is called" not in sendgate("audit", *options).stderr


def test_a_probe_without_a_resolver_to_believe_is_remarked_on(
    sendgate: Callable[..., Any], tmp_path: Path
) -> None:
    """Nothing is vouched for, so no host is bound by TLSA records, and none is called."""
    zone = (
        "$ORIGIN example.com.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\n"
        "ns1 A 127.0.0.1\n@ MX 10 mail\nmail A 127.0.0.1\n"
        f"_25._tcp.mail TLSA 3 1 1 {'ab' * 32}\n"
    )
    with dns_servers.knot(tmp_path, {"example.com": zone}) as knot:
        folder = tmp_path / "unbound"
        folder.mkdir()
        stubs = {".": knot.port, "example.com": knot.port}
        with dns_servers.unbound(folder, stubs, [], dns_servers.Authority()) as server:
            options = ["audit", "example.com", "--nameserver", server.place, "--format", "json"]
            done = sendgate(*options, "--probe-smtp")
    assert "example.com: no mail host was called" in done.stderr
    dane = json.loads(done.stdout)["facts"]["dane"]
    assert (dane["state"], dane["hosts"][0]["probe"]) == ("not_checked", [])

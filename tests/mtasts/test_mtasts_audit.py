"""An audit that fetches the policy for real: HTTPS to a server on loopback, a local authority."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from audits import TIME, audit_domain
from send.certificates import Authority
from webs import Reply, context_of, reply, serving
from worlds import SENDER, Table, address, healthy, txt

from sendgate.audit.report import Report
from sendgate.cli.sources import open_source
from sendgate.dns.double import DnsDouble
from sendgate.settings import Options
from sendgate.web import Fetcher, anywhere, is_public

HOST = "mta-sts.news.example.com"
PATH = "/.well-known/mta-sts.txt"
PLAIN = "content-type: text/plain"
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmax_age: 604800\r\n"
WORLD: Table = healthy() | {
    ("_mta-sts.news.example.com", "TXT"): [txt("v=STSv1; id=20260831;")],
    (HOST, "A"): [address("127.0.0.1")],
}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def said(report: Report) -> list[tuple[str, str]]:
    return [(f.rule.id, f.message) for f in report.findings if f.rule.area == "STS"]


async def audit_with(
    authority: Authority, certificate: Path, answer: Reply, *, private: bool = True
) -> Report:
    double = DnsDouble(WORLD)
    async with serving(certificate, {PATH: answer}) as server:
        web = Fetcher(
            double,
            context=context_of(authority),
            allowed=anywhere if private else is_public,
            port=server.port,
        )
        return await audit_domain("news.example.com", SENDER, double, time=TIME, web=web)


async def test_a_policy_over_verified_https_is_read(authority: Authority, tmp_path: Path) -> None:
    """Nothing is wrong, and the facts have its mode and hosts."""
    certificate, _ = authority.issue(tmp_path, [HOST])
    report = await audit_with(authority, certificate, reply(POLICY, PLAIN))
    assert said(report) == []
    assert report.facts.mtasts is not None
    assert str(report.facts.mtasts.policy) == POLICY.decode()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(b"", "location: https://example.net/", status="301 Moved"), "HTTP status 301"),
        (reply(POLICY, "content-type: text/html"), "text/html"),
        (reply(b"", status="404 Not Found"), "HTTP status 404"),
        (reply(b"x" * 70_000, PLAIN), "more than 65536 octets"),
    ],
)
async def test_what_senders_would_not_take_is_an_error(
    authority: Authority, tmp_path: Path, answer: bytes, words: str
) -> None:
    """A redirect, another type, no file, a file without end."""
    (finding,) = said(await audit_with(authority, authority.issue(tmp_path, [HOST])[0], answer))
    assert finding[0] == "STS003"
    assert words in finding[1]


async def test_a_certificate_for_another_name_is_an_error(
    authority: Authority, tmp_path: Path
) -> None:
    """It is refused before anything is read."""
    certificate, _ = authority.issue(tmp_path, ["other.example.com"])
    (finding,) = said(await audit_with(authority, certificate, reply(POLICY, PLAIN)))
    assert finding[0] == "STS003"
    assert "certificate" in finding[1].lower()


async def test_an_address_of_this_machine_is_not_called(
    authority: Authority, tmp_path: Path
) -> None:
    """Nothing is known of the policy then, and nothing is claimed."""
    certificate, _ = authority.issue(tmp_path, [HOST])
    report = await audit_with(authority, certificate, reply(POLICY, PLAIN), private=False)
    assert said(report) == []
    assert report.facts.mtasts is not None
    assert report.facts.mtasts.policy is None
    assert not [u for u in report.unknown if u.rule.area == "STS"]


async def test_only_a_live_run_has_a_web(tmp_path: Path) -> None:
    """Not offline, not over zones; a replay has none either, or it would not be one."""
    zone = tmp_path / "x.zone"
    zone.write_text("$ORIGIN example.com.\n@ 60 A 192.0.2.1\n", encoding="utf-8")
    live = replace(Options(), nameserver=("127.0.0.1:9",))
    recording = str(tmp_path / "run.json")
    runs = {
        "live": live,
        "offline": replace(live, offline=True),
        "zone": replace(live, zone=(str(zone),)),
        "record": replace(live, record=recording),
        "replay": replace(live, replay=recording),
    }
    has = {}
    for name, options in runs.items():
        async with open_source(options) as source:
            has[name] = source.web is not None
    assert has == {
        "live": True, "offline": False, "zone": False, "record": True, "replay": False
    }  # fmt: skip

"""Which names of a repository are audited, and with which roles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import cname, dkim_key, mx, txt

from sendgate.audit.infer import SenderOptions
from sendgate.dns.answers import Origin, Rdata
from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain
from sendgate.repo.mail import mail_names, profiles_of
from sendgate.repo.reading import DeclaredZone, Hidden, Place, Reading
from sendgate.repo.source import RepositorySource

ZONE = Domain("example.com")
KEY = txt(f"v=DKIM1; p={dkim_key()}")


def record(name: str, rdtype: str, data: Rdata, zone: str = "example.com") -> ZoneRecord:
    return ZoneRecord(Domain(name), rdtype, 300, data, Origin("file", "z", 1), Domain(zone))


def reading(*records: ZoneRecord) -> Reading:
    zones = dict.fromkeys([ZONE, *(r.zone for r in records)])
    return Reading("test", "", records, tuple(DeclaredZone(z, Place("z", 1)) for z in zones))


def names(made: Reading) -> dict[str, dict[str, bool]]:
    found = mail_names(made, RepositorySource(made))
    return {name.text: known.selectors for name, known in found.items()}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (record("a.example.com", "MX", mx(10, "m.example.com")), {"a.example.com": {}}),
        (record("a.example.com", "TXT", txt("v=spf1 -all")), {"a.example.com": {}}),
        (record("_dmarc.a.example.com", "TXT", txt("v=DMARC1; p=none")), {"a.example.com": {}}),
        (record("s._domainkey.a.example.com", "TXT", KEY), {"a.example.com": {"s": True}}),
        (record("s.x._domainkey.a.example.com", "CNAME", cname("k.example.net")),
         {"a.example.com": {"s.x": True}}),
        (record("s._domainkey.a.example.com", "TXT", txt("v=DKIM1; p=")),
         {"a.example.com": {"s": False}}),
        (record("pm.example.com", "CNAME", cname("pm.mtasv.net")), {"pm.example.com": {}}),
        (record("www.example.com", "CNAME", cname("example.net")), {}),
        (record("*._domainkey.a.example.com", "TXT", txt("v=DKIM1; p=")), {}),
        (record("*.example.com", "MX", mx(10, "m.example.com")), {}),
        (record("_spf.example.com", "TXT", txt("v=spf1 -all")), {}),
        (record("a.example.net._report._dmarc.example.com", "TXT", txt("v=DMARC1")), {}),
        (record("_adsp._domainkey.a.example.com", "TXT", txt("dkim=all")), {"a.example.com": {}}),
        (record("s._domainkey.example.com.example.com", "TXT", KEY), {}),
        (record("a.example.com", "TXT", txt("google-site-verification=x")), {}),
    ],
)  # fmt: skip
def test_records_tell_who_takes_part_in_mail(
    made: ZoneRecord, expected: dict[str, dict[str, bool]]
) -> None:
    """By MX, SPF, DMARC, selectors and return paths; the apex always."""
    assert names(reading(made)) == {"example.com": {}} | expected


def test_what_is_delegated_away_tells_of_nobody() -> None:
    """Below a cut that leads out nothing is answered; within the repository it is."""
    left = record("_dmarc.a.example.com", "TXT", txt("v=DMARC1; p=none"))
    cut = record("a.example.com", "NS", cname("ns.example.net"))
    assert names(reading(left, cut)) == {"example.com": {}}


def test_a_zone_of_selectors_tells_of_the_name_above_it() -> None:
    """`_domainkey` may be a zone of its own, and no name to audit itself."""
    key = record("s._domainkey.example.net", "TXT", KEY, "_domainkey.example.net")
    assert names(reading(key)) == {"example.com": {}, "example.net": {"s": True}}


def test_reverse_zones_take_no_part() -> None:
    """Nobody sends as a reverse name."""
    ptr = record("1.2.0.192.in-addr.arpa", "PTR", cname("a.example.com"), "2.0.192.in-addr.arpa")
    assert names(reading(ptr)) == {"example.com": {}}


def test_hidden_records_tell_of_names_too() -> None:
    """A key known only after a plan is applied is a selector."""
    hidden = Hidden(Domain("s._domainkey.a.example.com"), "TXT", ZONE, Place("p", 1), "later")
    assert names(replace(reading(), hidden=(hidden,)))["a.example.com"] == {"s": True}


def test_what_is_published_is_no_declaration() -> None:
    """Published selectors are read; only a [[sender]] says that a name sends."""
    made = reading(
        record("s._domainkey.example.com", "TXT", KEY),
        record("old._domainkey.example.com", "TXT", txt("v=DKIM1; p=")),
    )
    found = mail_names(made, RepositorySource(made))
    (published,) = profiles_of(found)
    assert not published.declared
    assert [(s.name, s.named) for s in published.selectors] == [("s", True), ("old", False)]
    options = SenderOptions(selectors=("n",), return_path=Domain("r.example.com"))
    (declared,) = profiles_of(found, [(ZONE, options)])
    assert declared.declared
    assert [(s.name, s.named) for s in declared.selectors] == [
        ("n", True), ("s", True), ("old", False)
    ]  # fmt: skip
    assert declared.envelope == Domain("r.example.com")


def test_each_sender_of_a_name_is_audited() -> None:
    """Also one whose name has no records yet."""
    made = reading()
    found = mail_names(made, RepositorySource(made))
    new = Domain("new.example.com")
    senders = [(ZONE, SenderOptions()), (ZONE, SenderOptions()), (new, SenderOptions())]
    assert [p.sending for p in profiles_of(found, senders)] == [ZONE, ZONE, new]

"""What a proposal never takes away, and never lets pass: on small zones, one danger each."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from audits import REVERSE, SEED, TIME, options_of

from sendgate.audit.infer import build_profile
from sendgate.dmarc.suffixes import is_suffix_or_above
from sendgate.dns.answers import Address, Mx, Rdata, Soa, Target
from sendgate.dns.double import DnsDouble
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain
from sendgate.records.forms import TERRAFORM, Heading, write
from sendgate.records.plan import Proposal, Shown, Supplied, text_data
from sendgate.records.work import propose
from sendgate.render.records import heading

ZONES = """$TTL 300
$ORIGIN example.com.
@ SOA ns1 h 1 7200 3600 1209600 300
  NS ns1
  MX 10 mail
ns1 A 192.0.2.53
mail A 192.0.2.10
www A 192.0.2.80
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
$ORIGIN example.net.
@ SOA ns1 h 1 7200 3600 1209600 300
  NS ns1.example.com.
mx A 192.0.2.25
all TXT "v=spf1 +all"
$ORIGIN sendgrid.net.
@ SOA ns1 h 1 7200 3600 1209600 300
  NS ns1.example.com.
  TXT "v=spf1 ip4:192.0.2.9 -all"
u1 MX 10 mx
u1 TXT "v=spf1 ip4:192.0.2.9 -all"
mx A 192.0.2.9
$ORIGIN example.com.
"""
KEY = (
    "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1klNo/SRbAf6sV9OrXFBDvu5Nc"
    "SVpo+Lhl+ryGtDTchH0/RvJ1yO6j8apdwR7Q2WZcRbRi+7hprCH9G2IC+k9qt8pvWuCcGjlDtsVizcaO/JRfG+Uv"
    "zs+SAyKyM2cJXk2bKKE2dPAiiTA6aZaFVq7cWP57FiujgdpD1xS0lt4ykMc/gXQieR1eZ/2mVi/BkvE/ShTXmtww"
    "0ZmkC9FYM9WhGnTjb+1Z5kQMt/eWPiKixt5Jh5gI6fVYWr26wfplejphWIBfmVko0xojPPHx9o5PNPJGjMKMphYz"
    "ivx8lv6yAbjtN3REd0oSxn96bpuEH7CAxzFnZw4aNWhQD5TDGYwQIDAQAB"
)
NEWS = ["news MX 10 mail", 'news TXT "v=spf1 ip4:192.0.2.10 -all"']
OWN = {"return-path": "news.example.com", "sender": "own", "ips": ["192.0.2.10"]}
SENDGRID = {"provider": "sendgrid", "return-path": "em.example.com"}


@pytest.fixture
def proposed(tmp_path: Path) -> Any:
    """Propose for a zone of some lines, with records as a provider's page shows them."""

    def run(
        *lines: str, given: dict[str, Any] = OWN, shown: tuple[tuple[str, str, Rdata], ...] = ()
    ) -> Proposal:
        path = tmp_path / "x.zone"
        path.write_text(ZONES + "\n".join(lines) + "\n", encoding="utf-8")
        zones = ZoneSource.from_files([path, REVERSE])
        source = OverlaySource(zones, NowhereSource(is_suffix_or_above))
        profile = build_profile(Domain("news.example.com"), options_of(given))
        supplied = Supplied(tuple(Shown(Domain(n), t, data) for n, t, data in shown))
        return asyncio.run(propose(profile, source, supplied, time=TIME, seed=SEED))

    return run


def decisions(made: Proposal) -> list[tuple[str, str]]:
    return [(str(need.name), str(need.rdtype)) for need in made.needed if "decision" in need.what]


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ("app CNAME www", ("app.example.com", "TXT", text_data("token=1"))),
        ("app CNAME www", ("app.example.com", "MX", Mx(10, Domain("mx.example.net")))),
        ("app A 192.0.2.80", ("app.example.com", "CNAME", Target(Domain("u1.sendgrid.net")))),
        ('app TXT "token=1"', ("app.example.com", "CNAME", Target(Domain("u1.sendgrid.net")))),
        ("app MX 10 mail", ("app.example.com", "MX", Mx(10, Domain("mx.example.net")))),
        ("", ("example.com", "MX", Mx(10, Domain("mx.example.net")))),
    ],
)  # fmt: skip
def test_what_is_shown_takes_nothing_away(
    proposed: Any, line: str, record: tuple[str, str, Rdata]
) -> None:
    """A site, an inbox and a token stay, and whoever keeps them decides."""
    made = proposed(*NEWS, line, shown=(record,))
    assert made.changes == ()
    assert decisions(made) == [record[:2]]


def test_what_is_shown_takes_the_place_of_an_alias_that_leads_nowhere(proposed: Any) -> None:
    """Nobody is served by it."""
    shown = (("app.example.com", "TXT", text_data("token=1")),)
    made = proposed(*NEWS, "app CNAME gone.example.net.", shown=shown)
    assert [(c.kind, c.one.rdtype) for c in made.changes] == [("remove", "CNAME"), ("add", "TXT")]


@pytest.mark.parametrize("line", ["em A 192.0.2.80", 'em TXT "token=1"'])
def test_a_return_path_in_use_for_something_else_is_a_decision(proposed: Any, line: str) -> None:
    """Its own mail hosts and SPF record give way to the provider's alias; a site or token not."""
    shown = (("em.example.com", "CNAME", Target(Domain("u1.sendgrid.net"))),)
    lines = [*NEWS, "em MX 10 mail", 'em TXT "v=spf1 -all"']
    made = proposed(*lines, given=SENDGRID, shown=shown)
    assert [c.kind for c in made.changes] == ["remove", "remove", "add"]
    made = proposed(*lines, line, given=SENDGRID, shown=shown)
    assert made.changes == ()
    assert decisions(made) == [("em.example.com", "CNAME")]
    assert any(need.option == "--return-path NAME" for need in made.needed)


def texts(made: Proposal) -> list[str]:
    return [str(data) for change in made.changes for data in change.one.data]


def test_joined_records_let_nobody_pass_who_could_not(proposed: Any) -> None:
    """Of several records none counts; one of them may be wide open by what it includes."""
    lines = ["news MX 10 mail", 'news TXT "v=spf1 ip4:192.0.2.10 -all"']
    made = proposed(*lines, 'news TXT "v=spf1 include:all.example.net -all"')
    assert made.changes == ()
    assert made.exit_code == 1
    assert any("would let every host on the Internet pass" in note for note in made.notes)
    made = proposed(*lines, 'news TXT "v=spf1 +all"')
    assert texts(made) == ["v=spf1 ip4:192.0.2.10 -all"]
    made = proposed("news MX 10 mail", 'news TXT "v=spf1 +all"', 'news TXT "v=spf1 ip4:192.0.2.10"')
    assert texts(made) == ["v=spf1 ip4:192.0.2.10 ~all"]
    assert made.notes == ()


def test_what_takes_too_many_lookups_is_refused_once(proposed: Any) -> None:
    """A redirect that another record's ending turns into an include has no other form."""
    hosts = [f"a{n} A 192.0.2.10" for n in range(10)]
    long = 'long TXT "v=spf1 ' + " ".join(f"a:a{n}.example.com" for n in range(10)) + ' -all"'
    made = proposed(*hosts, long, "news MX 10 mail", 'news TXT "v=spf1 redirect=long.example.com"',
                    'news TXT "v=spf1 ip4:192.0.2.10 -all"')  # fmt: skip
    assert made.changes == ()
    assert len(made.notes) == 1


def test_only_what_is_left_out_is_said_to_be(proposed: Any) -> None:
    """A provider that fits no more is named, and not the redirect that is joined beside it."""
    hosts = [f"a{n} A 192.0.2.10" for n in range(9)]
    long = 'long TXT "v=spf1 ' + " ".join(f"a:a{n}.example.com" for n in range(9)) + ' -all"'
    made = proposed(*hosts, long, *NEWS, "em MX 10 mx.sendgrid.net.",
                    'em TXT "v=spf1 redirect=long.example.com"', 'em TXT "v=spf1 -all"',
                    given={**SENDGRID, "sender": "dedicated"})  # fmt: skip
    assert "v=spf1 include:long.example.com -all" in texts(made)
    assert [note.partition(" is not proposed")[0] for note in made.notes] == [
        "include:sendgrid.net"
    ]


WILD = ["* MX 10 mail", "* A 192.0.2.80", '* TXT "v=spf1 ip4:192.0.2.10 -all"']


def sets(made: Proposal) -> list[tuple[str, str, list[str]]]:
    return [(r.name.text, r.rdtype, sorted(map(str, r.data))) for r in made.records]


def test_what_a_wildcard_answers_stays_where_records_come(proposed: Any) -> None:
    """A key below a name makes the name exist: its mail hosts, site and texts are then its own."""
    key = text_data(KEY)
    shown = (("s1._domainkey.news.example.com", "TXT", key),)
    made = proposed(*WILD, given={**OWN, "selectors": ["s1"]}, shown=shown)
    assert sets(made) == [
        ("news.example.com", "A", ["192.0.2.80"]),
        ("news.example.com", "MX", ["10 mail.example.com"]),
        ("news.example.com", "TXT", ["v=spf1 ip4:192.0.2.10 -all"]),
        ("s1._domainkey.news.example.com", "TXT", [str(key)]),
    ]
    assert made.exit_code == 0
    for form in ("bind", "octodns", "dnscontrol", "route53"):
        assert "192.0.2.80" in write(form, made.changes, Heading())
    for provider in TERRAFORM:
        written = write("terraform", made.changes, Heading(), provider=provider)
        assert '"192.0.2.80"' in written


def test_an_alias_from_a_wildcard_stays_or_is_told(proposed: Any) -> None:
    """Above a key it can stand; beside a text none can."""
    key = text_data(KEY)
    shown = (("s1._domainkey.news.example.com", "TXT", key),)
    made = proposed("* CNAME mail", given={"selectors": ["s1"]}, shown=shown)
    assert sets(made)[0] == ("news.example.com", "CNAME", ["mail.example.com"])
    token = ("news.example.com", "TXT", text_data("token=1"))
    made = proposed("* CNAME mail", given={"selectors": ["s1"]}, shown=(*shown, token))
    assert sets(made)[0] == ("news.example.com", "TXT", ["token=1"])
    assert any("leads news.example.com to mail.example.com today" in x for x in made.notes)


async def test_what_a_resolver_shows_may_be_a_wildcards() -> None:
    """It does not say so; that the wildcard has the same is told."""
    mx, address = Mx(10, Domain("mail.example.com")), Address(IPv4Address("192.0.2.10"))
    double = DnsDouble({
        ("example.com", "SOA"): [Soa(Domain("ns.example.com"), Domain("h.example.com"), 1, 300)],
        ("news.example.com", "MX"): [mx],
        ("*.example.com", "MX"): [mx],
        ("mail.example.com", "A"): [address],
        ("_dmarc.example.com", "TXT"): [text_data("v=DMARC1; p=reject")],
    })  # fmt: skip
    supplied = Supplied((Shown(Domain("s1._domainkey.news.example.com"), "TXT", text_data(KEY)),))
    profile = build_profile(Domain("news.example.com"), options_of({"selectors": ["s1"]}))
    made = await propose(profile, double, supplied, time=TIME, seed=SEED)
    assert any("MX records of news.example.com may be those of *.example.com" in n
               for n in made.notes)  # fmt: skip


GIVEN = {**OWN, "selectors": ["s1"]}
SIGNED = [f's1._domainkey.news TXT "{KEY[:200]}" "{KEY[200:]}"']


def test_a_null_mx_gives_way_to_the_host_that_is_shown(proposed: Any) -> None:
    """Nobody is mailed there, so nothing is lost; until the host is known, it is needed."""
    lines = ["news MX 0 .", 'news TXT "v=spf1 ip4:192.0.2.10 -all"']
    made = proposed(*lines, *SIGNED, given=GIVEN)
    assert made.changes == ()
    assert [(need.rdtype, need.option) for need in made.needed] == [
        ("MX", '--shown "news.example.com MX 10 HOST"')
    ]
    shown = (("news.example.com", "MX", Mx(10, Domain("mail.example.com"))),)
    made = proposed(*lines, *SIGNED, given=GIVEN, shown=shown)
    assert sets(made) == [("news.example.com", "MX", ["10 mail.example.com"])]
    assert made.exit_code == 0


def test_a_text_that_cannot_be_told_is_needed(proposed: Any) -> None:
    """What is meant as a policy and is none is its author's to write."""
    made = proposed(*NEWS, *SIGNED, '_dmarc.news TXT "v=DMARC1 p=reject"', given=GIVEN)
    assert made.changes == ()
    assert made.exit_code == 1
    assert [(str(need.name), need.rdtype) for need in made.needed] == [
        ("_dmarc.news.example.com", "TXT")
    ]


def test_a_policy_that_begins_to_be_acted_on_is_told(proposed: Any) -> None:
    """Void records are no policy today; the strictest of them is one tomorrow."""
    made = proposed(*NEWS, '_dmarc TXT "v=DMARC1; p=none"')
    assert texts(made) == ["v=DMARC1; p=reject; rua=mailto:d@example.com"]
    assert made.changes[0].why[0].endswith("receivers do not act on p=reject today, and then will")


def test_what_only_people_can_decide_is_said_so(proposed: Any) -> None:
    """A syntax error is left to its author, and the summary promises nothing."""
    made = proposed(
        "news MX 10 mail", *SIGNED, 'news TXT "v=spf1 ip4:192.0.2.300 -all"', given=GIVEN
    )
    assert made.exit_code == 1
    assert heading(made)[0].endswith("does not pass as it is: what is left is for people to decide")

"""Zones in memory say what knot and BIND say of the same zone files, name by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from dns_servers import Server, bind, knot

from sendgate.dns.answers import MAX_ALIASES, Failed, NoData, NxDomain, Question, Reason, Records
from sendgate.dns.wire import rdata_of
from sendgate.dns.zones import ZoneSource
from sendgate.names import Domain

EXAMPLE_COM = """\
$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
@ MX 10 mail
@ TXT "v=spf1 -all"
ns1 A 127.0.0.1
mail A 192.0.2.1
mail AAAA 2001:db8::1
* MX 0 .
*.wild TXT "wild"
host.wild A 192.0.2.2
*.walias CNAME mail
*.wnone CNAME none.ent
*.wwild CNAME deep.wild
*.wout CNAME www.example.net.
a.*.odd TXT "below a star"
x.y.ent TXT "deep"
one CNAME two
two CNAME three
three CNAME mail
dangling CNAME nothing.ent
toent CNAME y.ent
towild CNAME q.wild
tocut CNAME www.sub
tochild CNAME www.child
outside CNAME www.example.net.
nowhere CNAME www.example.org.
sub NS ns.sub
sub DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.sub A 127.0.0.1
*.sub TXT "hidden"
plain.cut NS ns1.example.net.
child NS ns.child
ns.child A 127.0.0.1
dname DNAME target
www.target A 192.0.2.3
a\\.b TXT "a dot in a label"
"""
CHILD = """\
$ORIGIN child.example.com.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.2
www A 192.0.2.4
up CNAME mail.example.com.
"""
EXAMPLE_NET = """\
$ORIGIN example.net.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 300
@ NS ns1
ns1 A 127.0.0.1
www A 198.51.100.1
back CNAME outside.example.com.
"""
ZONES = {"example.com": EXAMPLE_COM, "child.example.com": CHILD, "example.net": EXAMPLE_NET}
TABLE = """
example.com ns1.example.com mail.example.com a.mail.example.com missing.example.com
a.b.missing.example.com *.example.com q.*.example.com wild.example.com q.wild.example.com
q.r.wild.example.com host.wild.example.com q.host.wild.example.com *.wild.example.com
q.walias.example.com walias.example.com q.wnone.example.com q.wwild.example.com
q.wout.example.com odd.example.com q.odd.example.com *.odd.example.com a.*.odd.example.com
b.*.odd.example.com a.q.odd.example.com ent.example.com y.ent.example.com x.y.ent.example.com
q.y.ent.example.com z.ent.example.com one.example.com two.example.com q.one.example.com
dangling.example.com toent.example.com towild.example.com tocut.example.com
tochild.example.com outside.example.com nowhere.example.com sub.example.com
ns.sub.example.com q.sub.example.com a.b.sub.example.com cut.example.com
plain.cut.example.com q.plain.cut.example.com q.cut.example.com child.example.com
ns.child.example.com www.child.example.com up.child.example.com q.child.example.com
dname.example.com www.dname.example.com q.dname.example.com www.target.example.com
a\\.b.example.com b.example.com example.net www.example.net back.example.net
q.example.net MAIL.Example.COM example.org com _dmarc.example.com
"""
TYPES = ("A", "MX", "TXT", "NS", "CNAME", "DS", "SOA")

Said = tuple[str, tuple[tuple[str, str], ...], frozenset[str], str]
"""Outcome, aliases, data, and the zone that denies."""


def at_server(server: Server, name: str, rdtype: str) -> Said:
    """What the server says, asked again where it leaves an alias to be followed."""
    aliases: list[tuple[str, str]] = []
    current = Domain.parse(name)
    while len(aliases) <= MAX_ALIASES:
        query = dns.message.make_query(f"{current}.", rdtype, flags=0)
        reply = dns.query.tcp(query, "127.0.0.1", timeout=5, port=server.port)
        steps = {
            Domain.parse(str(rrset.name)): Domain.parse(str(rrset[0].target))
            for rrset in reply.answer
            if rrset.rdtype == dns.rdatatype.CNAME and rdtype != "CNAME"
        }
        before = current
        while current in steps:
            aliases.append((current.text, steps[current].text))
            current = steps[current]
        data = frozenset(
            str(rdata_of(rdata))
            for rrset in reply.answer
            if dns.rdatatype.to_text(rrset.rdtype) == rdtype and rrset.name == _dns(current)
            for rdata in rrset
        )
        if data:
            return "data", tuple(aliases), data, ""
        soa = [str(r.name) for r in reply.authority if r.rdtype == dns.rdatatype.SOA]
        if soa:
            kind = "nxdomain" if reply.rcode() == dns.rcode.NXDOMAIN else "nodata"
            return kind, tuple(aliases), frozenset(), Domain.parse(soa[0]).text
        below = [r for r in reply.authority if r.name == _dns(current) and rdtype == "NS"]
        if below:  # its NS records are what the zone above says of the delegation
            return "data", tuple(aliases), frozenset(str(rdata_of(r)) for r in below[0]), ""
        if current == before:  # a referral, or REFUSED outside its zones
            assert reply.rcode() == dns.rcode.REFUSED or not reply.flags & dns.flags.AA
            return "elsewhere", tuple(aliases), frozenset(), ""
    raise AssertionError(f"{name} {rdtype} has no end at the server")


def _dns(name: Domain) -> dns.name.Name:
    return dns.name.Name((*name.wire_labels, b""))


async def in_memory(source: ZoneSource, name: str, rdtype: str) -> Said:
    answer = await source.ask(Question(Domain.parse(name), rdtype))
    aliases = tuple((alias.name.text, alias.target.text) for alias in answer.aliases)
    match answer:
        case Records():
            return "data", aliases, frozenset(str(r.data) for r in answer.records), ""
        case NoData():
            return "nodata", aliases, frozenset(), str(answer.zone)
        case NxDomain():
            return "nxdomain", aliases, frozenset(), str(answer.zone)
        case Failed():
            assert answer.reason is Reason.NOT_ASKED
            return "elsewhere", aliases, frozenset(), ""


@pytest.fixture(scope="module", params=[knot, bind], ids=["knot", "bind"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The server with the three zones."""
    start: Callable[[Path, dict[str, str]], AbstractContextManager[Server]] = request.param
    with start(tmp_path_factory.mktemp("zones"), ZONES) as running:
        yield running


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ZoneSource:
    """The same three zones in memory."""
    folder = tmp_path_factory.mktemp("files")
    for name, text in ZONES.items():
        (folder / name).write_text(text)
    return ZoneSource.from_files(folder / name for name in ZONES)


@pytest.mark.parametrize("name", TABLE.split())
async def test_the_same_answer(server: Server, source: ZoneSource, name: str) -> None:
    """Data, alias chain, absence and its zone, and where the zones end, for seven types."""
    for rdtype in TYPES:
        assert await in_memory(source, name, rdtype) == at_server(server, name, rdtype), rdtype


async def test_the_table_reaches_every_kind_of_answer(source: ZoneSource) -> None:
    """The comparison would be worth little if one kind of answer never came up."""
    said = [await in_memory(source, name, rdtype) for name in TABLE.split() for rdtype in TYPES]
    kinds = {kind: sum(s[0] == kind for s in said) for kind in ("data", "nodata", "nxdomain")}
    assert min(kinds.values()) > 20
    assert sum(s[0] == "elsewhere" and bool(s[1]) for s in said) > 5
    assert max(len(s[1]) for s in said) == 3

"""The openspf.org suite once more, over real sockets: names, strings and silence on the wire."""

from __future__ import annotations

import ipaddress
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdtypes.ANY.TXT import TXT
from dns_servers import Scripted
from rfc7208 import CASES, SuiteDns

from sendgate.dns.answers import Failed, Mx, NxDomain, Question, Rdata, Reason, Records, Txt
from sendgate.dns.live import LiveSource
from sendgate.dns.nameserver import parse_nameserver
from sendgate.names import ROOT, Domain
from sendgate.spf.evaluate import check_identity

TIMEOUT = 0.6  # seconds; a scenario's silent names cost this once each
MAX_STRING = 255


def wire_name(domain: Domain) -> dns.name.Name:
    return dns.name.Name([*domain.wire_labels, b""])


def wire_data(rdtype: str, data: Rdata) -> dns.rdata.Rdata:
    if isinstance(data, Txt):
        cut = [s[i : i + MAX_STRING] for s in data.strings for i in range(0, len(s), MAX_STRING)]
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, cut or [b""])
    if isinstance(data, Mx):
        text = f"{data.preference} {wire_name(data.exchange).to_text()}"
    elif rdtype in {"A", "AAAA"}:
        text = str(data)
    else:
        text = wire_name(Domain(str(data))).to_text()
    return dns.rdata.from_text("IN", rdtype, text)


def server_of(world: SuiteDns) -> Scripted:
    """A server that answers from one scenario, with silence for its TIMEOUT."""

    async def reply(wire: bytes, _kind: str) -> list[bytes]:
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        labels = asked.name.labels[:-1]
        rdtype = dns.rdatatype.to_text(asked.rdtype)
        name = Domain.from_labels(labels) if labels else ROOT
        answer = await world.ask(Question(name, rdtype))
        if isinstance(answer, Failed) and answer.reason is Reason.TIMEOUT:
            return []
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        owner = asked.name
        for alias in answer.aliases:
            target = wire_name(alias.target)
            cname = dns.rrset.from_text(wire_name(alias.name), 60, "IN", "CNAME", target.to_text())
            response.answer.append(cname)
            owner = target
        if isinstance(answer, Records):
            found = [wire_data(rdtype, record.data) for record in answer.records]
            response.answer.append(dns.rrset.from_rdata_list(owner, 60, found))
        elif isinstance(answer, NxDomain):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return [response.to_wire()]

    return Scripted(reply)


@pytest.mark.skipif(not CASES, reason="SENDGATE_SUITES is not set")
@pytest.mark.parametrize(("zonedata", "test"), CASES)
async def test_rfc7208_over_sockets(zonedata: dict[str, list[Any]], test: dict[str, Any]) -> None:
    """The live source carries every odd name and string that the suite has."""
    async with (
        server_of(SuiteDns(zonedata)).serve() as server,
        LiveSource([parse_nameserver(server.place)], timeout=TIMEOUT) as source,
    ):
        found = await check_identity(
            ipaddress.ip_address(test["host"]), test["mailfrom"], test["helo"], None, source
        )
    allowed = test["result"]
    assert found.result in (allowed if isinstance(allowed, list) else [allowed]), found
    if "explanation" in test:
        expected = None if test["explanation"] == "DEFAULT" else test["explanation"]
        assert found.explanation == expected

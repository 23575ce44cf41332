"""What an audit heard, as a name server for dnspython that knows nothing else.

An absence tells more than was asked: a name that does not exist has no record of any type,
and nothing exists below it (RFC 8020). What was not heard is SERVFAIL, and remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    Mx,
    NxDomain,
    Raw,
    Rdata,
    Records,
    Soa,
    Target,
    Txt,
)
from sendgate.names import Domain

if TYPE_CHECKING:
    import dns.message
    import dns.nameserver
    import dns.rdata

__all__ = ["Heard", "nameserver"]


@dataclass
class Heard:
    """The answers of one audit, and in `missing` the questions that none of them answers.

    Names are in lower case, without the final dot.
    """

    answers: Iterable[Answer]
    missing: set[tuple[str, str]] = field(default_factory=set)
    _known: dict[tuple[str, str], Answer] = field(init=False, default_factory=dict)
    _nowhere: dict[str, Answer] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for answer in self.answers:
            question = answer.question
            if question.checking_disabled or question.server is not None:
                continue  # not what a receiver's resolver would have said
            self._known[question.name.text, question.rdtype] = answer
            if isinstance(answer, NxDomain) and not answer.aliases and not answer.assumed:
                self._nowhere[question.name.text] = answer

    def answer(self, name: str, rdtype: str) -> Answer | None:
        """Give what was heard; None, and note the question, where that is nothing."""
        found = self._known.get((name, rdtype)) or self._above(name)
        if found is None or isinstance(found, Failed) or _is_hidden(found):
            self.missing.add((name, rdtype))
            return None
        return found

    def has_data(self, name: str, rdtype: str) -> bool:
        """Whether records of this type were heard at the name."""
        return isinstance(self._known.get((name, rdtype)), Records)

    def _above(self, name: str) -> Answer | None:
        while name:
            if name in self._nowhere:
                return self._nowhere[name]
            name = name.partition(".")[2]
        return None


def _is_hidden(answer: Answer) -> bool:
    """Whether an address is known only to the DNS provider (an ALIAS of a repository)."""
    return isinstance(answer, Records) and any(address.ip is None for address in answer.of(Address))


def nameserver(heard: Heard) -> dns.nameserver.Nameserver:
    """Make a name server that answers with what was heard."""
    import dns.nameserver

    class Replay(dns.nameserver.Nameserver):
        """Asks nobody."""

        def __init__(self) -> None:
            """The one of dnspython does nothing, and is not typed."""

        def __str__(self) -> str:
            return "replay"

        def kind(self) -> str:
            return "replay"

        def is_always_max_size(self) -> bool:
            return True

        def answer_nameserver(self) -> str:
            return "replay"

        def answer_port(self) -> int:
            return 0

        def query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> Any:
            return _response(heard, request)

        async def async_query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> Any:
            return _response(heard, request)

    return Replay()


def _response(heard: Heard, request: dns.message.QueryMessage) -> dns.message.Message:
    import dns.message
    import dns.rcode
    import dns.rdatatype

    asked = request.question[0]
    name = asked.name.canonicalize().to_text(omit_final_dot=True)
    answer = heard.answer(name, dns.rdatatype.to_text(asked.rdtype))
    response = dns.message.make_response(request, recursion_available=True)
    if answer is None:
        response.set_rcode(dns.rcode.SERVFAIL)
        return response
    for alias in answer.aliases:
        _add(response, alias.name, "CNAME", alias.ttl, [Target(alias.target)])
    if isinstance(answer, NxDomain):
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif isinstance(answer, Records):
        data = [record.data for record in answer.records]
        _add(response, answer.owner, answer.question.rdtype, answer.ttl, data)
    return response


def _add(
    response: dns.message.Message, owner: Domain, kind: str, ttl: int, found: Iterable[Rdata]
) -> None:
    import dns.rdataclass
    import dns.rdatatype

    rdtype = dns.rdatatype.from_text(kind)
    rrset = response.find_rrset(
        response.answer, _wire_name(owner), dns.rdataclass.IN, rdtype, create=True
    )
    for data in found:
        rrset.add(_rdata(rdtype, data), ttl)


def _wire_name(domain: Domain) -> Any:
    import dns.name

    return dns.name.Name((*domain.wire_labels, b""))


def _octets(domain: Domain) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in domain.wire_labels) + b"\0"


def _rdata(rdtype: Any, data: Rdata) -> dns.rdata.Rdata:
    import dns.rdata
    import dns.rdataclass

    match data:
        case Raw(text):
            return dns.rdata.from_text(dns.rdataclass.IN, rdtype, text, relativize=False)
        case Txt(strings):
            wire = b"".join(bytes([len(s)]) + s for s in strings or (b"",))
        case Mx(preference, exchange):
            wire = preference.to_bytes(2, "big") + _octets(exchange)
        case Target(name):
            wire = _octets(name)
        case Address(ip):
            wire = b"" if ip is None else ip.packed
        case Soa(mname, rname, serial, minimum):
            numbers = (serial, 0, 0, 0, minimum)
            wire = _octets(mname) + _octets(rname)
            wire += b"".join(number.to_bytes(4, "big") for number in numbers)
    return dns.rdata.from_wire(dns.rdataclass.IN, rdtype, wire, 0, len(wire))

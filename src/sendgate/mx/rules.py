"""What can be wrong with where a domain's mail goes: MX001 to MX010."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed, Mx, NoData, Record, Records
from sendgate.mx.facts import MxFacts, MxHost, is_host
from sendgate.names import Domain
from sendgate.networks import unrouted
from sendgate.observed import Evidence, alias_evidence, evidence_of, nothing_seen
from sendgate.vocabulary import (
    Hit,
    Rfc,
    Rule,
    Scope,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
    unread,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "MX001",
    Severity.ERROR,
    Rfc(5321, "5.1"),
    remedy="Publish an MX record whose host has an address, so that replies and bounces arrive.",
)
def no_way_to_receive(facts: DomainFacts) -> Verdicts:
    """The domain of the return path or of From has no MX, no A and no AAAA record.

    Bounces and replies then have nowhere to go, and many receivers refuse mail whose sender
    could not be answered. For a domain that stands in From alone this is a warning, unless
    it does not exist: Yahoo and Apple refuse a From domain that DNS does not know. A name
    that nobody declared, and whose SPF record lets nobody send, needs no way back.
    """
    if facts.sends_nothing:
        return
    for mx in facts.mx.values():
        name = facts.names[mx.name]
        grave = mx.name == facts.profile.envelope or not name.exists
        severity = Severity.ERROR if grave else Severity.WARNING
        if isinstance(mx.answer, Failed):
            yield cannot_tell(mx.answer, severity)
        elif isinstance(mx.answer, Records):
            continue  # whether its hosts have addresses is MX004's
        elif mx.can_receive is False:
            missing = "has no MX, A or AAAA record" if name.exists else "does not exist"
            yield Hit(
                f"{mx.name} {missing}, so {_lost(facts, mx.name)} are lost",
                evidence_of(mx.answer),
                severity,
            )
        elif mx.can_receive is None:
            yield from unread(name.failed, severity)


@rule(
    "MX002",
    Severity.NOTE,
    Rfc(5321, "5.1"),
    remedy="Publish an MX record that names the mail host, if replies are to be received.",
)
def implicit_mx(facts: DomainFacts) -> Verdicts:
    """The domain has an address and no MX record, so mail goes to that address.

    Senders fall back to the A or AAAA record of the name. That is allowed, and right where
    the host takes mail. What this means for a return path or a content host is TOP025's.
    """
    mx = facts.mx[facts.profile.sending]
    if mx.name == facts.profile.envelope or mx.name in facts.profile.declared_content:
        return
    name = facts.names[mx.name]
    if mx.is_implicit and not name.aliases:
        yield Hit(
            f"{mx.name} has no MX record, so replies go to the host at its own address",
            (*evidence_of(mx.answer), *name.address_evidence),
        )
    elif isinstance(mx.answer, Failed):
        yield cannot_tell(mx.answer)
    elif isinstance(mx.answer, NoData) and mx.has_address is None:
        for answer in (name.a, name.aaaa):
            yield from unread(answer)


@rule(
    "MX003",
    Severity.WARNING,
    Rfc(2181, "10.3"),
    remedy="Let the MX record name the host that has the address records, not an alias of it.",
    scope=Scope.RECEIVING,
)
def mx_target_is_alias(facts: DomainFacts) -> Verdicts:
    """An MX record names a host that is an alias (CNAME).

    MX hosts must have address records of their own. Most senders follow the alias all the
    same; some do not, and mail from them bounces or loops.
    """
    for host, named in _by_host(facts):
        if host.aliases:
            alias = host.aliases[0]
            yield Hit(
                f"the MX host {host.target} of {_names(named)} is an alias of {alias.target}",
                (*(_mx_record(mx, host) for mx in named), *alias_evidence(host.aliases)),
            )
        elif host.answers and all(isinstance(x, Failed) for x in host.answers):
            yield from unread(host.failed)
    yield from _unread_mx(facts)


@rule(
    "MX004",
    Severity.ERROR,
    Rfc(5321, "5.1"),
    remedy="Give every MX host an A or AAAA record, or remove MX records of hosts that are gone.",
    scope=Scope.RECEIVING,
)
def mx_host_without_address(facts: DomainFacts) -> Verdicts:
    """An MX record names a host that has neither an A nor an AAAA record.

    Where no host has an address, no mail can be delivered to the domain. Where only some
    have none (a warning), senders waste a try and turn to the next host.
    """
    for mx in facts.mx.values():
        hosts = [host for host in mx.hosts if not _misnamed(mx, host)]
        lost = [host for host in hosts if host.resolves is False]
        unknown = [host for host in hosts if host.resolves is None]
        some_work = any(host.resolves for host in hosts)
        if lost:
            fatal = not (some_work or unknown)
            yield Hit(
                f"{_listed(host.target for host in lost)}, named in the MX of {mx.name}, "
                f"{'has' if len(lost) == 1 else 'have'} no address"
                + (" and no other host is named: mail cannot be delivered" if fatal else ""),
                (
                    *evidence_of(mx.answer, *_records_of(mx, lost)),
                    *(e for host in lost for answer in host.answers for e in evidence_of(answer)),
                ),
                Severity.ERROR if fatal else Severity.WARNING,
            )
        for host in unknown:
            yield from unread(host.failed, Severity.WARNING if some_work else Severity.ERROR)
    yield from _unread_mx(facts)


@rule(
    "MX005",
    Severity.ERROR,
    Rfc(5321, "2.3.5"),
    remedy="Write the name of a host in the MX record: letters, digits, hyphens, never an address.",
    scope=Scope.RECEIVING,
)
def mx_target_not_a_hostname(facts: DomainFacts) -> Verdicts:
    """An MX record names something that cannot be a host: an IP address or a bad label.

    An MX record takes a name. An address in its place is read as a name that does not
    exist, so senders cannot reach it. Underscores, which are not allowed in host names but
    which most senders accept, are a warning.
    """
    for mx, host in _hosts(facts):
        record = _mx_record(mx, host)
        if _is_address_text(host.target) or _is_address_with_zone(mx, host):
            yield Hit(
                f"the MX of {mx.name} is the address {_address_text(host.target)} and not a host",
                (record,),
            )
        elif not is_host(host.target):
            yield Hit(f"the MX of {mx.name} names {host.target}, which is no host name", (record,))
        elif "_" in host.target.text:
            yield Hit(
                f"the MX host {host.target} of {mx.name} has an underscore in its name",
                (record,),
                Severity.WARNING,
            )
    yield from _unread_mx(facts)


@rule(
    "MX006",
    Severity.ERROR,
    Rfc(7505, "3"),
    remedy="Keep either the null MX alone or the MX records with hosts.",
    scope=Scope.RECEIVING,
)
def null_mx_beside_others(facts: DomainFacts) -> Verdicts:
    """A null MX stands beside other MX records.

    A null MX says that the domain takes no mail, so it must be the only MX record. Beside
    others its meaning is undefined: some senders refuse to send, others try the hosts.
    """
    for mx in facts.mx.values():
        null = [record for record in mx.records if record.is_null]
        if null and len(mx.records) > 1:
            others = _listed(record.exchange for record in mx.records if not record.is_null)
            beside = f"MX records for {others}" if others else "another null MX"
            yield Hit(f"{mx.name} has a null MX beside {beside}", evidence_of(mx.answer))
    yield from _unread_mx(facts)


@rule(
    "MX007",
    Severity.NOTE,
    Rfc(7505, "3"),
    remedy="Write the null MX as `0 .`.",
    scope=Scope.RECEIVING,
)
def null_mx_preference_not_zero(facts: DomainFacts) -> Verdicts:
    """The null MX has a preference other than 0.

    The record is still understood: the sole exchange `.` is what counts. The standard
    writes it with preference 0, and a strict reader may not recognise another one.
    """
    for mx in facts.mx.values():
        match mx.records:
            case (record,) if record.is_null and record.preference != 0:
                yield Hit(
                    f"the null MX of {mx.name} has preference {record.preference}",
                    evidence_of(mx.answer),
                )
    yield from _unread_mx(facts)


@rule(
    "MX008",
    Severity.ERROR,
    Rfc(7505, "4.2"),
    remedy="Replace the null MX by the host that takes replies and bounces, or send from another "
    "domain.",
)
def sender_with_null_mx(facts: DomainFacts) -> Verdicts:
    """The domain of From or of the return path says by a null MX that it takes no mail.

    Nobody can answer such a sender, and bounces are lost, so receivers may refuse its mail
    outright; large ones do. A domain that nobody declared as a sender is only noted, and not
    where its SPF record says that it sends nothing.
    """
    if facts.sends_nothing:
        return
    severity = Severity.ERROR if facts.profile.declared else Severity.NOTE
    for mx in facts.mx.values():
        if mx.is_null and len(mx.records) == 1:
            role = "the return path" if mx.name == facts.profile.envelope else "the sending domain"
            yield Hit(
                f"{role} {mx.name} has a null MX: it says that it takes no mail",
                evidence_of(mx.answer),
                severity,
            )
    yield from _unread_mx(facts, severity)


@rule(
    "MX009",
    Severity.WARNING,
    Rfc(1918, "3"),
    remedy="Give the MX host an address that can be reached from the Internet.",
    scope=Scope.RECEIVING,
)
def mx_host_unreachable(facts: DomainFacts) -> Verdicts:
    """An MX host has an address that is not routed: private, loopback, link-local or multicast.

    Senders elsewhere cannot reach such an address, or reach a machine of their own. Where
    the host has other addresses too, they waste a try.
    """
    for host, named in _by_host(facts):
        bad = [ip for ip in host.addresses if unrouted(ipaddress.ip_network(ip)) is not None]
        if bad:
            yield Hit(
                f"the MX host {host.target} of {_names(named)} has the address {_listed(bad)}, "
                "which cannot be reached from the Internet",
                (
                    *(_mx_record(mx, host) for mx in named),
                    *(e for x in host.answers for e in evidence_of(x)),
                ),
            )
        elif host.failed is not None:
            yield from unread(host.failed)
    yield from _unread_mx(facts)


@rule(
    "MX010",
    Severity.NOTE,
    Rfc(5321, "2.3.5"),
    remedy="Send from a name below the top-level domain.",
    scope=Scope.RECEIVING,
)
def dotless_mail_domain(facts: DomainFacts) -> Verdicts:
    """The mail domain is a single label, a top-level domain.

    Names without a dot are taken for local ones by many mail systems, which complete them
    with a domain of their own or refuse them.
    """
    for mx in facts.mx.values():
        if len(mx.name.labels) == 1:
            found = evidence_of(mx.answer) or (nothing_seen(mx.name, "MX", mx.answer.origin),)
            yield Hit(f"{mx.name} is a mail domain without a dot", found)


def _hosts(facts: DomainFacts) -> Iterator[tuple[MxFacts, MxHost]]:
    for mx in facts.mx.values():
        for host in mx.hosts:
            yield mx, host


def _by_host(facts: DomainFacts) -> Iterator[tuple[MxHost, list[MxFacts]]]:
    """Each host once, with the names whose mail it takes."""
    found: dict[Domain, tuple[MxHost, list[MxFacts]]] = {}
    for mx, host in _hosts(facts):
        named = found.setdefault(host.target, (host, []))[1]
        if mx not in named:
            named.append(mx)
    yield from found.values()


def _names(named: list[MxFacts]) -> str:
    return " and ".join(str(mx.name) for mx in named)


def _unread_mx(facts: DomainFacts, severity: Severity | None = None) -> Verdicts:
    """What no rule about MX records can tell: the names whose MX answer failed."""
    for mx in facts.mx.values():
        yield from unread(mx.answer, severity)


def _records_of(mx: MxFacts, hosts: list[MxHost]) -> list[Record]:
    targets = {host.target for host in hosts}
    records = mx.answer.holding(Mx) if isinstance(mx.answer, Records) else ()
    return [record for record, data in records if data.exchange in targets]


def _mx_record(mx: MxFacts, host: MxHost) -> Evidence:
    return evidence_of(mx.answer, *_records_of(mx, [host]))[-1]


def _lost(facts: DomainFacts, name: Domain) -> str:
    return "bounces" if name == facts.profile.envelope else "replies"


def _misnamed(mx: MxFacts, host: MxHost) -> bool:
    """Whether MX005 speaks of the host, so that nothing is to be said of its addresses."""
    return not is_host(host.target) or _is_address_with_zone(mx, host)


def _is_address_text(target: Domain) -> bool:
    return len(target.labels) == 4 and _address_text(target) is not None


def _is_address_with_zone(mx: MxFacts, host: MxHost) -> bool:
    """Whether an address was written without a final dot, so that the zone was put behind it."""
    if host.resolves is not False or _address_text(host.target) is None:
        return False
    rest = ".".join(host.target.labels[4:])
    return rest in {name.text for name in (mx.name, *mx.name.ancestors)}


def _address_text(target: Domain) -> str | None:
    """Give the IPv4 address that the first four labels spell, if they do."""
    text = ".".join(target.labels[:4])
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        return None


def _listed(things: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(map(str, things)))


RULES: tuple[Rule, ...] = (
    no_way_to_receive,
    implicit_mx,
    mx_target_is_alias,
    mx_host_without_address,
    mx_target_not_a_hostname,
    null_mx_beside_others,
    null_mx_preference_not_zero,
    sender_with_null_mx,
    mx_host_unreachable,
    dotless_mail_domain,
)

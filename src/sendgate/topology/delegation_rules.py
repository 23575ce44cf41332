"""Return paths that are delegated to the provider, or need a name of their own: TOP014, TOP016."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed, NoData, NxDomain, Reason, Records, Target
from sendgate.observed import Evidence, evidence_of
from sendgate.topology import providers
from sendgate.topology.facts import Cut, CutServer, NameFacts
from sendgate.topology.judging import mail_names, provider_of, subject, zone_of
from sendgate.topology.paths import own_path, owners_of
from sendgate.topology.providers import Provider
from sendgate.vocabulary import Document, Hit, Rfc, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

# What a server says that does not have the zone it was delegated.
_LAME = frozenset({Reason.REFUSED, Reason.LAME, Reason.SERVFAIL})


@rule(
    "TOP014",
    Severity.ERROR,
    Rfc(1034, "4.2.1"),
    remedy="Publish, in the zone above, the NS records that the provider shows for this name, and "
    "no others.",
)
def return_path_not_delegated(facts: DomainFacts) -> Verdicts:
    """The return path is to be delegated to the provider, and is not, or to servers without it.

    The provider keeps all records of such a name on its own servers. Where the delegation is
    missing, leads to others, or to servers that do not have the zone, nobody finds MX and SPF:
    bounces are lost and SPF fails. Some of the servers being wrong is a warning.
    """
    path = own_path(facts)
    cut = None if path is None else zone_of(facts, path.name).cut
    if path is None or cut is None:
        return
    provider = provider_of(facts)
    if cut.ns is not None:
        if provider is not None and provider.families == ("c",):
            yield from _whose(path, provider, cut, cut.ns)
        yield from _lame(cut)
    elif provider is not None and provider.families == ("c",):
        yield from _missing(facts, path, provider, cut)


def _missing(facts: DomainFacts, path: NameFacts, provider: Provider, cut: Cut) -> Verdicts:
    """No name from the return path up is delegated: the registered domain itself may be."""
    owners = owners_of(facts, path)
    if any(owner is not None and owner.id in provider.systems for _, owner in owners):
        return  # the same records in a zone of one's own
    failed = next((x for x in cut.asked if isinstance(x, Failed)), None)
    if failed is not None:
        yield from unread(failed)
        return
    ns = zone_of(facts, path.name).ns
    if isinstance(ns, Records) and any(_owned(ns, provider)):
        return
    if ns is None or isinstance(ns, Failed):
        yield from unread(ns)
        return
    yield Hit(
        f"the return path {path.name} is not delegated, and {provider.name} needs that",
        (*subject(path), *evidence_of(ns)),
    )


def _whose(path: NameFacts, provider: Provider, cut: Cut, ns: Records) -> Verdicts:
    theirs = list(_owned(ns, provider))
    if all(theirs):
        return
    other = next(t.name for t, own in zip(ns.of(Target), theirs, strict=True) if not own)
    some = "also " if any(theirs) else ""
    yield Hit(
        f"{cut.name}, which the return path {path.name} lies in, is delegated {some}to {other}, "
        f"no server of {provider.name}",
        evidence_of(ns),
        Severity.WARNING if some or not provider.is_confirmed("return-path") else None,
    )


def _owned(ns: Records, provider: Provider) -> Iterator[bool]:
    """Tell of each server of a zone whether it is the provider's."""
    for target in ns.of(Target):
        owner = providers.by_name_server(target.name)
        yield owner is not None and owner.id in provider.systems


def _lame(cut: Cut) -> Verdicts:
    """Judge what the servers of the delegation say of the zone."""
    lame = [server for server in cut.servers if _is_lame(server)]
    silent = next((s.soa for s in cut.servers if isinstance(s.soa, Failed) and s not in lame), None)
    yield from unread(silent, Severity.WARNING if lame else None)
    if lame:
        first = lame[0]
        yield Hit(
            f"{cut.name} is delegated to {first.target}, which does not answer for it",
            _lame_evidence(cut, first),
            None if len(lame) == len(cut.servers) else Severity.WARNING,
        )


def _is_lame(server: CutServer) -> bool:
    if isinstance(server.a, NxDomain):
        return True
    if isinstance(server.soa, Failed):
        return server.soa.reason in _LAME
    return isinstance(server.soa, NoData | NxDomain)


def _lame_evidence(cut: Cut, server: CutServer) -> tuple[Evidence, ...]:
    named = () if cut.ns is None else evidence_of(cut.ns)
    told = server.a if server.soa is None else server.soa
    return (*named, *(() if isinstance(told, Failed) else evidence_of(told)))


@rule(
    "TOP016",
    Severity.WARNING,
    Document(
        "Klaviyo, How to set up a branded sending domain",
        "https://help.klaviyo.com/hc/en-us/articles/115000357752",
    ),
    remedy="Give the provider a subdomain that nothing else uses.",
)
def set_up_on_used_name(facts: DomainFacts) -> Verdicts:
    """The provider is given a name that already carries records for web or mail.

    A delegation takes all records of the name and below it out of sight, and a CNAME those of
    the name: the web site or the mail there is gone once the change is published.
    """
    path, provider = own_path(facts), provider_of(facts)
    if path is None or provider is None:
        return
    cut = zone_of(facts, path.name).cut
    if cut is not None and cut.is_proposed:
        for name in mail_names(facts):
            if name.name.is_under(cut.name) and _carries(name):
                yield Hit(
                    f"{cut.name} is to be delegated, and {name.name} has {_carries(name)} records "
                    "today, which end with that",
                    subject(name),
                )
                return
    if not provider.unused_name:
        return
    inbox = ((h, o) for h, o in owners_of(facts, path) if o is not None and o.hosts_mailboxes)
    for host, owner in inbox:
        if owner.id not in provider.systems:
            yield Hit(
                f"{provider.name} asks for a name that nothing else uses, and {path.name} takes "
                f"mail at {host} of {owner.name}",
                evidence_of(facts.mx[path.name].answer),
            )
            return


def _carries(name: NameFacts) -> str:
    """Name the kinds of records for web or mail that live DNS has at a name; empty for none."""
    if name.aliases:
        return "" if name.aliases[0].origin.kind == "file" else "CNAME"
    found = (x for x in (name.mx, name.a, name.aaaa) if isinstance(x, Records))
    return " and ".join(x.question.rdtype for x in found if x.origin.kind != "file")


RULES: tuple[Rule, ...] = (return_path_not_delegated, set_up_on_used_name)

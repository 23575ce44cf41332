"""What can be wrong with DANE at a domain's mail hosts: DANE001 to DANE004.

Security is judged where the resolver's AD bit can be relied on; elsewhere it is *not
checked*, and the report says so. So are the certificates, unless mail hosts are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sendgate.dane.chain import key_record
from sendgate.dane.facts import DaneFacts, DaneHost
from sendgate.dane.probe import Plain, Shown, Unreached
from sendgate.dane.record import DANE_EE, DANE_TA, Tlsa
from sendgate.dns.answers import Failed, Question
from sendgate.observed import Evidence, Unknown, evidence_of, nothing_seen
from sendgate.profile import IpAddress
from sendgate.vocabulary import (
    Hit,
    Rfc,
    Rule,
    Scope,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "DANE001",
    Severity.WARNING,
    Rfc(7672, "2.2"),
    remedy="Sign the zones of the domain, of its mail hosts and of their TLSA records with DNSSEC.",
    scope=Scope.RECEIVING,
)
def tlsa_without_dnssec(facts: DomainFacts) -> Verdicts:
    """A mail host has TLSA records, and an answer on the way to them is not secure.

    Senders then ignore the records, so TLS is not authenticated. Where the records are
    somebody else's, at the mail host's own provider, this is a note. Only told where the
    resolver vouches for signed zones over a trusted way.
    """
    dane = facts.dane
    if not dane.validated:
        return
    for host in dane.hosts:
        if host.records and not dane.is_secure(host):
            own = host.host.is_under(facts.dmarc.suffix_organizational)
            yield Hit(
                f"the TLSA records of {host.host} are ignored: DNSSEC does not secure "
                f"{_insecure(dane, host)}",
                _evidence(host),
                Severity.WARNING if own else Severity.NOTE,
            )


@rule(
    "DANE002",
    Severity.ERROR,
    Rfc(7672, "3.1"),
    remedy="Publish usage 3 (3 1 1 with the SHA-256 of the public key) or usage 2 instead.",
    scope=Scope.RECEIVING,
)
def unusable_tlsa(facts: DomainFacts) -> Verdicts:
    """A TLSA record of a mail host is of no use with SMTP.

    Usages 0 and 1 are not for SMTP, and neither are unknown selectors and digests, or
    digests of a wrong length. Where no record is usable, senders use TLS without
    authenticating the host. A useless record beside usable ones is a warning, and so it is
    where no sender looks at the records.
    """
    dane = facts.dane
    for host in dane.hosts:
        useless = len(host.records) - len(host.usable)
        if not useless:
            continue
        void = not host.usable and (dane.is_secure(host) or not dane.validated)
        texts = "; ".join(dict.fromkeys(_fault(r) for r in host.records if r not in host.usable))
        rest = " and no other is there" if not host.usable else ""
        yield Hit(
            f"{useless} of the TLSA records of {host.host} cannot be used with SMTP{rest}: {texts}",
            _evidence(host),
            Severity.ERROR if void else Severity.WARNING,
        )


@rule(
    "DANE003",
    Severity.ERROR,
    Rfc(7672, "2.2, 3"),
    remedy="Publish the TLSA record of the key in use beside the old one, wait for its TTL, and "
    "only then change keys; or go back to the key that the records name.",
    scope=Scope.RECEIVING,
)
def certificate_matches_no_tlsa(facts: DomainFacts) -> Verdicts:
    """A mail host shows a certificate that none of its TLSA records matches, or offers no TLS.

    Senders that use DANE then give the host no mail: it waits with them, and bounces where no
    other host takes it. Judged with `--probe-smtp` for the hosts of the sending domain and of
    the return path whose records DNSSEC secures. The date and the names of a certificate do
    not count under usage 3. A host without STARTTLS is a warning, for a network on the way may
    have taken it out; a host that could not be called is unknown.
    """
    for dane in (facts.dane, facts.path_dane):
        for host in dane.hosts:
            yield from _shown(dane, host)
            plain = [called.address for called in host.called if isinstance(called, Plain)]
            if plain:
                yield Hit(
                    f"{host.host} offers no STARTTLS at {_listed(plain)}, and its TLSA records "
                    "ask for TLS",
                    _evidence(host),
                    Severity.WARNING,
                )
            yield from _unreached(host)


def _shown(dane: DaneFacts, host: DaneHost) -> Verdicts:
    """One finding for each chain that no record matches, with the addresses that show it."""
    chains: dict[tuple[bytes, ...], list[Shown]] = {}
    for called in host.called:
        if isinstance(called, Shown):
            chains.setdefault(called.chain, []).append(called)
    for chain, shown in chains.items():
        fault = dane.mismatch(host, shown[0])
        if fault is None:
            continue
        key = key_record(chain[0])
        yield Hit(
            f"no TLSA record of {host.host} matches the certificate that it shows at "
            + _listed([one.address for one in shown])
            + (f" ({fault.why})" if fault.why else "")
            + (f"; the key in use there is {key}" if key else ""),
            _evidence(host),
            None if fault.certain else Severity.WARNING,
        )


def _unreached(host: DaneHost) -> Verdicts:
    """Say what could not be called; one address that answers is enough to tell of the host."""
    seen = any(not isinstance(called, Unreached) for called in host.called)
    for called in host.called:
        if isinstance(called, Unreached):
            unknown = Unknown(Question(host.host, "SMTP"), called.reason, called.detail)
            yield cannot_tell(unknown, Severity.NOTE if seen else None)


def _listed(addresses: Sequence[IpAddress]) -> str:
    return " and ".join(map(str, addresses))


@rule(
    "DANE004",
    Severity.ERROR,
    Rfc(7672, "2.1"),
    remedy="Mend the name servers or the signatures of the mail host's zone, so that TLSA at "
    "_25._tcp is answered, be it by saying that there is none.",
    scope=Scope.RECEIVING,
)
def tlsa_lookup_fails(facts: DomainFacts) -> Verdicts:
    """The question for a mail host's TLSA records fails, in zones that DNSSEC secures.

    Senders that use DANE cannot rule out that there are such records: they skip the host, and
    where every host fails so, mail waits and then bounces.
    """
    dane = facts.dane
    for host in dane.hosts:
        if not (dane.mx_secure and host.secure and isinstance(host.tlsa, Failed)):
            continue
        if host.fails:
            how = (
                "is answered only when DNSSEC validation is switched off"
                if not isinstance(host.again, Failed)
                else "is answered with SERVFAIL, with and without DNSSEC validation"
            )
            yield Hit(f"{host.tlsa.question} {how}", _evidence(host))
        elif host.tlsa.reason.was_asked:
            yield cannot_tell(host.tlsa)


def _insecure(dane: DaneFacts, host: DaneHost) -> str:
    if not dane.mx_secure:
        return f"the MX records of {dane.domain}"
    return f"the address of {host.host}" if not host.secure else "the records themselves"


def _fault(record: Tlsa | None) -> str:
    if record is None:
        return "it cannot be read"
    start = f"{record.usage} {record.selector} {record.matching}"
    if record.usage not in {DANE_TA, DANE_EE}:
        return f"{start} has usage {record.usage}"
    if not record.is_usable:
        return f"{start} has an unknown selector or matching type"
    return f"{start} has {len(record.data)} octets"


def _evidence(host: DaneHost) -> tuple[Evidence, ...]:
    assert host.tlsa is not None
    question = host.tlsa.question
    found = () if isinstance(host.tlsa, Failed) else evidence_of(host.tlsa)
    return found or (nothing_seen(question.name, "TLSA", host.tlsa.origin),)


RULES: tuple[Rule, ...] = (
    tlsa_without_dnssec,
    unusable_tlsa,
    certificate_matches_no_tlsa,
    tlsa_lookup_fails,
)

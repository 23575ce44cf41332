"""What is wrong with the DNS of the mail names themselves: DNS001 to DNS009."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from sendgate.dns.answers import (
    Alias,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Reason,
    Records,
    Txt,
)
from sendgate.names import Domain
from sendgate.observed import Evidence, Present, alias_evidence, evidence_of, wildcard_evidence
from sendgate.spf.facts import candidates
from sendgate.topology.facts import NameFacts, ServerAnswers, ZoneFacts
from sendgate.topology.judging import (
    beside,
    both_at_server,
    is_apex,
    is_synthesised,
    mail_names,
    speaker,
    subject,
    zone_of,
)
from sendgate.topology.paths import bounce_alias
from sendgate.vocabulary import Document, Hit, Rfc, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "DNS001",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Keep either the CNAME or the other records, not both.",
)
def cname_beside_other_data(facts: DomainFacts) -> Verdicts:
    """A CNAME and other records stand at one name.

    A name that is an alias can have no other data. Servers refuse such a zone, or answer
    with the alias alone, so that the MX, SPF or address records beside it are never seen.
    """
    for name in _role_names(facts):
        alias = name.aliases[0] if name.aliases else None
        if alias is None or not beside(alias) or is_apex(facts, name):
            continue
        if bounce_alias(facts, name) is None:  # else TOP012 speaks
            yield Hit(
                f"{name.name} is an alias of {alias.target} and also has {_and(beside(alias))} "
                "records",
                alias_evidence([alias]),
            )
    for alias in _deeper_aliases(facts):
        if beside(alias):
            yield Hit(
                f"{alias.name} is an alias of {alias.target} and also has {_and(beside(alias))} "
                "records",
                alias_evidence([alias]),
            )
    for name in mail_names(facts):
        told = both_at_server(facts, name.name)
        if told is not None and bounce_alias(facts, name) is None:
            server, aliased, plain = told
            yield Hit(
                f"{server.server} answers for {name.name} with an alias of "
                f"{aliased.aliases[0].target} and also with {plain.question.rdtype} records",
                (*alias_evidence(aliased.aliases), *evidence_of(plain)),
            )


@rule(
    "DNS002",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Replace the CNAME by address records, or by the ALIAS or ANAME of the DNS provider.",
)
def cname_at_zone_apex(facts: DomainFacts) -> Verdicts:
    """A CNAME stands at the apex of a zone.

    The apex must have SOA and NS records, beside which no CNAME may stand. Resolvers that
    meet it lose the rest of the apex: MX, SPF, and at times the whole zone.
    """
    for name in _role_names(facts):
        alias = next(iter(name.aliases), None)
        if alias is not None and is_apex(facts, name):
            yield Hit(
                f"{name.name} is the apex of its zone and an alias of {alias.target}",
                alias_evidence([alias]),
            )


@rule(
    "DNS003",
    Severity.ERROR,
    Rfc(2181, "10.1"),
    remedy="Let each name have one CNAME, and let the chain end at a name with data.",
)
def cname_without_end(facts: DomainFacts) -> Verdicts:
    """A chain of CNAMEs loops or has no end, or several CNAMEs stand at one name.

    Resolvers give up on a loop and answer with a failure, so the name cannot be used for
    mail at all. Of several CNAMEs each resolver may follow another one.
    """
    for name in _role_names(facts):
        several = next((alias for alias in name.aliases if alias.others), None)
        looped = next((x for x in name.answers if _is_loop(x)), None)
        if several is not None:
            targets = _and(map(str, (several.target, *several.others)))
            yield Hit(f"{several.name} has CNAMEs to {targets}", alias_evidence([several]))
        elif looped is not None:
            yield Hit(f"the aliases of {name.name} never end", _loop_evidence(name, looped))


@rule(
    "DNS004",
    Severity.WARNING,
    Rfc(1034, "3.6.2"),
    remedy="Remove the CNAME, or let it point at a name that exists.",
)
def dangling_cname(facts: DomainFacts) -> Verdicts:
    """A mail name is an alias of a name that does not exist.

    Nothing can be looked up there. Where the target's owner lets others register such
    names, somebody else can take the name over and send or collect mail with it.
    """
    for name in _role_names(facts):
        is_mail = name in mail_names(facts)
        dangling = next((x for x in name.answers if isinstance(x, NxDomain) and x.aliases), None)
        speaks = speaker(facts, name) if is_mail else "DNS004"
        unseen = name.aliases and all(isinstance(x, Failed) for x in name.answers)
        if unseen and speaks in {None, "DNS004"} and not any(map(_is_loop, name.answers)):
            yield from unread(name.failed)
        if dangling is None or speaks != "DNS004":
            continue
        target = dangling.aliases[-1].target
        yield Hit(
            f"{name.name} is an alias of {target}, which does not exist",
            evidence_of(dangling),
        )


@rule(
    "DNS005",
    Severity.WARNING,
    Rfc(2181, "10.3"),
    remedy="Let the NS record name a host that has address records of its own.",
)
def name_server_is_alias(facts: DomainFacts) -> Verdicts:
    """An NS record of the mail name's zone names an alias.

    Name servers must be named by a host with address records. Some resolvers do not follow
    the alias, lose that server, and fail the zone's names when no other one is left.
    """
    seen: set[Domain] = set()
    for zone in facts.zones:
        for server in zone.name_servers:
            if server.a is None or server.target in seen:
                continue
            seen.add(server.target)
            if server.a.aliases:
                yield Hit(
                    f"the name server {server.target} of {zone.apex} is an alias of "
                    f"{server.a.aliases[0].target}",
                    (*_ns_evidence(zone, server.target), *alias_evidence(server.a.aliases)),
                )
            elif isinstance(server.a, Failed) and server.a.reason.was_asked:
                # Name servers are mostly another organization's: one that was left out, or
                # lies outside the given zones, is not applicable rather than unknown.
                yield from unread(server.a)


@rule(
    "DNS006",
    Severity.WARNING,
    Rfc(4592, "2.2.1"),
    remedy="Remove the wildcard, or publish what is meant at each name that needs it.",
)
def wildcard_below_mail_name(facts: DomainFacts) -> Verdicts:
    """A wildcard answers with TXT, MX or a CNAME for any name below a mail name.

    It also answers at names that mail gives a meaning to, such as `_dmarc` of a subdomain,
    DKIM selectors and bounce names, so that what nobody published seems to be there.
    Wildcards that only forbid (`v=spf1 -all`, a null MX) are good practice and no finding.
    """
    for name in mail_names(facts):
        zone = zone_of(facts, name.name)
        if not is_apex(facts, name) and is_synthesised(facts, name):
            continue  # the mail name itself is made by the wildcard: TOP026
        wild = [x for x in zone.probes if x.question.rdtype in {"TXT", "MX"} and _answers(x)]
        if wild:
            made = sorted({"CNAME" if x.aliases else x.question.rdtype for x in wild})
            yield Hit(
                f"a wildcard answers with {_and(made)} for any name below {name.name}",
                tuple(e for answer in wild for e in wildcard_evidence(answer, name.name)),
            )
            continue
        unseen = name.answers if name.exists is None else zone.probes
        yield from unread(next((x for x in unseen if isinstance(x, Failed)), None))


@rule(
    "DNS007",
    Severity.ERROR,
    Rfc(4035, "5.5"),
    remedy="Renew the zone's signatures, or make the DS record in the parent zone match its keys.",
)
def dnssec_validation_fails(facts: DomainFacts) -> Verdicts:
    """The signatures of a mail name's zone do not validate.

    Receivers whose resolvers validate get a failure in place of any record, so SPF, DKIM
    and DMARC cannot be read there and mail is deferred or refused. Without validation the
    same question is answered.
    """
    for name in mail_names(facts):
        if name.unchecked is None:
            continue
        if isinstance(name.unchecked, Failed):
            yield from unread(name.unchecked)
            continue
        again = name.again
        if not isinstance(again, Failed):
            if again is not None and again.origin.kind == "file" != name.unchecked.origin.kind:
                yield from unread(name.failed)  # a file's side of a delegation tells nothing
            continue  # the failure has passed, so it was not the signatures
        if again.reason is not Reason.SERVFAIL:
            yield from unread(again)
            continue
        rdtype = name.unchecked.question.rdtype
        yield Hit(
            f"{name.name} {rdtype} is answered only when DNSSEC validation is switched off",
            evidence_of(name.unchecked),
        )


@rule(
    "DNS008",
    Severity.WARNING,
    Document(
        "Zonemaster, ZONE09 and ZONE11",
        "https://github.com/zonemaster/zonemaster/tree/master/docs/public/specifications/tests/Zone-TP",
    ),
    remedy="Bring the zone's servers to the same version; ask again after their refresh time.",
)
def name_servers_disagree(facts: DomainFacts) -> Verdicts:
    """The zone's own servers answer differently for MX or SPF.

    Receivers then see one version or the other by chance, and the same mail passes here
    and fails there. Secondaries may only lag behind. Asked only with `--authoritative`.
    """
    for zone in facts.zones:
        yield from _compare(zone, "MX", lambda told: told.mx, _mx_text)
        yield from _compare(zone, "SPF", lambda told: told.txt, _spf_text)


@rule(
    "DNS009",
    Severity.NOTE,
    Rfc(9989, "4.7"),
    remedy="Nothing is to be done, unless `np` was meant to cover the name.",
)
def sending_domain_is_empty(facts: DomainFacts) -> Verdicts:
    """The sending domain exists, but only because something lies below it.

    It has no records of its own, yet DNS says that it exists (NODATA, not NXDOMAIN). For
    DMARC that makes it an existing subdomain, so the policy above it applies by `sp`, not
    by `np`.
    """
    name, policy = facts.sending, facts.dmarc.policy
    if not isinstance(policy, Present) or not facts.dmarc.inherited:
        return
    record = policy.value.record
    if record.policy_when_published("sp") == record.policy_when_published("np"):
        return
    if any(isinstance(x, Failed) for x in name.answers):
        yield from unread(name.failed)
    elif all(isinstance(x, NoData) and not x.aliases for x in name.answers):
        yield Hit(
            f"{name.name} exists without a TXT, MX or address record, so the policy of "
            f"{policy.value.domain} applies to it by sp, not by np",
            subject(name),
        )


def _role_names(facts: DomainFacts) -> Iterator[NameFacts]:
    """The mail names, then the content hosts that were declared."""
    mail = mail_names(facts)
    yield from mail
    for name in sorted(facts.profile.declared_content - {x.name for x in mail}):
        if name in facts.names:
            yield facts.names[name]


def _deeper_aliases(facts: DomainFacts) -> Iterator[Alias]:
    """The aliases at the names that authentication reads below the mail names."""
    answers: list[Answer] = [step.answer for step in facts.dmarc.walk.steps]
    answers += [key.answer for key in facts.dkim.named]
    seen: set[Domain] = set()
    for answer in answers:
        if answer.aliases and answer.aliases[0].name not in seen:
            seen.add(answer.aliases[0].name)
            yield answer.aliases[0]


def _is_loop(answer: Answer) -> bool:
    return isinstance(answer, Failed) and answer.reason is Reason.ALIAS_LOOP


def _loop_evidence(name: NameFacts, looped: Answer) -> tuple[Evidence, ...]:
    return alias_evidence(looped.aliases) or subject(name)


def _answers(probe: Answer) -> bool:
    """Whether a wildcard answered with more than a prohibition."""
    if probe.aliases:
        return True
    if not isinstance(probe, Records):
        return False
    forbids = all(mx.is_null for mx in probe.of(Mx)) and all(
        txt.text.lower().split() == ["v=spf1", "-all"] for txt in probe.of(Txt)
    )
    return not forbids


def _ns_evidence(zone: ZoneFacts, target: Domain) -> tuple[Evidence, ...]:
    if not isinstance(zone.ns, Records):
        return ()
    named = [record for record in zone.ns.records if str(record.data) == str(target)]
    return evidence_of(zone.ns, *named)


def _compare(
    zone: ZoneFacts,
    what: str,
    answer_of: Callable[[ServerAnswers], Answer],
    text_of: Callable[[Answer], str],
) -> Verdicts:
    known: dict[str, ServerAnswers] = {}
    for told in zone.servers:
        answer = answer_of(told)
        if isinstance(answer, Failed):
            yield from unread(answer)
        else:
            known.setdefault(text_of(answer), told)
    if len(known) > 1:
        said = "; ".join(f"{told.server}: {text or 'none'}" for text, told in known.items())
        yield Hit(
            f"the servers of {zone.apex} differ about {what} of {zone.name} ({said})",
            tuple(e for told in known.values() for e in evidence_of(answer_of(told))),
        )


def _mx_text(answer: Answer) -> str:
    return ", ".join(sorted(map(str, answer.of(Mx)))) if isinstance(answer, Records) else ""


def _spf_text(answer: Answer) -> str:
    return ", ".join(sorted(str(record.data) for record in candidates(answer)))


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


RULES: tuple[Rule, ...] = (
    cname_beside_other_data,
    cname_at_zone_apex,
    cname_without_end,
    dangling_cname,
    name_server_is_alias,
    wildcard_below_mail_name,
    dnssec_validation_fails,
    name_servers_disagree,
    sending_domain_is_empty,
)

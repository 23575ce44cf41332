"""What can be wrong around a DKIM key record, at its name and in its domain: DKIM013 to DKIM025."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dkim.facts import DkimDomain
from sendgate.dkim.judging import at, degree, live_records, rotation_partner_serves
from sendgate.dkim.record import Ed25519Key, Fault, NotAKey, NotAKeyKind, is_key_text, parse
from sendgate.dns.answers import Answer, Failed, NxDomain, Records, Txt
from sendgate.names import Domain
from sendgate.observed import Malformed, Unknown, evidence_of
from sendgate.profile import Selector
from sendgate.vocabulary import (
    Hit,
    Rfc,
    Rule,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "DKIM013",
    Severity.NOTE,
    Rfc(6376, "C.2"),
    remedy="Remove what no receiver reads any more: g=, the _adsp record, the _domainkey policy.",
)
def historic_material(facts: DomainFacts) -> Verdicts:
    """Material of withdrawn protocols is still published.

    Receivers ignore the g= tag, ADSP records (RFC 5617) and DomainKeys policies at
    _domainkey; none of it harms mail, and none of it protects it either. DMARC took its place.
    """
    for key, record in live_records(facts):
        if record.granularity is not None:
            yield Hit(
                f"the key at {key.answer.question.name} has g={record.granularity}, "
                "which receivers ignore",
                at(key),
            )
    for domain in facts.dkim.domains:
        for answer in (domain.subtree, domain.policy):
            if isinstance(answer, Failed):
                yield cannot_tell(answer)
            elif answer is not None:
                yield from _historic_policies(answer)


def _historic_policies(answer: Answer) -> Verdicts:
    for record, txt in answer.holding(Txt) if isinstance(answer, Records) else ():
        read = parse(txt.octets)
        if isinstance(read, NotAKey) and read.kind in {
            NotAKeyKind.ADSP,
            NotAKeyKind.DOMAINKEYS_POLICY,
        }:
            yield Hit(
                f"the text at {answer.question.name} {read.kind.value}",
                evidence_of(answer, record),
            )


@rule(
    "DKIM014",
    Severity.ERROR,
    Rfc(6376, "3.6.2"),
    remedy="Correct the target of the alias, or have the provider publish the key there; "
    "remove the alias where the provider is no longer used.",
)
def dangling_selector_alias(facts: DomainFacts) -> Verdicts:
    """The selector is an alias whose target does not exist.

    A receiver that follows it finds no key, and the signature fails. An alias of a key at
    the provider is the normal way to let it replace its keys; only one that leads nowhere
    is a fault. Of the Microsoft 365 pair the idle half may lead nowhere until the first
    rotation; that is only noted.
    """
    for key in facts.dkim.keys:
        answer = key.answer
        if not isinstance(answer, NxDomain) or not answer.aliases:
            continue
        if not key.selector.named and key.wildcard is not False:
            continue
        idle = rotation_partner_serves(key, facts)
        yield Hit(
            f"{answer.question.name} is an alias of {answer.aliases[-1].target}, "
            "which does not exist" + ("; the other selector of the pair serves" if idle else ""),
            at(key),
            Severity.NOTE if idle else degree(key, Severity.ERROR),
        )


@rule(
    "DKIM015",
    Severity.NOTE,
    Rfc(8020, "2"),
    remedy="Name the selectors that sign this mail, so that their keys can be judged.",
)
def no_key_at_guessed_selectors(facts: DomainFacts) -> Verdicts:
    """No selector was named, and none of the likely ones has a key.

    A selector can have any name, so this does not show that the domain has no DKIM key;
    only an authoritative denial of the _domainkey name shows that. Until the selector is
    named, nothing can be said of DKIM here. Of a domain that by SPF sends nothing, nothing
    is expected either.
    """
    if facts.dkim.named or facts.sends_nothing:
        return
    guessed = dict.fromkeys(selector.domain for selector in facts.profile.selectors)
    for domain in facts.dkim.domains:
        if domain.domain in guessed and domain.subtree and not domain.wildcard_revokes:
            yield from _nothing_guessed(domain, domain.subtree, facts)


def _nothing_guessed(domain: DkimDomain, subtree: Answer, facts: DomainFacts) -> Verdicts:
    keys = [key for key in facts.dkim.guessed if key.selector.domain == domain.domain]
    if any(key in facts.dkim.guessed_found for key in keys):
        return
    if facts.dkim.proven_none(domain.domain):
        yield Hit(
            f"{subtree.question.name} does not exist, so {domain.domain} has no DKIM key",
            evidence_of(subtree),
        )
        return
    unknown = next((key.observed for key in keys if isinstance(key.observed, Unknown)), None)
    if unknown is not None:
        yield cannot_tell(unknown)
    elif any(key.records for key in keys) and isinstance(domain.probe, Failed):
        yield cannot_tell(domain.probe)
    else:
        yield Hit(_guesswork(domain, subtree, len(keys)), evidence_of(subtree))


def _guesswork(domain: DkimDomain, subtree: Answer, count: int) -> str:
    if domain.has_wildcard:
        return (
            f"a wildcard answers for every selector of {domain.domain}, "
            "so that guessing shows no key"
        )
    return (
        f"none of {count} likely selectors has a key below {subtree.question.name}, "
        "which proves nothing about others"
    )


@rule(
    "DKIM021",
    Severity.NOTE,
    Rfc(8463, "5"),
    remedy="Sign with an RSA key too, under a selector of its own.",
)
def only_ed25519_keys(facts: DomainFacts) -> Verdicts:
    """Every named key is an Ed25519 key.

    Many receivers cannot check Ed25519 signatures, and treat mail that has no other as
    unsigned. Two signatures, Ed25519 and RSA, serve both kinds of receiver.
    """
    found = [(key, record) for key, record in live_records(facts) if key.selector.named]
    if not found or not all(isinstance(record.key, Ed25519Key) for _, record in found):
        return
    for key in facts.dkim.named:
        if isinstance(key.observed, Unknown):
            yield cannot_tell(key.observed)
            return
    selectors = ", ".join(key.selector.name for key, _ in found)
    evidence = tuple(piece for key, _ in found for piece in at(key))
    yield Hit(f"only Ed25519 keys are published, at the selectors {selectors}", evidence)


@rule(
    "DKIM023",
    Severity.ERROR,
    Rfc(8616, "5"),
    remedy="Write the selector and the domain in A-labels (xn--…), in DNS and in signatures.",
)
def selector_not_in_a_labels(facts: DomainFacts) -> Verdicts:
    """A selector or signing domain is not written in A-labels.

    Signatures of ordinary mail carry s= and d= in A-labels, and receivers ask DNS for
    exactly those; a name with other characters or raw octets is never found. A selector
    that was declared in Unicode is a warning, as the signature may have it right.
    """
    for selector in dict.fromkeys(facts.profile.selectors):
        raw = _raw_label(selector)
        if not selector.named or (raw is None and selector.name.isascii()):
            continue
        key = next((key for key in facts.dkim.keys if key.selector == selector), None)
        evidence = () if key is None else at(key)
        if raw is not None:
            yield Hit(f"the name {selector.owner} has raw octets in the label {raw}", evidence)
        else:
            name = key.answer.question.name if key is not None else selector.owner
            yield Hit(
                f"the selector {selector.name} is declared in Unicode; "
                f"signatures and DNS need it as in {name}",
                evidence,
                Severity.WARNING,
            )


def _raw_label(selector: Selector) -> str | None:
    """Give the first label of the key's name that holds octets above 127, or None."""
    name: Domain = selector.owner
    pairs = zip(name.labels, name.wire_labels, strict=True)
    return next((label for label, octets in pairs if any(o > 127 for o in octets)), None)


@rule(
    "DKIM024",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Publish the key record itself; where the provider shows a CNAME, publish a CNAME, "
    "and enter no quotes or backslashes into a form that adds its own.",
)
def text_is_no_key(facts: DomainFacts) -> Verdicts:
    """The TXT record at a named selector is no key record: it has no p= tag that can be read.

    Usual causes are the target of an alias pasted as text, and quotes or backslashes of a
    zone file that became part of the text. A receiver finds no key in it, and the
    signature fails.
    """
    for key in facts.dkim.named:
        if len(key.records) != 1:
            continue
        name = key.answer.question.name
        problem = key.record.problem(Fault.NO_KEY, Fault.QUOTED) if key.record else None
        if problem is not None:
            yield Hit(f"the record at {name} {problem.text}", at(key))
        elif isinstance(key.observed, Malformed):
            wildcard = "; a wildcard made it" if key.wildcard else ""
            yield Hit(f"{name} {key.observed.error}{wildcard}", at(key))


@rule(
    "DKIM025",
    Severity.WARNING,
    Rfc(6376, "3.6.2.1"),
    remedy="Move the record to SELECTOR._domainkey below the signing domain, or remove it.",
)
def key_at_wrong_name(facts: DomainFacts) -> Verdicts:
    """The text of a DKIM key stands at a name that is no selector's.

    Receivers look for keys only at SELECTOR._domainkey below the signing domain, so this
    one is never found. It is either a leftover, or a key that is missing elsewhere.
    """
    for name, names in facts.names.items():
        if isinstance(names.txt, Failed) and name in facts.profile.mail_names:
            yield cannot_tell(names.txt)
        elif names.txt is not None:
            yield from _misplaced(names.txt)
    for domain in facts.dkim.domains:
        yield from _misplaced(domain.subtree)


def _misplaced(answer: Answer | None) -> Verdicts:
    # What an alias leads to may well be a selector of its own domain, and what a wildcard
    # makes stands at no name in particular.
    if not isinstance(answer, Records) or answer.wildcard is not None or answer.aliases:
        return
    name = answer.question.name
    for record, txt in answer.holding(Txt):
        if is_key_text(txt.octets):
            yield Hit(
                f"{name} holds the text of a DKIM key, where no receiver looks for one",
                evidence_of(answer, record),
            )


RULES: tuple[Rule, ...] = (
    historic_material,
    dangling_selector_alias,
    no_key_at_guessed_selectors,
    only_ed25519_keys,
    selector_not_in_a_labels,
    text_is_no_key,
    key_at_wrong_name,
)

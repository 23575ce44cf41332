"""What can be wrong with a DKIM key record: DKIM001 to DKIM012; the list of all DKIM rules.

Where a named key could not be read, DKIM001 says so for the key's presence and DKIM005 for
its content; the other rules stay silent about it, so that one failed question is told
twice and not twelve times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dkim import setting_rules as setting
from sendgate.dkim.facts import MIN_RSA_BITS, DkimKey
from sendgate.dkim.judging import at, degree, judged, live_records, rotation_partner_serves
from sendgate.dkim.record import Fault, RsaKey
from sendgate.dns.answers import NxDomain
from sendgate.names import Domain
from sendgate.observed import Absent, Unknown, wildcard_evidence
from sendgate.vocabulary import Hit, Rfc, Rule, Severity, Verdicts, cannot_tell, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

ADVISED_RSA_BITS = 2048  # RFC 8301 section 3.2: signers should use at least these


@rule(
    "DKIM001",
    Severity.ERROR,
    Rfc(6376, "6.1.2"),
    remedy="Publish the key that the sending system shows for this selector, "
    "or correct the selector.",
)
def no_key_at_selector(facts: DomainFacts) -> Verdicts:
    """A named selector has no TXT record, so there is no key to verify with.

    A receiver that finds no key gives the signature up as a permanent error, and the mail
    counts as unsigned. Of the two selectors of Microsoft 365 the idle one may lack its key
    until the first rotation; that is only noted. Of a CNAME that a proxy hides TOP027 tells.
    """
    for key in facts.dkim.named:
        if isinstance(key.observed, Unknown):
            yield cannot_tell(key.observed)
        elif isinstance(key.observed, Absent) and not _is_dangling(key) and not key.proxied:
            idle = rotation_partner_serves(key, facts)
            yield Hit(
                f"{_no_txt(key)}, so selector {key.selector.name} has no key"
                + ("; the other selector of the pair serves" if idle else ""),
                at(key),
                Severity.NOTE if idle else None,
            )


@rule(
    "DKIM002",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Sign with a selector whose key is in use, or publish this selector's key again.",
)
def revoked_key(facts: DomainFacts) -> Verdicts:
    """The key record has an empty p= tag: the key is revoked.

    Receivers treat a signature that names a revoked key as failed. Revoking old keys is
    good practice, so only a key that this sender is to sign with makes this an error.
    """
    for key, record in judged(facts):
        if record.revoked and record.problem(Fault.REPEATED) is None:
            why = (
                "a wildcard revokes every selector that has no record of its own, this one too"
                if key.wildcard
                else "its p= is empty"
            )
            yield Hit(
                f"the key at {key.answer.question.name} is revoked: {why}",
                at(key),
                degree(key, Severity.ERROR),
            )
    if not facts.dkim.named and not facts.sends_nothing:
        yield from _revoked_by_wildcard(facts)


def _revoked_by_wildcard(facts: DomainFacts) -> Verdicts:
    for domain in facts.dkim.domains:
        if domain.wildcard_revokes:
            yield Hit(
                f"a wildcard revokes every selector of {domain.domain} "
                "that has no record of its own",
                wildcard_evidence(domain.probe, Domain(f"_domainkey.{domain.domain}")),
                Severity.NOTE,
            )


@rule(
    "DKIM003",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Begin the record with v=DKIM1, spelt exactly so, or leave v= out.",
)
def wrong_version(facts: DomainFacts) -> Verdicts:
    """The key record has v=, but not as its first tag, or with another value than DKIM1.

    Receivers must discard such a record, so signatures with this selector fail. The tag may
    be left out altogether.
    """
    yield from _problems(facts, Fault.VERSION)


@rule(
    "DKIM004",
    Severity.ERROR,
    Rfc(8463, "4"),
    remedy="Publish the key with k=rsa or k=ed25519, as its type is.",
)
def unknown_key_type(facts: DomainFacts) -> Verdicts:
    """The key type in k= is neither rsa nor ed25519.

    Receivers ignore a key of a type that they do not know, so signatures with this selector
    fail. Without the tag the type is rsa.
    """
    yield from _problems(facts, Fault.KEY_TYPE)


@rule(
    "DKIM005",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Publish the public key again, whole and as one record, as the sending system shows it.",
)
def unreadable_key(facts: DomainFacts) -> Verdicts:
    """The key record holds no key that can be read, or repeats a tag, which voids it.

    A receiver cannot verify with a key that is cut off, of another type than k= says, or
    not base64, so every signature with this selector fails. Both encodings of an RSA key
    are read, and white space in p= does no harm.
    """
    for key in facts.dkim.named:
        if isinstance(key.observed, Unknown):
            yield cannot_tell(key.observed)
    yield from _problems(facts, Fault.REPEATED, Fault.KEY_DATA)


@rule(
    "DKIM006",
    Severity.ERROR,
    Rfc(8301, "3.2"),
    remedy="Create an RSA key of 2048 bits and sign with it under a new selector.",
)
def key_too_short(facts: DomainFacts) -> Verdicts:
    """The RSA key has fewer than 1024 bits.

    Receivers must not accept signatures made with so short a key, as it can be broken.
    """
    for key, record in judged(facts):
        if isinstance(record.key, RsaKey) and record.key.bits < MIN_RSA_BITS:
            yield Hit(
                f"the RSA key at {key.answer.question.name} has {record.key.bits} bits; "
                f"receivers accept {MIN_RSA_BITS} and more",
                at(key),
                degree(key, Severity.ERROR),
            )


@rule(
    "DKIM007",
    Severity.WARNING,
    Rfc(8301, "3.2"),
    remedy="Move to an RSA key of 2048 bits under a new selector when the key is next replaced.",
)
def short_key(facts: DomainFacts) -> Verdicts:
    """The RSA key has at least 1024 bits, but fewer than the 2048 that are advised.

    Receivers accept it today. Large mailbox providers advise 2048 bits, and a short key is
    the first that they will stop accepting.
    """
    for key, record in judged(facts):
        if isinstance(record.key, RsaKey) and MIN_RSA_BITS <= record.key.bits < ADVISED_RSA_BITS:
            yield Hit(
                f"the RSA key at {key.answer.question.name} has {record.key.bits} bits; "
                f"{ADVISED_RSA_BITS} are advised",
                at(key),
                degree(key, Severity.WARNING),
            )


@rule(
    "DKIM008",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Leave h= out of the record, or add sha256 to it.",
)
def sha256_not_allowed(facts: DomainFacts) -> Verdicts:
    """The key's h= tag does not list sha256.

    SHA-256 is the only hash that DKIM still has (RFC 8301), so no signature can be verified
    with this key.
    """
    for key, record in live_records(facts):
        if not record.for_sha256:
            yield Hit(
                f"the key at {key.answer.question.name} is limited to h={record.tags.get('h')}",
                at(key),
                degree(key, Severity.ERROR),
            )


@rule(
    "DKIM009",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Leave s= out of the record, or add email to it.",
)
def key_not_for_email(facts: DomainFacts) -> Verdicts:
    """The key's s= tag lets it be used for other services than e-mail only.

    Receivers must ignore the key for mail, so signatures with this selector fail.
    """
    for key, record in live_records(facts):
        if not record.for_email:
            yield Hit(
                f"the key at {key.answer.question.name} is limited to s={record.tags.get('s')}",
                at(key),
                degree(key, Severity.ERROR),
            )


@rule(
    "DKIM010",
    Severity.WARNING,
    Rfc(6376, "3.6.1"),
    remedy="Remove y from the record's t= tag once signing works.",
)
def key_in_test_mode(facts: DomainFacts) -> Verdicts:
    """The key's t= tag has the flag y: the domain says that it is only testing DKIM.

    A receiver that heeds the flag treats the mail as unsigned; many ignore it. Mail that
    rests on this signature can fare differently from one receiver to the next.
    """
    for key, record in live_records(facts):
        if record.testing:
            yield Hit(
                f"the key at {key.answer.question.name} has the test flag t=y",
                at(key),
                degree(key, Severity.WARNING),
            )


@rule(
    "DKIM011",
    Severity.ERROR,
    Rfc(6376, "3.6.1"),
    remedy="Remove s from the key's t= tag, or see that the signer writes no i= in a subdomain.",
)
def subdomain_identity_forbidden(facts: DomainFacts) -> Verdicts:
    """The key has t=s, so that a signature whose i= lies in a subdomain of d= is invalid.

    Where the From domain lies below d=, some signers put the From address into i=, and
    receivers then reject the signature. Without a message only the danger can be seen,
    so this is a warning.
    """
    sending = facts.profile.sending
    for key, record in live_records(facts):
        domain = key.selector.domain
        below = sending != domain and sending.is_under(domain)
        if key.selector.named and record.same_domain_only and below:
            yield Hit(
                f"the key at {key.answer.question.name} has t=s: a signature with d={domain} "
                f"and an i= at {sending} is invalid",
                at(key),
                Severity.WARNING,
            )


@rule(
    "DKIM012",
    Severity.ERROR,
    Rfc(6376, "3.6.2.2"),
    remedy="Leave one TXT record at the selector's name, with the whole key in it; "
    "a long key takes several strings of one record.",
)
def several_key_records(facts: DomainFacts) -> Verdicts:
    """Several TXT records stand at the selector's name.

    What a receiver makes of them is undefined: some take the first, some join them, some
    give up. Usual causes are a key cut into several records instead of several strings, an
    old key left beside the new one, and a wildcard TXT record.
    """
    for key in facts.dkim.keys:
        if len(key.records) < 2 or not (key.selector.named or _guess_found_keys(key)):
            continue
        cut = "; they look like one key cut into pieces" if _is_cut(key) else ""
        yield Hit(
            f"{len(key.records)} TXT records at {key.answer.question.name} where one may be{cut}",
            at(key),
            degree(key, Severity.ERROR),
        )


def _problems(facts: DomainFacts, *faults: Fault) -> Verdicts:
    """Yield one hit for each judged record that has one of these problems."""
    for key, record in judged(facts):
        problem = record.problem(*faults)
        if problem is not None and (not record.revoked or problem.fault is Fault.REPEATED):
            yield Hit(
                f"the record at {key.answer.question.name} {problem.text}",
                at(key),
                degree(key, Severity.ERROR),
            )


def _is_dangling(key: DkimKey) -> bool:
    return bool(key.answer.aliases) and isinstance(key.answer, NxDomain)


def _no_txt(key: DkimKey) -> str:
    name, aliases = key.answer.question.name, key.answer.aliases
    if aliases:
        return f"{name} is an alias of {aliases[-1].target}, which has no TXT record"
    exists = not isinstance(key.answer, NxDomain)
    return f"{name} has no TXT record" if exists else f"{name} does not exist"


def _guess_found_keys(key: DkimKey) -> bool:
    return key.wildcard is False and bool(key.candidates)


def _is_cut(key: DkimKey) -> bool:
    """Tell whether a record begins a key without holding it: its p= is in another one."""
    return any(record.problem(Fault.NO_KEY) is not None for record in key.candidates)


RULES: tuple[Rule, ...] = (
    no_key_at_selector,
    revoked_key,
    wrong_version,
    unknown_key_type,
    unreadable_key,
    key_too_short,
    short_key,
    sha256_not_allowed,
    key_not_for_email,
    key_in_test_mode,
    subdomain_identity_forbidden,
    several_key_records,
    *setting.RULES,
)

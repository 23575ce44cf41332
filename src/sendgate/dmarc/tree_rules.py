"""What can be wrong with who governs whom: DMARC020 to DMARC024."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.facts import DmarcFacts
from sendgate.dmarc.judging import owned_steps, unread_steps
from sendgate.dmarc.suffixes import is_public_suffix, registrable
from sendgate.dmarc.walk import Step
from sendgate.names import Domain
from sendgate.observed import Absent, Present, Unknown
from sendgate.vocabulary import Hit, Rfc, Rule, Severity, Verdicts, cannot_tell, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "DMARC020",
    Severity.ERROR,
    Rfc(9989, "4.10.2"),
    remedy="Remove psd=y; it is for registries alone.",
)
def psd_at_ordinary_domain(facts: DomainFacts) -> Verdicts:
    """psd=y stands in the record of a domain that is no public suffix.

    It declares a registry: every name one label below becomes an organization of its own,
    and relaxed alignment between the domain and its subdomains breaks.
    """
    yield from unread_steps(facts)
    for step in _falsely_public(facts.dmarc):
        if isinstance(step.seen, Present):
            yield Hit(
                f"psd=y makes {step.domain} a registry, which by the public suffix list it is not",
                step.seen.evidence,
            )


@rule(
    "DMARC021",
    Severity.WARNING,
    Rfc(9989, "4.10.2"),
    remedy="Remove psd=n unless the subdomain is run by another organization.",
)
def psd_cuts_off_subdomain(facts: DomainFacts) -> Verdicts:
    """psd=n in a subdomain's record makes it an organization of its own.

    It no longer aligns with signatures and return paths of the domain above it, and that
    domain's policy does not reach it. Right where that is meant: a note where everything
    that was declared stays within it.
    """
    yield from unread_steps(facts, Severity.WARNING)
    for step in _cut_off(facts.dmarc):
        if not isinstance(step.seen, Present):
            continue
        above = registrable(step.domain)
        outside = [
            str(name)
            for name in facts.dmarc.identifiers
            if above is not None and name.is_under(above) and not name.is_under(step.domain)
        ]
        lost = f"; {' and '.join(outside)} cannot align with it" if outside else ""
        kept = facts.profile.declared and not outside
        message = f"psd=n parts {step.domain} from {above}{lost}"
        yield Hit(message, step.seen.evidence, Severity.NOTE if kept else None)


@rule(
    "DMARC022",
    Severity.WARNING,
    Rfc(9989, "C.3"),
    remedy="Give each From domain its own record with adkim=s and aspf=s, and align exactly.",
)
def organizational_domains_differ(facts: DomainFacts) -> Verdicts:
    """The tree walk and the public suffix list name different organizational domains.

    Receivers of both kinds exist, so the same message may align with one and not with the
    other, or meet another policy. Strict alignment with a record of its own depends on
    neither. A note where every declared name comes out the same.
    """
    dmarc = facts.dmarc
    if isinstance(dmarc.policy, Absent):
        return  # without a record there is nothing to align for: DMARC001
    if dmarc.organizational_unknown is not None:
        yield cannot_tell(dmarc.organizational_unknown)
        return
    walk, by_list = dmarc.organizational, dmarc.suffix_organizational
    explained = (*_falsely_public(dmarc), *_cut_off(dmarc))  # DMARC020 and DMARC021
    if walk is None or walk == by_list or explained or registrable(dmarc.author) is None:
        return
    own = isinstance(dmarc.author_record, Present)
    if own and _is_strict(dmarc):
        return
    same = own and facts.profile.declared and _same_alignment(dmarc, by_list)
    evidence = tuple(
        e
        for step in dmarc.walk.records
        if isinstance(step.seen, Present)
        for e in step.seen.evidence
    )
    message = f"{walk} by the tree walk, {by_list} by the public suffix list"
    yield Hit(message, evidence, Severity.NOTE if same else None)


@rule(
    "DMARC023",
    Severity.NOTE,
    Rfc(9989, "4.10.1"),
    remedy="Publish the record at the sending domain itself, or leave it to the domain above.",
)
def unused_record_between(facts: DomainFacts) -> Verdicts:
    """A record stands between the sending domain and its organizational domain.

    It is not used for names below it: receivers look at the sending domain, then at the
    organizational domain.
    """
    dmarc = facts.dmarc
    if isinstance(dmarc.author_record, Present):
        return
    if isinstance(dmarc.policy, Unknown):
        yield cannot_tell(dmarc.policy)
    elif isinstance(dmarc.policy, Present):
        used = dmarc.policy.value.domain
        for step in dmarc.walk.records:
            between = step.domain != used and step.domain.is_under(used)
            if between and isinstance(step.seen, Present):
                yield Hit(
                    f"{dmarc.author} is governed by {used}, not by the record of {step.domain}",
                    step.seen.evidence,
                )


@rule(
    "DMARC024",
    Severity.NOTE,
    Rfc(9989, "4.7"),
    remedy="Remove sp and np here; set them in the organizational domain's record.",
)
def subdomain_policy_without_effect(facts: DomainFacts) -> Verdicts:
    """A subdomain's record has sp or np, which count only at the organizational domain.

    Receivers ignore them: names below this one follow the organizational domain's record.
    """
    dmarc = facts.dmarc
    if isinstance(dmarc.author_record, Unknown):
        yield cannot_tell(dmarc.author_record)
    elif isinstance(dmarc.author_record, Present):
        record = dmarc.author_record.value
        tags = [name for name, value in (("sp", record.sp), ("np", record.np)) if value]
        if not tags or dmarc.organizational == dmarc.author:
            return
        if dmarc.organizational_unknown is not None:
            yield cannot_tell(dmarc.organizational_unknown)
        else:
            yield Hit(
                f"{dmarc.author} has {' and '.join(tags)} to no effect:"
                f" its organizational domain is {dmarc.organizational}",
                dmarc.author_record.evidence,
            )


def _falsely_public(dmarc: DmarcFacts) -> tuple[Step, ...]:
    """The steps whose psd=y the public suffix list does not bear out, in either of its parts."""
    return tuple(step for step in owned_steps(dmarc) if _psd(step) == "y" and not _listed(step))


def _cut_off(dmarc: DmarcFacts) -> tuple[Step, ...]:
    """The steps whose psd=n makes a subdomain an organization of its own."""
    return tuple(
        step
        for step in owned_steps(dmarc)
        if _psd(step) == "n" and registrable(step.domain) not in {None, step.domain}
    )


def _psd(step: Step) -> str | None:
    return None if step.record is None else step.record.psd


def _listed(step: Step) -> bool:
    return is_public_suffix(step.domain)


def _is_strict(dmarc: DmarcFacts) -> bool:
    if not isinstance(dmarc.policy, Present):
        return False
    record = dmarc.policy.value.record
    return record.adkim == "s" and record.aspf == "s"


def _same_alignment(dmarc: DmarcFacts, by_list: Domain) -> bool:
    return all(
        dmarc.aligns(name) == (registrable(name) == by_list or name == dmarc.author)
        for name in dmarc.identifiers
    )


RULES: tuple[Rule, ...] = (
    psd_at_ordinary_domain,
    psd_cuts_off_subdomain,
    organizational_domains_differ,
    unused_record_between,
    subdomain_policy_without_effect,
)

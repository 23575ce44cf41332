"""Whether keys and includes are the named provider's, and of one account: TOP030 to TOP034, TOP036.

They judge what stands in records alone: whose a target is, which account it names, which
domain it spells. A row of the provider catalogue that its sources do not confirm makes a
warning at most.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dkim.facts import DkimKey
from sendgate.dns.answers import NxDomain, Records
from sendgate.names import Domain
from sendgate.observed import Evidence, Malformed, Present, alias_evidence, evidence_of
from sendgate.spf.facts import SpfFacts, SpfNode
from sendgate.spf.terms import Include
from sendgate.topology import providers
from sendgate.topology.detect import Mark, Seen
from sendgate.topology.judging import provider_of
from sendgate.topology.providers import Provider
from sendgate.vocabulary import Document, Hit, Rule, Severity, Verdicts, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

_HUBSPOT = Document(
    "HubSpot, Connect your email sending domain",
    "https://knowledge.hubspot.com/domains-and-urls/connect-your-email-sending-domain",
)
_VENDORS = Document(
    "Domain Connect templates of sending services",
    "https://github.com/Domain-Connect/Templates",
)
_PAIR = re.compile(r"(?P<half>hs[12])(?:-(?P<account>[0-9]+))?", re.IGNORECASE)
_KEY_HOST = re.compile(r"[^.]+\.hs(?P<zone>[0-9]+)(?P<suffix>[ab])\.dkim\.hubspotemail\.net")
_SPF_HOST = re.compile(r"(?P<account>[0-9]+)\.spf[0-9]+\.hubspotemail\.net")
_SUFFIX_OF = {"hs1": "a", "hs2": "b"}
_NOT_HUBSPOTS_OWN = frozenset({Domain("_spf.hubspot.com"), Domain("hubspot.com")})


@rule(
    "TOP030",
    Severity.ERROR,
    _VENDORS,
    remedy="Point the selector at the target that the provider shows for this domain, or name "
    "the provider that really signs.",
)
def key_of_another_provider(facts: DomainFacts) -> Verdicts:
    """A selector's alias leads to the key of another provider than the named one.

    The named provider signs with a key of its own, which receivers do not find there, so its
    signatures fail.
    """
    named = provider_of(facts)
    if named is None or not named.dkim_targets:
        return
    for key in _live_aliases(facts):
        owner = _key_owner(key)
        if owner is None or owner.id in named.systems or named.id in owner.uses:
            continue
        sure = named.is_confirmed("dkim") and owner.is_confirmed("dkim")
        yield Hit(
            f"the selector {key.selector.name} of {key.selector.domain} leads to "
            f"{key.answer.aliases[0].target}, a key of {owner.name}, and {named.name} is named",
            alias_evidence(key.answer.aliases),
            None if sure else Severity.WARNING,
        )


@rule(
    "TOP031",
    Severity.ERROR,
    _HUBSPOT,
    remedy="Publish the records that one account shows for this domain.",
)
def records_of_different_accounts(facts: DomainFacts) -> Verdicts:
    """The HubSpot records of a domain name different accounts.

    An account signs with its own pair of keys. Where hs1 and hs2 belong to different accounts,
    each has half a pair, and signatures fail once an account signs with its other key. An SPF
    include of another account (a warning) authorises the wrong one. A domain may be connected
    to several accounts, but then each has a pair.
    """
    halves = _accounts_by_half(facts)
    first, second = halves["hs1"], halves["hs2"]
    if first and second and not set(first) & set(second):
        one, other = next(iter(first)), next(iter(second))
        yield Hit(
            f"hs1 of {facts.profile.sending} is of account {one} and hs2 of account {other}",
            (*evidence_of(first[one].answer), *evidence_of(second[other].answer)),
        )
        return
    signing = first | second
    listed = _accounts_of_spf(facts)
    if signing and listed and not set(signing) & set(listed):
        one, other = next(iter(signing)), next(iter(listed))
        yield Hit(
            f"the SPF record of {facts.spf_domain} includes account {other} of HubSpot, and the "
            f"keys of {facts.profile.sending} are of account {one}",
            (*_spf_evidence(facts), *evidence_of(signing[one].answer)),
            Severity.WARNING,
        )


@rule(
    "TOP032",
    Severity.ERROR,
    _HUBSPOT,
    remedy="Let hs1 lead to the target that ends in a.dkim.hubspotemail.net and hs2 to the one "
    "in b.dkim.hubspotemail.net, as the account shows them.",
)
def selector_pair_swapped(facts: DomainFacts) -> Verdicts:
    """The two selectors of a HubSpot pair lead to each other's key, or to different zones.

    What is signed with one selector is checked against the key of the other, so every
    signature fails.
    """
    zones: dict[tuple[Domain, str | None], dict[str, DkimKey]] = defaultdict(dict)
    for key, half, account in _hubspot_pairs(facts):
        host = _key_host(key)
        if host is None:
            continue
        if host["suffix"] != _SUFFIX_OF[half]:
            target = next(
                a.target for a in key.answer.aliases if _KEY_HOST.fullmatch(a.target.text)
            )
            yield Hit(
                f"{key.selector.owner} leads to {target}, the key of {_other(half)}",
                alias_evidence(key.answer.aliases),
            )
        else:
            zones[key.selector.domain, account][host["zone"]] = key
    for (domain, _), found in zones.items():
        if len(found) > 1:
            yield Hit(
                f"hs1 and hs2 of {domain} lead to different zones: "
                + " and ".join(f"hs{zone}" for zone in found),
                tuple(e for key in found.values() for e in alias_evidence(key.answer.aliases)),
            )


@rule(
    "TOP033",
    Severity.ERROR,
    _VENDORS,
    remedy="Copy the target from the provider's page for exactly this domain.",
)
def target_spells_another_domain(facts: DomainFacts) -> Verdicts:
    """The target of a selector's alias spells another domain than the one it signs for.

    Some providers keep a key for each domain, under a name that spells it: dots as dashes, and
    at HubSpot each dash of the domain twice. Under another spelling there is no key, or that
    of another domain, and signatures fail. A provider that keeps the dots may serve several
    domains by one key, which is a warning.
    """
    for key in _live_aliases(facts, dangling=True):
        owner = _key_owner(key)
        if owner is None or not owner.dkim_forms:
            continue
        domain = key.selector.domain
        target = next(a.target for a in key.answer.aliases if _is_owners(a.target, owner))
        if any(_spelt(form, domain).fullmatch(target.text) for form in owner.dkim_forms):
            continue
        if not any(_spelt(form, None).fullmatch(target.text) for form in owner.dkim_forms):
            continue  # another form than the known ones
        dashed = any("<domain>" not in form for form in owner.dkim_forms)
        sure = dashed and owner.is_confirmed("dkim")
        yield Hit(
            f"{key.selector.owner} leads to {target}, which does not spell {domain} as "
            f"{owner.name} does{_as_it_should_be(owner, domain)}",
            alias_evidence(key.answer.aliases),
            None if sure else Severity.WARNING,
        )


@rule(
    "TOP034",
    Severity.WARNING,
    _HUBSPOT,
    remedy="Include the name that the account shows, which begins with its number, or none: "
    "shared addresses need no include.",
)
def include_is_not_the_accounts(facts: DomainFacts) -> Verdicts:
    """The SPF record includes a name of hubspot.com, which stands for no account's addresses.

    Guides of others name it; an account's own name begins with its number. It costs lookups
    and does not stand for the hosts that send this mail.
    """
    for node in _includes(facts):
        broken = node.observed is not None and not isinstance(node.observed, Present)
        if node.domain in _NOT_HUBSPOTS_OWN and not (broken and _is_void(node)):
            yield Hit(
                f"the SPF record of {facts.spf_domain} has include:{node.domain}, which is no "
                "account's",
                _spf_evidence(facts),
            )


@rule(
    "TOP036",
    Severity.NOTE,
    _VENDORS,
    remedy="Name this provider as a sender of its own if it sends; else ask its owner and the "
    "DMARC reports before anything is removed.",
)
def records_of_a_provider_not_named(facts: DomainFacts) -> Verdicts:
    """The domain has records of a sending service that is not the named one.

    They let that service send, or sign, for the domain. Whether it still does is not shown by
    DNS: the reports of receivers and the owner of the service know.
    """
    named = provider_of(facts)
    if named is None:
        return
    found: dict[str, list[Seen]] = defaultdict(list)
    for seen in facts.seen:
        other = seen.provider
        if seen.mark is Mark.MX or other.hosts_mailboxes or other.id in named.systems:
            continue
        if named.id not in other.uses:
            found[other.id].append(seen)
    spoken = {"dkim": "a key", "spf": "an SPF include", "return-path": "the return path"}
    for seens in found.values():
        what = " and ".join(dict.fromkeys(spoken[seen.mark] for seen in seens))
        yield Hit(
            f"{facts.profile.sending} has {what} of {seens[0].provider.name}, and "
            f"{named.name} is named",
            tuple(e for seen in seens for e in seen.evidence),
        )


def _live_aliases(facts: DomainFacts, *, dangling: bool = False) -> Iterator[DkimKey]:
    """Give the keys that stand behind an alias; `dangling`: those that lead nowhere too."""
    for key in facts.dkim.keys:
        if not key.answer.aliases or (not key.selector.named and key.wildcard is not False):
            continue
        if dangling or not isinstance(key.answer, NxDomain):
            yield key


def _is_owners(target: Domain, owner: Provider) -> bool:
    found = providers.by_dkim_target(target)
    return found is not None and found.id == owner.id


def _key_owner(key: DkimKey) -> Provider | None:
    found = (providers.by_dkim_target(alias.target) for alias in key.answer.aliases)
    return next((owner for owner in found if owner is not None), None)


def _hubspot_pairs(facts: DomainFacts) -> Iterator[tuple[DkimKey, str, str | None]]:
    """Give each key behind an alias of HubSpot, which half of a pair it is, its account."""
    for key in _live_aliases(facts, dangling=True):
        pair = _PAIR.fullmatch(key.selector.name)
        if pair is not None and _key_host(key) is not None:
            yield key, pair["half"].lower(), pair["account"]


def _key_host(key: DkimKey) -> re.Match[str] | None:
    found = (_KEY_HOST.fullmatch(alias.target.text) for alias in key.answer.aliases)
    return next((host for host in found if host is not None), None)


def _other(half: str) -> str:
    return "hs2" if half == "hs1" else "hs1"


def _accounts_by_half(facts: DomainFacts) -> dict[str, dict[str, DkimKey]]:
    found: dict[str, dict[str, DkimKey]] = {"hs1": {}, "hs2": {}}
    for key, half, account in _hubspot_pairs(facts):
        if account is not None and key.selector.domain == facts.profile.sending:
            found[half].setdefault(account, key)
    return found


def _accounts_of_spf(facts: DomainFacts) -> dict[str, SpfNode]:
    found: dict[str, SpfNode] = {}
    for node in _includes(facts):
        host = None if node.domain is None else _SPF_HOST.fullmatch(node.domain.text)
        if host is not None:
            found.setdefault(host["account"], node)
    return found


def _includes(facts: DomainFacts) -> Iterator[SpfNode]:
    """Give the records that the domain's own SPF record includes."""
    if isinstance(facts.spf, Present):
        for node in facts.spf.value.tree.children:
            if isinstance(node.via, Include):
                yield node


def _is_void(node: SpfNode) -> bool:
    """Whether the include leads to no working record, which SPF008 speaks of."""
    return isinstance(node.observed, Malformed) or (
        node.answer is not None and not isinstance(node.answer, Records)
    )


def _spf_evidence(facts: DomainFacts) -> tuple[Evidence, ...]:
    spf = facts.spf.value if isinstance(facts.spf, Present) else None
    return evidence_of(spf.answer, *spf.candidates) if isinstance(spf, SpfFacts) else ()


def _spellings(domain: Domain) -> dict[str, str]:
    return {
        "<domain>": domain.text,
        "<dashes>": domain.text.replace(".", "-"),
        "<doubled>": domain.text.replace("-", "--").replace(".", "-"),
    }


def _spelt(form: str, domain: Domain | None) -> re.Pattern[str]:
    """Make a pattern of a form: for this domain, or with None for any."""
    spelt = None if domain is None else _spellings(domain)
    pattern = ""
    for part in re.split(r"(<[a-z]+>|\*)", form):
        if part == "*":
            pattern += "[^.]+"
        elif part.startswith("<"):
            whole = ".+" if part == "<domain>" else "[^.]+"
            pattern += whole if spelt is None else re.escape(spelt[part])
        else:
            pattern += re.escape(part)
    return re.compile(pattern)


def _as_it_should_be(owner: Provider, domain: Domain) -> str:
    for form in owner.dkim_forms:
        for word, spelt in _spellings(domain).items():
            if word in form:
                return f" ({spelt})"
    return ""


RULES: tuple[Rule, ...] = (
    key_of_another_provider,
    records_of_different_accounts,
    selector_pair_swapped,
    target_spells_another_domain,
    include_is_not_the_accounts,
    records_of_a_provider_not_named,
)

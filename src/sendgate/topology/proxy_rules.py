"""Aliases that a DNS provider answers for instead of showing them: TOP027."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dkim.facts import DkimKey
from sendgate.dkim.judging import rotation_partner_serves
from sendgate.dns.answers import Records
from sendgate.observed import evidence_of
from sendgate.topology.judging import provider_of
from sendgate.topology.providers import Provider
from sendgate.vocabulary import Document, Hit, Rule, Severity, Verdicts, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "TOP027",
    Severity.ERROR,
    Document(
        "HubSpot, Connect your email sending domain",
        "https://knowledge.hubspot.com/domains-and-urls/connect-your-email-sending-domain",
    ),
    remedy="Switch the proxy and the flattening off for this name (at Cloudflare: DNS only), and "
    "publish the provider's CNAME.",
)
def proxied_mail_alias(facts: DomainFacts) -> Verdicts:
    """The CNAME of a DKIM key or of a return path is hidden by a proxy, or flattened.

    A proxy answers with addresses of its own and with nothing else: verifiers find no key, and
    receivers neither MX nor SPF record. Where the key itself stands at a name that the named
    provider wants as a CNAME, mail passes until the provider replaces its key, a warning.
    """
    for key in facts.dkim.named:
        if key.proxied and key.address is not None:
            idle = rotation_partner_serves(key, facts)
            yield Hit(
                f"{key.selector.owner} answers with addresses and no key: the CNAME that belongs "
                "there is proxied or flattened",
                evidence_of(key.address),
                Severity.WARNING if idle else None,
            )
    provider = provider_of(facts)
    if provider is not None and provider.dkim_by_alias and provider.is_confirmed("dkim"):
        for key in facts.dkim.named:
            if _is_copy(facts, key, provider):
                yield Hit(
                    f"{key.selector.owner} holds a key itself, where {provider.name} asks for a "
                    "CNAME: it cannot follow when the key is replaced",
                    evidence_of(key.answer),
                    Severity.WARNING,
                )
    path = facts.return_path
    if path is not None and path.behind is not None:
        yield Hit(
            f"the CNAME of the return path {path.name} to {path.behind} is proxied, so that its "
            "MX and SPF records are not seen",
            path.address_evidence,
        )


def _is_copy(facts: DomainFacts, key: DkimKey, provider: Provider) -> bool:
    """Whether a usable key stands where the provider asks for a CNAME of this very name."""
    if not isinstance(key.answer, Records) or key.answer.aliases or not key.usable:
        return False
    sending, path = facts.profile.sending, facts.profile.envelope
    return any(
        expected.names(sending, path, key.selector.owner)
        for expected in provider.records
        if expected.rdtype == "CNAME" and "._domainkey." in expected.name
    )


RULES: tuple[Rule, ...] = (proxied_mail_alias,)

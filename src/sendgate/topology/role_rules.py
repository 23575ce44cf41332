"""How the names of content, sending and return path relate: TOP001 to TOP007."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import Failed
from sendgate.mx.facts import MxFacts
from sendgate.observed import Present, Unknown, alias_evidence, any_of, evidence_of
from sendgate.profile import SenderKind
from sendgate.spf.authorised import authorises
from sendgate.spf.facts import SpfFacts
from sendgate.topology import providers
from sendgate.topology.facts import NameFacts
from sendgate.topology.judging import (
    is_apex,
    subject,
)
from sendgate.vocabulary import Document, Hit, Rfc, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

LAYOUTS = Document(
    "HubSpot, Understand email sending",
    "https://knowledge.hubspot.com/marketing-email/understand-email-sending-in-hubspot",
)
_CONNECTING = Document(
    "HubSpot, Connect your email sending domain",
    "https://knowledge.hubspot.com/domains-and-urls/connect-your-email-sending-domain",
)


@rule(
    "TOP001",
    Severity.ERROR,
    _CONNECTING,
    remedy="Send from a subdomain that serves nothing else, such as news.example.com beside "
    "www.example.com.",
)
def content_and_mail_share_a_name(facts: DomainFacts) -> Verdicts:
    """Content is served from the sending domain itself.

    A web host usually asks for a CNAME, and no MX, SPF or verification record can stand
    beside one: the DNS provider flags a conflict, authentication does not proceed or fails,
    and messages bounce. Without a CNAME (a warning) the name works until the web host
    changes; names below it, such as its DMARC record and DKIM keys, are not affected.
    """
    sending = facts.sending
    if sending.name not in facts.profile.declared_content or _at_apex(facts, sending):
        return
    if sending.aliases:
        target = sending.aliases[0].target
        yield Hit(
            f"content and mail share {sending.name}, which is an alias of {target}: "
            "no MX, SPF or verification record can be published there",
            (*alias_evidence(sending.aliases), *sending.address_evidence),
        )
    elif all(isinstance(answer, Failed) for answer in sending.answers):
        yield from unread(sending.failed)
    else:
        yield Hit(
            f"content and mail share {sending.name}; its web host cannot ask for a CNAME without "
            "breaking mail",
            (*sending.address_evidence, *subject(sending)),
            Severity.WARNING,
        )


@rule(
    "TOP002",
    Severity.WARNING,
    LAYOUTS,
    remedy="Serve content from www, and send from a subdomain that is kept for mail.",
)
def content_and_mail_share_the_apex(facts: DomainFacts) -> Verdicts:
    """Content is served from the sending domain, which is the apex of its zone.

    Addresses, MX and TXT stand together at an apex without conflict, so authentication
    works. A sending service may still refuse to connect a name that serves a web site, and
    mail and web share one reputation.
    """
    sending = facts.sending
    if sending.name not in facts.profile.declared_content or not _at_apex(facts, sending):
        return
    if sending.has_address is not False:
        yield Hit(
            f"content and mail share {sending.name}, the apex of its zone",
            (*sending.address_evidence, *subject(sending)),
        )


@rule(
    "TOP003",
    Severity.ERROR,
    LAYOUTS,
    remedy="Use a return path of its own, such as bounces.example.com; where an own mail server "
    'sends, declare `sender = "own"` and let SPF pass for its MX host.',
)
def return_path_is_sending_domain(facts: DomainFacts) -> Verdicts:
    """The return path is the sending domain itself.

    The provider's MX for bounces and the organization's MX for replies then fight for one
    name: the DNS provider flags a conflict, authentication fails, messages bounce, and the
    organization's own mail suffers. An own mail server or a mailbox host works this way by
    design; there it is a warning, and only where the MX host is not one that may send.
    """
    profile = facts.profile
    if profile.envelope != profile.sending:
        return
    mx = facts.mx[profile.sending]
    if profile.sender is SenderKind.DEDICATED:
        yield Hit(
            f"the return path of dedicated addresses is {profile.sending}, the sending domain",
            evidence_of(mx.answer) or subject(facts.sending),
        )
        return
    if isinstance(mx.answer, Failed):
        yield from unread(mx.answer, Severity.WARNING)
        return
    if isinstance(facts.spf, Unknown):
        yield from unread(facts.spf, Severity.WARNING)
        return
    if mx.can_receive is False:
        return  # nothing takes mail there: MX001, MX004 and MX008 speak of it
    if not isinstance(facts.spf, Present) or facts.spf.value.broken:
        return  # no SPF to hold the host against: the SPF rules speak of it
    belongs = _mx_may_send(facts, mx, facts.spf.value)
    if belongs is False:
        hosts = " and ".join(str(h.target) for h in mx.hosts) or str(profile.sending)
        yield Hit(
            f"the return path is {profile.sending}, the sending domain, and its SPF record does "
            f"not let {hosts} send, where its mail goes",
            (*evidence_of(mx.answer), *facts.spf.evidence),
            Severity.WARNING,
        )
    elif belongs is None:
        failed = next((host.failed for host in mx.hosts if host.failed), None)
        open_include = next(iter(facts.spf.value.unread), None)
        yield from unread(failed or open_include, Severity.WARNING)


@rule(
    "TOP004",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Give the return path a name that serves no content.",
)
def return_path_hosts_content(facts: DomainFacts) -> Verdicts:
    """Content is served from the return path.

    A CNAME to the web host shuts out the MX and SPF records that a return path needs, or
    one to the bounce host shuts out the web site. With address records (a warning) both can
    stand together, until the web host asks for a CNAME.
    """
    path = facts.return_path
    if (
        path is None
        or path.name == facts.profile.sending
        or path.name not in facts.profile.declared_content
    ):
        return
    if path.aliases:
        yield Hit(
            f"the return path {path.name} also serves content and is an alias of "
            f"{path.aliases[0].target}",
            alias_evidence(path.aliases),
        )
    elif all(isinstance(answer, Failed) for answer in path.answers):
        yield from unread(path.failed)
    else:
        yield Hit(
            f"the return path {path.name} also serves content",
            (*path.address_evidence, *subject(path)),
            Severity.WARNING,
        )


@rule(
    "TOP005",
    Severity.NOTE,
    LAYOUTS,
    remedy="Consider a subdomain for this mail, such as news.example.com.",
)
def mail_from_root_domain(facts: DomainFacts) -> Verdicts:
    """Mail is sent from the organizational domain itself.

    This is the common pattern, and it works. Receivers then judge this mail and that of the
    organization's people by one reputation; a subdomain kept for it protects the rest.
    """
    sending = facts.sending
    mailbox = _provider_of_mailboxes(facts) or providers.is_mailbox_domain(sending.name)
    if facts.topology.root == sending.name and not mailbox and not _sends_nothing(facts):
        yield Hit(f"{sending.name} is the organizational domain", subject(sending))


def _provider_of_mailboxes(facts: DomainFacts) -> bool:
    """Whether the declared provider sends people's own mail, for which the root is right."""
    if facts.profile.provider is None:
        return False
    return providers.find(facts.profile.provider).hosts_mailboxes


@rule(
    "TOP006",
    Severity.NOTE,
    LAYOUTS,
    remedy="Keep the sending subdomain for this mail alone, if its reputation is to be its own.",
)
def subdomain_not_unique(facts: DomainFacts) -> Verdicts:
    """The sending subdomain is also used for something else.

    Another system's inboxes, bounces or application at the same name share its reputation
    and its DNS records. Taking replies at the sending domain is wanted, so an inbox there
    is only a remark.
    """
    sending = facts.sending
    root, mx = facts.topology.root, facts.mx[sending.name]
    shared = (
        sending.name in facts.profile.declared_content or sending.name == facts.profile.envelope
    )
    if root is None or sending.name == root or shared or sending.aliases:
        return
    own = _sending_providers(facts)
    for host in mx.hosts:
        provider = providers.by_mx(host.target)
        if provider is None or provider.id in own:
            continue
        use = "holds inboxes" if provider.hosts_mailboxes else "takes bounces or inbound mail"
        yield Hit(
            f"{sending.name} also {use} at {provider.name} ({host.target})",
            evidence_of(mx.answer),
        )
        return


@rule(
    "TOP007",
    Severity.NOTE,
    LAYOUTS,
    remedy="Nothing is to be done: keep it so.",
)
def recommended_layout(facts: DomainFacts) -> Verdicts:
    """The layout is a recommended one: mail has a subdomain of its own, apart from content.

    No DNS conflict can arise between the web host and the sending service, and the
    organizational domain is shielded from the reputation of this mail.
    """
    if facts.topology.outcome != "recommended" or facts.sending.exists is False:
        return
    if _sends_nothing(facts):
        return
    path = facts.return_path
    beside = "" if path is None else f", with the return path {path.name}"
    yield Hit(
        f"{facts.profile.sending} is a subdomain kept for mail{beside}",
        (*subject(facts.sending), *(() if path is None else subject(path))),
    )


def _sends_nothing(facts: DomainFacts) -> bool:
    """Whether the name says that no mail comes from it, so that no layout is to be judged."""
    return facts.mx[facts.profile.sending].is_null or facts.sends_nothing


def _at_apex(facts: DomainFacts, name: NameFacts) -> bool:
    return facts.topology.root == name.name or is_apex(facts, name)


def _sending_providers(facts: DomainFacts) -> set[str]:
    """The declared provider, and those whose addresses the SPF record includes."""
    found = {facts.profile.provider} if facts.profile.provider else set()
    if isinstance(facts.spf, Present):
        for node in facts.spf.value.nodes[1:]:
            owner = providers.by_spf_include(node.domain) if node.domain else None
            if owner is not None:
                found |= {owner.id, *owner.uses}
    return found


def _mx_may_send(facts: DomainFacts, mx: MxFacts, spf: SpfFacts) -> bool | None:
    """Whether a mail host of the name passes its SPF or is the sending provider's."""
    own = _sending_providers(facts)
    owners = [providers.by_mx(host.target) for host in mx.hosts]
    if any(owner is not None and owner.id in own for owner in owners):
        return True
    addresses = [ip for host in mx.hosts for ip in host.addresses]
    unseen = any(host.failed is not None for host in mx.hosts)
    if mx.is_implicit:
        name = facts.names[mx.name]
        addresses = list(name.addresses)
        unseen = isinstance(name.a, Failed) or isinstance(name.aaaa, Failed)
    verdicts = [authorises(spf, ip) for ip in addresses]
    return any_of([*verdicts, None] if unseen or not addresses else verdicts)


RULES: tuple[Rule, ...] = (
    content_and_mail_share_a_name,
    content_and_mail_share_the_apex,
    return_path_is_sending_domain,
    return_path_hosts_content,
    mail_from_root_domain,
    subdomain_not_unique,
    recommended_layout,
)

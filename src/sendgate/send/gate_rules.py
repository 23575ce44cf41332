"""What can be wrong with a campaign beside its DNS and its messages: GATE001 to GATE004."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dkim.facts import DkimKey
from sendgate.dns.answers import Answer, Failed, Records
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.observed import Evidence, Unknown, evidence_of, nothing_seen
from sendgate.vocabulary import (
    Document,
    Hit,
    Rfc,
    RuleOf,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
    unread,
)

__all__ = ["RULES", "CampaignFacts", "KeyPair", "UnsubscribeHost"]


@dataclass(frozen=True)
class KeyPair:
    """A key that the campaign signs with, and what is published at its selector.

    `matches` is None where what is published is no key that could be compared.
    """

    published: DkimKey
    matches: bool | None


@dataclass(frozen=True)
class UnsubscribeHost:
    """The host of the unsubscribe address, and its addresses; none asked for an address literal."""

    name: Domain
    answers: tuple[Answer, ...] = ()

    @property
    def resolves(self) -> bool | None:
        """Whether the host has an address; None where DNS did not tell."""
        if any(isinstance(answer, Records) for answer in self.answers):
            return True
        return None if any(isinstance(answer, Failed) for answer in self.answers) else False


@dataclass(frozen=True)
class CampaignFacts:
    """What is known of a campaign that neither an audit nor a message shows.

    `must_sign`: it is marketing, or goes to receivers in bulk. `needs_replies`: it goes to
    a receiver that asks for replies to arrive. `spf_aligns`: whether its mail gets an SPF
    pass that aligns; None: not known. `replies` is what takes the mail of Reply-To, where
    that is at another domain than From.
    """

    sending: Domain
    must_sign: bool
    needs_replies: bool
    spf_aligns: bool | None
    keys: tuple[KeyPair, ...] = ()
    unsubscribe: UnsubscribeHost | None = None
    replies: MxFacts | None = None


@rule(
    "GATE001",
    Severity.ERROR,
    Rfc(6376, "3.6.1, 6.1.3"),
    remedy="Publish the public half of the private key, or name the selector that has it.",
)
def private_key_not_published(facts: CampaignFacts) -> Verdicts:
    """A private key of the campaign is not the other half of the key at its selector.

    Every signature made with it fails, at every receiver.
    """
    for pair in facts.keys:
        key = pair.published
        if isinstance(key.observed, Unknown):
            yield cannot_tell(key.observed)
        elif pair.matches is False:
            yield Hit(
                f"the private key for {key.selector.name} of {key.selector.domain} is not the"
                " other half of the published one",
                evidence_of(key.answer),
            )


@rule(
    "GATE002",
    Severity.ERROR,
    Rfc(8058, "3.1"),
    remedy="Publish an address for the host, or correct unsubscribe.url.",
)
def unsubscribe_host_not_found(facts: CampaignFacts) -> Verdicts:
    """The host of the unsubscribe address has no address.

    Nobody can then unsubscribe: neither the reader nor the mailbox provider that does it
    for the reader. They report the mail as spam instead.
    """
    host = facts.unsubscribe
    if host is None or not host.answers or host.resolves:
        return
    for answer in host.answers:
        if isinstance(answer, Failed):
            yield cannot_tell(answer)
            return
    evidence = tuple(piece for answer in host.answers for piece in evidence_of(answer))
    yield Hit(f"the host {host.name} of the unsubscribe address has no address", evidence)


@rule(
    "GATE003",
    Severity.ERROR,
    Rfc(9989, "4.4"),
    remedy="Name a private key under [dkim] and publish its other half.",
)
def unsigned_campaign(facts: CampaignFacts) -> Verdicts:
    """The campaign signs with no DKIM key.

    Large receivers refuse bulk mail without a signature, and marketing needs one over its
    unsubscribe fields. Other mail whose SPF aligns passes DMARC until it is forwarded: then
    this is a warning.
    """
    if not facts.keys:
        rests = "; SPF alone vouches for it" if facts.spf_aligns else ""
        severity = Severity.WARNING if facts.spf_aligns and not facts.must_sign else None
        yield Hit(f"mail from {facts.sending} is not signed{rests}", _subject(facts), severity)


@rule(
    "GATE004",
    Severity.ERROR,
    Document(
        "Outlook's requirements for high-volume senders, Microsoft",
        "https://techcommunity.microsoft.com/blog/MicrosoftDefenderforOffice365Blog/"
        "strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90"
        "volume-senders/4399730",
    ),
    remedy="Use a Reply-To address at a domain that takes mail.",
)
def replies_go_nowhere(facts: CampaignFacts) -> Verdicts:
    """The domain of Reply-To cannot receive mail.

    Replies are lost. Microsoft asks bulk senders that they arrive; where it was not
    declared, this is a warning. The From domain's own mail is for the audit to judge.
    """
    mx = facts.replies
    if mx is None:
        return
    severity = None if facts.needs_replies else Severity.WARNING
    if mx.is_null or mx.can_receive is False:
        state = "has a null MX" if mx.is_null else "has no host that takes mail"
        yield Hit(f"{mx.name}, the domain of Reply-To, {state}", evidence_of(mx.answer), severity)
    elif mx.can_receive is None:
        failed = (mx.answer, *(host.failed for host in mx.hosts))
        yield from unread(next((x for x in failed if isinstance(x, Failed)), None), severity)


def _subject(facts: CampaignFacts) -> tuple[Evidence, ...]:
    return (nothing_seen(facts.sending, "TXT"),)


RULES: tuple[RuleOf[CampaignFacts], ...] = (
    private_key_not_published,
    unsubscribe_host_not_found,
    unsigned_campaign,
    replies_go_nowhere,
)

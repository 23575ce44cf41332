"""What Amazon SES asks of a MAIL FROM domain: TOP018 to TOP021."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import NoData, NxDomain, Records
from sendgate.names import Domain
from sendgate.observed import Evidence, alias_evidence, evidence_of
from sendgate.profile import SenderKind
from sendgate.topology.judging import provider_of, subject
from sendgate.topology.paths import is_feedback, is_of_ses, own_path, owners_of, sender_of
from sendgate.vocabulary import Document, Hit, Rule, Severity, Verdicts, rule, unread

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES", "identity_elsewhere"]

_SES = Document(
    "Amazon SES, SetIdentityMailFromDomain",
    "https://docs.aws.amazon.com/ses/latest/APIReference/API_SetIdentityMailFromDomain.html",
)
_KEYS = Domain("dkim.amazonses.com")


@rule(
    "TOP018",
    Severity.ERROR,
    _SES,
    remedy="Publish exactly one MX record there, to feedback-smtp.<region>.amazonses.com.",
)
def ses_feedback_host_wrong(facts: DomainFacts) -> Verdicts:
    """A MAIL FROM domain of Amazon SES has not exactly one MX record to its feedback host.

    SES then takes the setup for failed. It falls back to amazonses.com, so that SPF no longer
    aligns, or refuses to send, by the setting of the identity. A host for inbound mail takes
    no bounces.
    """
    path, provider = own_path(facts), sender_of(facts)
    if path is None or path.aliases:
        return
    owners = owners_of(facts, path)
    of_ses = [host for host, owner in owners if is_of_ses(host)]
    if not of_ses or len({owner.id for _, owner in owners if owner is not None}) > 1:
        return  # of two systems TOP017 speaks
    feedback = [host for host in of_ses if is_feedback(host)]
    if len(feedback) == len(owners) == 1:
        return
    if not feedback and (provider is None or "amazon-ses" not in provider.systems):
        return  # a name that takes mail by SES, and sends by another system
    said = f"{len(owners)} MX records" if len(owners) > 1 else f"the MX host {of_ses[0]}"
    yield Hit(
        f"the MAIL FROM domain {path.name} has {said}, where Amazon SES needs one record, to "
        "feedback-smtp.<region>.amazonses.com",
        evidence_of(facts.mx[path.name].answer),
    )


@rule(
    "TOP019",
    Severity.ERROR,
    _SES,
    remedy="Use a subdomain for MAIL FROM that neither takes mail nor stands in From.",
)
def ses_mail_from_in_use(facts: DomainFacts) -> Verdicts:
    """The sending domain has the feedback host of Amazon SES as its MX.

    That host takes bounces alone. Replies to the From address are lost, and SES asks for a
    MAIL FROM domain that stands in no From.
    """
    sending, profile = facts.sending, facts.profile
    declared = profile.return_path is not None and not profile.return_path.assumed
    if not declared or sending.aliases or profile.sender is SenderKind.DEDICATED:
        return  # of dedicated addresses with one name for both TOP003 speaks
    hosts = [host for host, _ in owners_of(facts, sending) if is_feedback(host)]
    if hosts:
        yield Hit(
            f"the MX record of {sending.name}, which stands in From, leads to {hosts[0]}, which "
            "takes bounces alone",
            evidence_of(facts.mx[sending.name].answer),
        )


@rule(
    "TOP020",
    Severity.ERROR,
    _SES,
    remedy="Use a MAIL FROM domain below the identity that is verified, such as bounce.IDENTITY.",
)
def ses_mail_from_outside_identity(facts: DomainFacts) -> Verdicts:
    """The MAIL FROM domain of Amazon SES is no subdomain of the identity that sends.

    SES does not take such a name for that identity, so the mail leaves with amazonses.com as
    its return path, and SPF does not align. The identity is the domain that SES signs for.
    """
    path, outside = own_path(facts), identity_elsewhere(facts)
    if path is not None and outside is not None:
        identity, seen = outside
        yield Hit(
            f"the MAIL FROM domain {path.name} is no subdomain of {identity}, the identity that "
            "SES signs for",
            (*subject(path), *seen),
        )


def identity_elsewhere(facts: DomainFacts) -> tuple[Domain, tuple[Evidence, ...]] | None:
    """Give the identity at SES that the MAIL FROM domain lies outside of, with what shows it.

    The identity is a declared `d=`, or the sending domain where it has keys of SES. Where
    neither tells, it may be any name above the sending domain, so the path must lie outside
    of all of those.
    """
    own, provider, sending = own_path(facts), provider_of(facts), facts.profile.sending
    if own is None or provider is None or provider.id != "amazon-ses":
        return None
    path = own.name
    declared = [name for name in facts.profile.dkim_domains if name != sending]
    if declared:
        inside = any(path.is_under(name) and path != name for name in (*declared, sending))
        return None if inside else (declared[0], ())
    if path.is_under(sending):
        return None
    for key in facts.dkim.named:
        aliases = key.answer.aliases
        live = isinstance(key.answer, Records) and key.selector.domain == sending
        if live and any(alias.target.is_under(_KEYS) for alias in aliases):
            return sending, alias_evidence(aliases)
    from sendgate.dmarc.suffixes import registrable

    top = registrable(sending)
    return None if top is None or path.is_under(top) else (sending, ())


@rule(
    "TOP021",
    Severity.WARNING,
    _SES,
    remedy="Publish one MX record there, to feedback-smtp.<region>.amazonses.com, and have the "
    "identity verified again.",
)
def ses_mail_from_not_in_force(facts: DomainFacts) -> Verdicts:
    """The MAIL FROM domain of Amazon SES has no MX record, so SES does not use it.

    What SES then does is a setting of the identity that DNS does not show: UseDefaultValue
    sends with amazonses.com as the return path, and SPF stops aligning without a sign;
    RejectMessage refuses to send at all.
    """
    path, provider = own_path(facts), provider_of(facts)
    if path is None or provider is None or provider.id != "amazon-ses" or path.aliases:
        return
    mx = facts.mx[path.name]
    if isinstance(mx.answer, NoData | NxDomain):
        yield Hit(
            f"{path.name} has no MX record: SES falls back to amazonses.com (UseDefaultValue) or "
            "refuses to send (RejectMessage)",
            evidence_of(mx.answer),
        )
    else:
        yield from unread(mx.answer)


RULES: tuple[Rule, ...] = (
    ses_feedback_host_wrong,
    ses_mail_from_in_use,
    ses_mail_from_outside_identity,
    ses_mail_from_not_in_force,
)

"""How the return path stands at HubSpot: TOP022 of a dedicated one, TOP023 of a shared one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import NxDomain
from sendgate.topology.judging import provider_of, subject, zone_of
from sendgate.topology.paths import is_hubspot_dedicated, lets_provider_send, own_path
from sendgate.vocabulary import Document, Hit, Rule, Severity, Verdicts, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

_EMAIL = Document(
    "HubSpot, Understand email sending",
    "https://knowledge.hubspot.com/marketing-email/understand-email-sending-in-hubspot",
)


@rule(
    "TOP022",
    Severity.ERROR,
    _EMAIL,
    remedy="Publish what HubSpot shows for the dedicated address: MX 0 mx.hubapi.com, the SPF "
    "record with the account's include, and the keys hs1 and hs2 below the name.",
)
def dedicated_return_path_incomplete(facts: DomainFacts) -> Verdicts:
    """The return path of dedicated addresses at HubSpot lacks a part of what belongs there.

    Without the MX record bounces are lost; without the account's SPF include the mail fails
    SPF, an error where DKIM does not align either. Keys missing below the name are a note.
    A CNAME there is told by TOP010, a missing SPF record by SPF001.
    """
    path = own_path(facts)
    if path is None or path.aliases or not is_hubspot_dedicated(facts, path):
        return
    mx, account = facts.mx[path.name], path.name.labels[0][:-1]
    missing: list[str] = []
    severity = Severity.NOTE
    if mx.can_receive is False and not mx.hosts:
        missing.append("MX 0 mx.hubapi.com")
        severity = Severity.ERROR
    provider = provider_of(facts)
    if provider is not None and lets_provider_send(facts, provider) is False:
        missing.append(f"include:{account}.spfNN.hubspotemail.net in the SPF record")
        if severity is not Severity.ERROR:
            vouched = facts.alignment.dkim_can_pass is not False
            severity = Severity.WARNING if vouched else Severity.ERROR
    keys = zone_of(facts, path.name).keys
    if isinstance(keys, NxDomain) and not keys.aliases:
        missing.append("the keys hs1 and hs2 below it")
    if missing:
        yield Hit(
            f"the dedicated return path {path.name} lacks {_and(missing)}",
            subject(path),
            severity,
        )


def _and(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


@rule(
    "TOP023",
    Severity.NOTE,
    _EMAIL,
    remedy="Nothing is to be done: keep the two DKIM records, on which DMARC rests.",
)
def shared_return_path(facts: DomainFacts) -> Verdicts:
    """The mail leaves from HubSpot's shared addresses, with a return path of HubSpot's.

    SPF passes for that name and never aligns with From, so DMARC rests on DKIM alone. This is
    how shared addresses work; an SPF include at the sending domain would change nothing.
    """
    role = facts.profile.return_path
    if facts.profile.provider_return_path and role is not None and facts.provider == "hubspot":
        yield Hit(
            f"the return path is at {role.name}, HubSpot's own, so DMARC rests on DKIM",
            subject(facts.sending),
        )


RULES: tuple[Rule, ...] = (dedicated_return_path_incomplete, shared_return_path)

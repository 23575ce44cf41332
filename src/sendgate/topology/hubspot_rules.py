"""How the return path stands at HubSpot: TOP022 of a dedicated one, TOP023 of a shared one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.topology.judging import subject
from sendgate.vocabulary import Document, Hit, Rule, Severity, Verdicts, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "TOP023",
    Severity.NOTE,
    Document(
        "HubSpot, Understand email sending",
        "https://knowledge.hubspot.com/marketing-email/understand-email-sending-in-hubspot",
    ),
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


RULES: tuple[Rule, ...] = (shared_return_path,)

"""What several receivers ask of senders alike, in words that name the receiver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sendgate.dmarc.alignment import DmarcResult
from sendgate.dmarc.alignment_rules import nothing_aligns
from sendgate.dmarc.record import Policy
from sendgate.observed import Present, Unknown, evidence_of
from sendgate.receivers import states
from sendgate.topology.facts import NameFacts
from sendgate.vocabulary import CannotTell, Hit, Verdicts, cannot_tell

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["mail_names", "rejected_by_own_policy", "unresolved"]


def mail_names(facts: DomainFacts) -> Iterator[tuple[str, NameFacts]]:
    """The From domain and the sender's own return path, each with its role in words."""
    yield "the From domain", facts.sending
    if facts.return_path is not None and facts.return_path is not facts.sending:
        yield "the return path", facts.return_path


def unresolved(facts: DomainFacts, who: str) -> Verdicts:
    """Say of each of these names that it does not exist, where it does not."""
    for role, name in mail_names(facts):
        if name.exists is False:
            evidence = tuple(e for answer in name.answers for e in evidence_of(answer))
            yield Hit(f"{role} {name.name} does not exist, and {who} looks it up", evidence)
        elif name.exists is None and name.failed is not None:
            yield cannot_tell(name.failed)


def rejected_by_own_policy(facts: DomainFacts, who: str) -> Verdicts:
    """Say that the mail fails the From domain's own p=reject, where it does."""
    policy = facts.dmarc.policy
    if isinstance(policy, Unknown):
        if facts.alignment.result is DmarcResult.FAIL:
            yield cannot_tell(policy)
        return
    if not isinstance(policy, Present) or policy.value.effective_policy is not Policy.REJECT:
        return
    if facts.alignment.result is DmarcResult.FAIL:
        yield Hit(
            f"{who} rejects what fails p=reject of {policy.value.domain}, as this mail does",
            states.dmarc_evidence(facts),
        )
    else:
        yield from (said for said in nothing_aligns.judge(facts) if isinstance(said, CannotTell))

"""What was seen of DMARC for one sender, and what follows from it by RFC 9989 alone.

Frozen and pure: everything below is derived from the answers at the ``_dmarc`` names of
the walk (and of the identifiers' walks), and from whether the author domain exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sendgate.dmarc.record import DmarcRecord, Policy, ReportUri
from sendgate.dmarc.walk import Step, Walk, read_step
from sendgate.dns.answers import Answer, Failed, NxDomain, Question, Reason
from sendgate.names import Domain
from sendgate.observed import Absent, Evidence, Observed, Present, Unknown, evidence_of

__all__ = [
    "AppliedPolicy",
    "Applies",
    "DmarcFacts",
    "ReportDestination",
    "facts_from",
    "report_name",
]

Applies = Literal["p", "sp", "np"]


@dataclass(frozen=True)
class AppliedPolicy:
    """The record that governs mail from the author domain, and what it asks for.

    `domain` publishes it, `applies` is the tag that speaks for the author domain, `policy`
    its value and `effective_policy` the same after ``t=y``. Where `processed` is false
    receivers act on none of it and both are None (RFC 9989 section 4.10.1).
    """

    domain: Domain
    record: DmarcRecord
    applies: Applies
    policy: Policy | None
    effective_policy: Policy | None
    processed: bool

    @property
    def tag(self) -> Applies:
        """The tag that gives the value: without `np` it is `sp`, without that `p` (section 4.7)."""
        chain: tuple[Applies, ...] = ("np", "sp", "p")
        published = {tag.name.lower() for tag in self.record.tags.tags}
        wanted = chain[chain.index(self.applies) :]
        return next((tag for tag in wanted if tag in published), "p")


@dataclass(frozen=True)
class ReportDestination:
    """One usable report mailbox and what DNS says about it.

    `authorization` is the answer at ``<policy domain>._report._dmarc.<host>`` where the host
    is somebody else's (RFC 9990 section 4), else None; so is what was not asked.
    """

    tag: Literal["rua", "ruf"]
    uri: ReportUri
    domain: Domain
    external: bool
    authorization: Answer | None = None
    mx: Answer | None = None
    addresses: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class DmarcFacts:
    """DMARC of one author domain.

    `steps` are all ``_dmarc`` names that were read, by the domain above them; the walk of
    the author and of each identifier is taken from them. `existence` are answers at the
    author domain itself. `misplaced` is the answer at ``_dmarc.<author>.<zone>``, asked
    where the right name holds nothing.
    """

    author: Domain
    steps: Mapping[Domain, Step]
    existence: tuple[Answer, ...] = ()
    destinations: tuple[ReportDestination, ...] = ()
    misplaced: Answer | None = None
    identifiers: tuple[Domain, ...] = ()

    @cached_property
    def walk(self) -> Walk:
        """The walk of the author domain, up to where a receiver stops."""
        return Walk.over(self.author, self.steps) or Walk(self.author, ())

    @property
    def author_step(self) -> Step | None:
        """What stands at ``_dmarc.<author>``; None where no such name can exist."""
        return self.steps.get(self.author)

    @property
    def author_record(self) -> Observed[DmarcRecord]:
        """The record at ``_dmarc.<author>`` itself, whether or not it is acted on."""
        step = self.author_step
        return Absent(nxdomain=True) if step is None else step.seen

    @property
    def organizational(self) -> Domain | None:
        """The organizational domain by the walk (section 4.10.2); None: see the next."""
        return self.walk.organizational

    @property
    def organizational_unknown(self) -> Unknown | None:
        """Why the organizational domain is not known, where it is not."""
        return self.walk.unknown if self.organizational is None else None

    @cached_property
    def suffix_organizational(self) -> Domain:
        """The organizational domain as RFC 7489 finds it, with the public suffix list."""
        from sendgate.dmarc.suffixes import registrable

        return registrable(self.author) or self.author

    @cached_property
    def exists(self) -> bool | None:
        """Whether the author domain exists (appendix A.4: any data or NODATA); None: unknown."""
        # A name below the author domain that exists shows that it does too (RFC 8020).
        below = () if self.author_step is None else (self.author_step.answer,)
        told = [a for a in (*self.existence, *below) if not isinstance(a, Failed)]
        if any(answer.aliases or not isinstance(answer, NxDomain) for answer in told):
            return True
        return False if any(answer in told for answer in self.existence) else None

    @property
    def exists_unknown(self) -> Unknown | None:
        """Why it is not known whether the author domain exists, where it is not."""
        if self.exists is not None:
            return None
        failed = next((a for a in self.existence if isinstance(a, Failed)), None)
        return (
            Unknown.of(failed) if failed else Unknown(Question(self.author, "A"), Reason.NOT_ASKED)
        )

    @cached_property
    def policy(self) -> Observed[AppliedPolicy]:
        """The policy for mail from the author domain (RFC 9989 section 4.10.1)."""
        step = self.walk.policy_step
        if isinstance(step, Unknown):
            return step
        if step is None or step.record is None:
            return Absent(self._nothing_below, self._walk_evidence)
        evidence = step.seen.evidence if isinstance(step.seen, Present) else ()
        if step.domain == self.author:
            return Present(_applied(step, step.record, "p"), evidence)
        tag: Applies = "np" if self.exists is False else "sp"
        record = step.record
        differ = record.policy_when_published("sp") != record.policy_when_published("np")
        if self.exists is None and differ and self.exists_unknown is not None:
            return self.exists_unknown
        return Present(_applied(step, record, tag), evidence)

    @property
    def _nothing_below(self) -> bool:
        return all(isinstance(step.answer, NxDomain) for step in self.walk.steps)

    @property
    def _walk_evidence(self) -> tuple[Evidence, ...]:
        return tuple(e for step in self.walk.steps for e in evidence_of(step.answer))

    @property
    def inherited(self) -> bool:
        """Whether the policy comes from a domain above the author's."""
        return isinstance(self.policy, Present) and self.policy.value.domain != self.author

    def organizational_of(self, name: Domain) -> Domain | None:
        """Give the organizational domain of an identifier; None where its walk is not all known."""
        walk = Walk.over(name, self.steps)
        return None if walk is None else walk.organizational

    def unknown_of(self, name: Domain) -> Unknown | None:
        """Give the question that failed on an identifier's walk, if any."""
        walk = Walk.over(name, self.steps)
        return None if walk is None else walk.unknown

    def aligns(self, name: Domain, *, strict: bool = False) -> bool | None:
        """Whether an authenticated `name` aligns with the author domain (section 4.4).

        None where a question failed that decides it. An organizational domain lies on the
        way up, so a name outside the author's needs no walk of its own to be unaligned.
        """
        if name == self.author:
            return True
        if strict:
            return False  # a comparison of names, no walk
        if self.organizational is None:
            return None
        if not name.is_under(self.organizational):
            return False
        other = self.organizational_of(name)
        return None if other is None else other == self.organizational


def facts_from(
    author: Domain,
    answers: Sequence[tuple[Domain, Answer]],
    existence: Sequence[Answer] = (),
    identifiers: Sequence[Domain] = (),
) -> DmarcFacts:
    """Read facts from answers at ``_dmarc`` names, each given with the domain above it."""
    steps = {domain: read_step(domain, answer) for domain, answer in answers}
    return DmarcFacts(author, steps, tuple(existence), identifiers=tuple(identifiers))


def report_name(policy_domain: Domain, host: Domain) -> Domain | None:
    """Where `host` agrees to take reports about `policy_domain` (RFC 9990 section 4).

    None where that is too long to be a name: nobody can agree by it.
    """
    return host.fitting_child(f"{policy_domain}._report._dmarc")


def _applied(step: Step, record: DmarcRecord, applies: Applies) -> AppliedPolicy:
    return AppliedPolicy(
        domain=step.domain,
        record=record,
        applies=applies,
        policy=record.policy_when_published(applies),
        effective_policy=record.requested(applies),
        processed=record.processed,
    )

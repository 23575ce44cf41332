"""The audits of one tree: every mail name of a reading, asked through the repository's zones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sendgate.audit.infer import SenderOptions
from sendgate.audit.report import Report
from sendgate.audit.run import audit
from sendgate.dns.answers import (
    Answer,
    Failed,
    Question,
    Records,
)
from sendgate.dns.overlay import OverlaySource
from sendgate.dns.source import DnsSource, RunSource
from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.profile import Profile
from sendgate.repo.mail import MailName, mail_names, profiles_of
from sendgate.repo.reading import Place, Reading, Unread
from sendgate.repo.source import RepositorySource, views_of

__all__ = ["Audited", "Outside", "TreeAudit", "audit_tree"]

_AT_A_TIME = 16  # audits under way; more of them only wait for the same live answers


@dataclass(frozen=True)
class Outside:
    """What answers outside the repository, and the clock and seed of the run.

    `live`: the source asks live DNS, which then also fills what the repository leaves open.
    """

    source: DnsSource
    time: datetime
    seed: str
    live: bool = False


@dataclass(frozen=True)
class Audited:
    """One unfiltered audit, the view it was made in, and every question it asked."""

    report: Report
    view: str
    questions: frozenset[Question]

    @property
    def domain(self) -> Domain:
        """The domain that was audited."""
        return self.report.domain


@dataclass
class TreeAudit:
    """The audits of one reading, in the order of zones and names, and what they asked.

    `sources` are the views' answers, `names` what was found to take part in mail.
    """

    reading: Reading
    sources: dict[str, DnsSource] = field(default_factory=dict)
    names: dict[str, dict[Domain, MailName]] = field(default_factory=dict)
    audits: list[Audited] = field(default_factory=list)
    reused: int = 0

    def known(self, profile: Profile, view: str) -> Audited | None:
        """Find the audit of exactly this profile in this view."""
        found = self._found.get((view, profile.sending), ())
        return next((e for e in found if e.report.facts.profile == profile), None)

    def add(self, entry: Audited) -> None:
        """Take an audit in, behind the others."""
        self.audits.append(entry)
        self._found.setdefault((entry.view, entry.domain), []).append(entry)

    def leave_out(self, name: Domain, view: str, error: DomainError) -> None:
        """Tell of a name so long that no selector or policy fits in front of it."""
        known = self.names[view].get(name)
        apex = known.zone if known else name
        place = next((z.place for z in self.reading.zones if z.apex == apex), Place("."))
        problem = f"{name} cannot be audited, for with a label before it {error}"
        self.reading = replace(self.reading, unread=(*self.reading.unread, Unread(place, problem)))

    _found: dict[tuple[str, Domain], list[Audited]] = field(default_factory=dict, repr=False)


async def audit_tree(
    tree: TreeAudit,
    outside: Outside,
    senders: Sequence[tuple[Domain, SenderOptions]] = (),
    *,
    like: TreeAudit | None = None,
    heard: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Audit every mail name of the tree's reading, in their order.

    `like` is the audit of another tree: a name whose profile and answers are the same there
    is not audited again. `heard` is told how many audits of how many are done.
    """
    reading = tree.reading
    work: list[tuple[Profile, str]] = []
    for view in views_of(reading):
        zones = RepositorySource(reading, view, open_ended=outside.live)
        tree.sources[view] = RunSource(OverlaySource(zones, outside.source))
        names = dict(mail_names(reading, zones, view))
        if tree.names:
            own = {zone.apex for zone in reading.zones if zone.view == view}
            names = {name: known for name, known in names.items() if known.zone in own}
        tree.names[view] = names
        here = [(domain, options) for domain, options in senders if zones.covers(domain)]
        work += [(profile, view) for profile in profiles_of(names, here)]
    limit = asyncio.Semaphore(_AT_A_TIME)
    done = 0

    async def one(profile: Profile, view: str) -> Audited | None:
        nonlocal done
        async with limit:
            entry = await _reused(profile, view, tree, like)
            if entry is not None:
                tree.reused += 1
            else:
                try:
                    entry = await _audited(profile, view, tree.sources[view], outside)
                except DomainError as error:
                    tree.leave_out(profile.sending, view, error)
        done += 1
        heard(done, len(work))
        return entry

    tasks = [asyncio.ensure_future(one(*item)) for item in work]
    try:
        for task in tasks:
            entry = await task
            if entry is not None:
                tree.add(entry)
    finally:
        for task in tasks:
            task.cancel()


async def _audited(profile: Profile, view: str, source: DnsSource, outside: Outside) -> Audited:
    asked = _Asked(source)
    report = await audit(profile, asked, time=outside.time, seed=outside.seed)
    return Audited(report, view, frozenset(asked.questions))


async def _reused(
    profile: Profile, view: str, tree: TreeAudit, like: TreeAudit | None
) -> Audited | None:
    """Give the other tree's audit, where every question it asked has the same answer here."""
    known = like.known(profile, view) if like is not None else None
    if like is None or known is None or view not in like.sources:
        return None
    for question in known.questions:
        here = await tree.sources[view].ask(question)
        if _shape(here) != _shape(await like.sources[view].ask(question)):
            return None
    return known


def _shape(answer: Answer) -> object:
    """Give what an answer says, without where it was read and for how long it holds."""
    aliases = tuple((a.name, a.target, a.beside, a.others) for a in answer.aliases)
    if isinstance(answer, Records):
        data = tuple((record.data, record.ttl) for record in answer.records)
        return aliases, data, answer.wildcard, answer.authentic
    if isinstance(answer, Failed):
        return aliases, answer.reason, answer.detail
    return aliases, type(answer), answer.zone


@dataclass
class _Asked:
    """Passes questions on and keeps them."""

    source: DnsSource
    questions: set[Question] = field(default_factory=set)

    async def ask(self, question: Question) -> Answer:
        self.questions.add(question)
        return await self.source.ask(question)

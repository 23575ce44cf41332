"""Round by round from what is published to a proposal after which nothing more is proposed.

    audit ─► steps ─► edits ─► laid over DNS ─► audit ─► … ─► changes, needs, the last audit

Each round's audit goes through the answers of one run, so a question is put once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sendgate.audit.judge import Policy
from sendgate.audit.report import Finding, Report
from sendgate.audit.run import audit
from sendgate.dns.answers import Answer, Failed, NoData, NxDomain, Question, Records, Target
from sendgate.dns.probe import new_seed
from sendgate.dns.source import DnsSource, RunSource
from sendgate.names import Domain
from sendgate.observed import Present, Unknown
from sendgate.profile import Profile
from sendgate.records.dmarc import dmarc
from sendgate.records.keys import keys
from sendgate.records.laid import laid_over
from sendgate.records.path import mail_hosts, path
from sendgate.records.plan import (
    DEFAULT_TTL,
    Change,
    Edit,
    Key,
    Need,
    Proposal,
    RecordSet,
    Supplied,
)
from sendgate.records.shown import shown
from sendgate.records.spf import spf
from sendgate.records.standing import BESIDE, in_use
from sendgate.records.task import Step, Task
from sendgate.records.wildcards import kept_from_wildcards
from sendgate.spf.facts import MAX_LOOKUPS, SpfFacts
from sendgate.topology import providers
from sendgate.vocabulary import Rule

__all__ = ["propose"]

_ROUNDS = 6
_STEPS: tuple[Callable[[Task], Step], ...] = (keys, path, spf, dmarc, mail_hosts, shown)
_BESIDE = (
    "A",
    "AAAA",
    "MX",
    "TXT",
    "CAA",
    "HTTPS",
    "SRV",
    "NS",
)  # what may stand where a CNAME is to be
_AREAS = {
    "dkim": ("DKIM", "ALN", "TOP", "RCV"),
    "path": ("TOP", "MX", "DNS", "SPF", "ALN", "RCV"),
    "spf": ("SPF", "ALN", "TOP", "RCV"),
    "dmarc": ("DMARC", "ALN", "BIMI", "RCV"),
    "mx": ("MX", "TOP", "RCV"),
    "shown": (),
    "kept": (),
}


async def propose(
    profile: Profile,
    source: DnsSource,
    supplied: Supplied,
    *,
    policy: Policy | None = None,
    rules: Sequence[Rule] | None = None,
    time: datetime | None = None,
    seed: str | None = None,
) -> Proposal:
    """Propose what is to be published so that the audit of this sender passes.

    `source` should be a `RunSource`. Nothing rests on an answer that failed. What no option
    and no record tells is needed, and is never made up.
    """
    work = _Work(profile, RunSource(source), supplied, policy or Policy(), rules,
                 time or datetime.now(UTC), seed or new_seed())  # fmt: skip
    return await work.run()


class _Work:
    """One proposal while it is made."""

    def __init__(
        self,
        profile: Profile,
        source: DnsSource,
        supplied: Supplied,
        policy: Policy,
        rules: Sequence[Rule] | None,
        time: datetime,
        seed: str,
    ) -> None:
        self._profile, self._source, self._supplied = profile, source, supplied
        self._policy, self._rules, self._time, self._seed = policy, rules, time, seed
        self._edits: dict[Key, Edit] = {}
        self._whys: dict[Key, list[str]] = {}
        self._unsure: set[Key] = set()
        self._refused: set[str] = set()
        self._closed: set[Key] = set()  # where no text is good enough
        self._notes: list[str] = []
        self._unseen: dict[Unknown, None] = {}

    async def run(self) -> Proposal:
        """Go on until a round proposes nothing more."""
        before = report = await self._audit()
        needs: list[Need] = []
        for _ in range(_ROUNDS):
            task = replace(self._task(report, before), texts=await self._texts())
            said = [one for step in _STEPS for one in step(task)]
            needs = [one for one in said if isinstance(one, Need)]
            edits = [one for one in said if isinstance(one, Edit) and self._is_new(one)]
            edits = [one for one in edits if await self._is_wanted(one)]
            edits = await self._harmless(edits, needs)
            if not edits:
                break
            earlier = self._edits, self._whys, self._unsure
            self._edits, self._unsure = dict(self._edits), set(self._unsure)
            self._whys = {key: list(whys) for key, whys in self._whys.items()}
            self._take(edits)
            kept, notes = await kept_from_wildcards(tuple(self._edits.values()), self._source)
            self._take(kept)
            self._notes += [note for note in notes if note not in self._notes]
            report = await self._audit()
            if self._is_refused(before, report, earlier[0]):
                self._edits, self._whys, self._unsure = earlier
                report = await self._audit()
        changes = await self._changes(before, report)
        provider = self._task(report, before).provider
        undecided = [item.unknown for item in report.unknown if item.decisive]
        unseen = dict.fromkeys((*self._unseen, *undecided))
        return Proposal(
            before,
            report,
            provider,
            changes,
            tuple(dict.fromkeys(needs)),
            tuple(unseen),
            tuple(self._notes),
            self._policy.fail_on,
        )

    async def _audit(self) -> Report:
        laid: DnsSource = self._source
        if self._edits:
            laid = RunSource(laid_over(self._source, self._edits.values()))
        return await audit(self._profile, laid, policy=self._policy, rules=self._rules,
                           time=self._time, seed=self._seed)  # fmt: skip

    async def _texts(self) -> dict[Domain, Answer]:
        """Ask for the texts beside which shown ones are to stand."""
        laid = laid_over(self._source, self._edits.values())
        names = {one.name for one in self._supplied.shown if one.rdtype == "TXT"}
        return {name: await laid.ask(Question(name, "TXT")) for name in names}

    def _task(self, report: Report, before: Report) -> Task:
        facts = report.facts
        named = before.facts.provider or facts.provider
        provider = providers.find(named) if named else None
        return Task(facts, report.findings, provider, self._supplied, self._policy.fail_on,
                    frozenset(self._refused))  # fmt: skip

    def _is_new(self, edit: Edit) -> bool:
        known = self._edits.get(edit.key)
        changes = known is None or set(known.data) != set(edit.data)
        return changes and edit.key not in self._closed

    async def _is_wanted(self, edit: Edit) -> bool:
        """Whether what stands there is known, and is another thing; else nothing is proposed."""
        answer = await self._source.ask(Question(edit.name, edit.rdtype))
        if isinstance(answer, Failed) and not answer.aliases:
            self._unseen[Unknown.of(answer)] = None
            return False
        if edit.key in self._edits:
            return True
        there = await self._published(edit.name, edit.rdtype, edit.name)
        return set(edit.data) != set(() if there is None else there.data)

    async def _harmless(self, edits: Iterable[Edit], needs: list[Need]) -> list[Edit]:
        """Leave out what would take away something that is in use; that is a decision."""

        async def published(name: Domain, rdtype: str) -> RecordSet | None:
            return await self._published(name, rdtype, name)

        kept = []
        for edit in edits:
            need = await in_use(edit, published, self._source)
            if need is None:
                kept.append(edit)
            else:
                needs.append(need)
        return kept

    def _take(self, edits: Iterable[Edit]) -> None:
        for edit in edits:
            if edit.rdtype == "CNAME" and edit.data:
                for key in [key for key in self._edits if key[0] == edit.name]:
                    del self._edits[key]
            elif (edit.name, "CNAME") in self._edits:
                del self._edits[edit.name, "CNAME"]
            self._edits[edit.key] = edit
            whys = self._whys.setdefault(edit.key, [])
            if edit.why not in whys:
                whys.append(edit.why)
            if edit.unconfirmed:
                self._unsure.add(edit.key)

    def _is_refused(self, before: Report, report: Report, earlier: dict[Key, Edit]) -> bool:
        """Whether the SPF record of the last edits does harm, and is taken back."""
        name = report.facts.spf_domain
        edit = self._edits.get((name, "TXT"))
        if edit is None or edit is earlier.get((name, "TXT")):
            return False
        if _finds(report, "SPF011") and not _finds(before, "SPF011"):
            self._closed.add(edit.key)
            self._notes.append(
                f"the SPF records of {name} are left as they are: receivers evaluate none of them, "
                "and what they stand for together would let every host on the Internet pass"
            )
            return True
        return self._is_beyond(before, report, edit)

    def _is_beyond(self, before: Report, report: Report, edit: Edit) -> bool:
        """Whether the last edits took SPF beyond its lookups; the includes are then refused."""
        was, now = _spf(before), _spf(report)
        if was is None or now is None or now.lookups <= MAX_LOOKUPS or was.lookups > MAX_LOOKUPS:
            return False
        known = {str(term) for record in was.candidates for term in str(record.data).split()}
        added = {w for d in edit.data for w in str(d).split()
                 if w.startswith("include:") and w not in known}  # fmt: skip
        joined = {f"include:{term[9:]}" for term in known if term.lower().startswith("redirect=")}
        new = sorted(added - joined - self._refused)
        if not added:
            return False
        if not new:
            # A redirect that became an include stands for what is there, in its only other form.
            self._closed.add(edit.key)
            new = sorted(added & joined)
            if not new:
                return True
        self._refused |= set(new)
        self._notes.append(
            f"{' '.join(new)} is not proposed: with it the SPF record of {edit.name} would take "
            f"{now.lookups} DNS lookups, and receivers stop at {MAX_LOOKUPS}. Take away what no "
            "longer sends, or give this sender a return path of its own"
        )
        return True

    async def _changes(self, before: Report, after: Report) -> tuple[Change, ...]:
        mended = _mended(before, after)
        names = {edit.name for edit in self._edits.values()}
        found: list[Change] = []
        gone: dict[Key, Change] = {}
        for edit in sorted(self._edits.values(), key=lambda e: (e.name.labels[::-1], e.rdtype)):
            zone = await self._zone(edit.name)
            old = await self._published(edit.name, edit.rdtype, zone)
            for removed in await self._in_the_way(edit, zone):
                if removed.key not in self._edits:
                    why = (
                        "a CNAME stands alone at its name"
                        if "CNAME" in (edit.rdtype, removed.rdtype) else ""
                    )  # fmt: skip
                    mends = _about(edit, mended, names)
                    gone[removed.key] = Change(removed, None, (why,), mends,
                                               exact_ttl=await self._exact(removed))  # fmt: skip
            new = None
            if edit.data:
                ttl = old.ttl if old is not None and await self._exact(old) else DEFAULT_TTL
                new = RecordSet(edit.name, edit.rdtype, ttl, edit.data, zone)
            if old is None and new is None:
                continue
            if old is not None and new is not None and set(old.data) == set(new.data):
                continue
            found.append(Change(old, new, tuple(self._whys[edit.key]), _about(edit, mended, names),
                                edit.key in self._unsure,
                                old is None or await self._exact(old)))  # fmt: skip
        return (*gone.values(), *found)

    async def _published(self, name: Domain, rdtype: str, zone: Domain) -> RecordSet | None:
        """Give the records that are published at exactly this name."""
        answer = await self._source.ask(Question(name, "TXT" if rdtype == "CNAME" else rdtype))
        if isinstance(answer, Failed) and not answer.aliases and answer.reason.was_asked:
            self._unseen[Unknown.of(answer)] = None
        alias = answer.aliases[0] if answer.aliases and answer.aliases[0].name == name else None
        if rdtype == "CNAME":
            if alias is None or _from_wildcard(answer):
                return None
            data = tuple(Target(target) for target in (alias.target, *alias.others))
            return RecordSet(name, "CNAME", alias.ttl, data, zone)
        if alias is not None or not isinstance(answer, Records) or _from_wildcard(answer):
            return None
        return RecordSet(name, rdtype, answer.ttl, tuple(r.data for r in answer.records), zone)

    async def _in_the_way(self, edit: Edit, zone: Domain) -> list[RecordSet]:
        """Give the sets that cannot stay at the name beside what is proposed there."""
        if not edit.data:
            return []
        types = BESIDE if edit.rdtype == "CNAME" else ("CNAME",)
        found = [await self._published(edit.name, rdtype, zone) for rdtype in types]
        return [one for one in found if one is not None]

    async def _exact(self, records: RecordSet) -> bool:
        """Whether the TTL that was seen is the published one: a file's, not a resolver's."""
        answer = await self._source.ask(
            Question(records.name, "TXT" if records.rdtype == "CNAME" else records.rdtype)
        )
        seen = answer.aliases[0].origin if answer.aliases else answer.origin
        return seen is not None and seen.kind == "file"

    async def _zone(self, name: Domain) -> Domain:
        """Find the zone that a name is published in; without an answer, its registrable domain."""
        from sendgate.dmarc.suffixes import is_suffix_or_above, registrable

        for above in (name, *name.ancestors):
            answer = await self._source.ask(Question(above, "SOA"))
            if isinstance(answer, Failed) or answer.aliases:
                continue
            if isinstance(answer, Records):
                return above
            if isinstance(answer, NoData | NxDomain) and answer.zone is not None:
                if is_suffix_or_above(answer.zone):
                    break  # the domain is not delegated yet: its zone is still to be made
                return answer.zone
        return registrable(name) or name


def _spf(report: Report) -> SpfFacts | None:
    seen = report.facts.spf
    return seen.value if isinstance(seen, Present) else None


def _finds(report: Report, rule: str) -> bool:
    return any(finding.rule.id == rule for finding in report.findings)


def _from_wildcard(answer: Answer) -> bool:
    return isinstance(answer, Records | NoData) and answer.wildcard is not None


def _mended(before: Report, after: Report) -> list[Finding]:
    """Give the findings that the proposal takes away, notes aside."""
    left = {(finding.rule.id, finding.message) for finding in after.findings}
    return [
        finding
        for finding in before.findings
        if finding.severity.rank and (finding.rule.id, finding.message) not in left
    ]


def _about(edit: Edit, mended: Iterable[Finding], names: set[Domain]) -> tuple[str, ...]:
    """Give the rules that this edit is about, of those whose findings it may take away."""
    found = []
    for finding in mended:
        at = {piece.name for piece in finding.evidence} & names
        if finding.rule.area in _AREAS[edit.area] and (not at or edit.name in at):
            found.append(finding.rule.id)
    return tuple(dict.fromkeys(found))

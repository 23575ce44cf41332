"""What the texts of a repository show around one audited domain, for the rules to judge.

    Reading, audits ──► text_facts ──► TextFacts per domain ──► rules

A thing belongs to the audited domain at or closest above its name. What an audit has already
reported at the very record is left out here: one fault, one finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sendgate.audit.facts import DomainFacts
from sendgate.audit.report import Finding
from sendgate.dns.answers import Target, Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.names import Domain
from sendgate.repo.reading import DeclaredZone, Slip, SlipKind
from sendgate.repo.texts import Kind, is_near_miss, kind_of, place_of
from sendgate.spf.record import is_spf

__all__ = ["LeftBehind", "Reported", "TextFacts", "Zones", "about_mail", "text_facts"]

# Labels below which only mail looks for records.
_MAIL_LABELS = {"_dmarc", "_domainkey", "_mta-sts", "_bimi", "_tls"}
# The rules of an audit that tell the same fault, at the same record.
_TELLING_TEXT = frozenset(
    {"SPF003", "SPF018", "DMARC003", "DMARC017", "DKIM012", "DKIM024", "DKIM025"}
)
_TELLING = {
    SlipKind.SPREAD: frozenset({"DKIM012"}),
    SlipKind.QUOTED: frozenset({"SPF003", "DMARC003", "DKIM005", "DKIM024"}),
    SlipKind.WRAPPED: frozenset({"SPF003", "DMARC003", "DKIM024"}),
    SlipKind.SPLIT_BY_SPACE: frozenset({"SPF003", "SPF018", "DMARC003", "DKIM024"}),
    SlipKind.DOUBLED_ORIGIN: frozenset({"DMARC017"}),
}


@dataclass(frozen=True)
class LeftBehind:
    """A record of a parent's file at or below a delegation; `cut` is one of its NS records.

    `repeated`: the zone that is delegated publishes the same.
    """

    record: ZoneRecord
    cut: ZoneRecord
    repeated: bool


@dataclass(frozen=True)
class TextFacts:
    """What the files show for one audited domain; `audit` is what its audit saw.

    `apex`: the domain is a zone of the repository, and no `[[sender]]` declares it. `slips`
    are mistakes of writing, `misses` texts that no receiver takes for what they were meant
    to be, `strays` texts that stand where no receiver looks, `left` records that are never
    answered. `placed` holds the name and type of every record of the repository.
    """

    audit: DomainFacts
    apex: bool = False
    slips: tuple[Slip, ...] = ()
    misses: tuple[ZoneRecord, ...] = ()
    strays: tuple[ZoneRecord, ...] = ()
    left: tuple[LeftBehind, ...] = ()
    placed: frozenset[tuple[Domain, str]] = frozenset()
    with_spf: frozenset[Domain] = frozenset()


class Reported:
    """What audits have reported: the rules at a name and type, and on each of its values."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._at: dict[tuple[Domain, str], set[str]] = defaultdict(set)
        self._on: dict[tuple[Domain, str, str], set[str]] = defaultdict(set)
        for finding in findings:
            for piece in finding.evidence:
                self._at[piece.name, piece.rdtype].add(finding.rule.id)
                for value in piece.values:
                    self._on[piece.name, piece.rdtype, value].add(finding.rule.id)

    def any_at(self, name: Domain, rdtype: str, rules: frozenset[str]) -> bool:
        """Whether one of the rules has spoken of the name and type."""
        return bool(self._at.get((name, rdtype), set()) & rules)

    def any_on(self, record: ZoneRecord, rules: frozenset[str]) -> bool:
        """Whether one of the rules has spoken of this record."""
        key = record.name, record.rdtype, str(record.data)
        return bool(self._on.get(key, set()) & rules)


@dataclass
class _Gathered:
    slips: list[Slip] = field(default_factory=list)
    misses: list[ZoneRecord] = field(default_factory=list)
    strays: list[ZoneRecord] = field(default_factory=list)
    left: list[LeftBehind] = field(default_factory=list)


def text_facts(
    audits: Mapping[Domain, DomainFacts],
    records: Iterable[ZoneRecord],
    slips: Iterable[Slip],
    zones: Iterable[DeclaredZone],
    reported: Reported,
    unread: frozenset[Domain] = frozenset(),
) -> dict[Domain, TextFacts]:
    """Sort what the files show to the audited domains that it belongs to.

    A text at a name of its own is no stray in a zone of which not all is shown (another
    source feeds it, or it is `unread`): an alias that is not shown may lead to it.
    """
    declared = tuple(zones)
    open_zones = unread | {zone.apex for zone in declared if zone.incomplete}
    held = Zones(records)
    found = _gathered(audits, held, slips, reported, open_zones)
    apexes = {zone.apex for zone in declared}
    own = {apex for apex in apexes if apex in audits and not audits[apex].profile.declared}
    return {
        domain: TextFacts(
            audits[domain],
            domain in own,
            tuple(made.slips),
            tuple(made.misses),
            tuple(made.strays),
            tuple(made.left),
            held.placed,
            held.with_spf,
        )
        for domain, made in found.items()
    }


def _gathered(
    audits: Iterable[Domain],
    held: Zones,
    slips: Iterable[Slip],
    reported: Reported,
    open_zones: Collection[Domain],
) -> dict[Domain, _Gathered]:
    found = {domain: _Gathered() for domain in audits}

    def home(name: Domain) -> _Gathered | None:
        return next((found[n] for n in (name, *name.ancestors) if n in found), None)

    for slip in dict.fromkeys(slips):
        place = home(slip.name) or home(slip.zone)
        if place is not None and about_mail(slip) and not _is_told(slip, reported):
            place.slips.append(slip)
    for left in held.left_behind():
        place = home(left.record.name)
        if place is not None:
            place.left.append(left)
    slipped = {(slip.name, slip.rdtype) for made in found.values() for slip in made.slips}
    for record in held.answered():
        place = home(record.name)
        if place is None or (record.name, record.rdtype) in slipped:
            continue
        if reported.any_on(record, _TELLING_TEXT):
            continue
        if held.is_stray(record):
            if record.zone not in open_zones:
                place.strays.append(record)
        elif isinstance(record.data, Txt) and _is_miss(record):
            place.misses.append(record)
    return found


def about_mail(slip: Slip) -> bool:
    """Whether a slip concerns mail: by its name, its type, or what it was meant to say."""
    if _MAIL_LABELS & set(slip.name.labels) or slip.rdtype == "MX":
        return True
    written = slip.written.split("\n")
    # A value may stand behind its key: `news: v=spf1 -all`.
    texts = (*written, *(text.partition(": ")[2] for text in written), slip.published or "")
    return any(kind_of(text.strip("\"' ")) is not None for text in texts)


def _is_told(slip: Slip, reported: Reported) -> bool:
    rules = _TELLING.get(slip.kind)
    return rules is not None and reported.any_at(slip.name, slip.rdtype, rules)


def _is_miss(record: ZoneRecord) -> bool:
    # At _dmarc and at selectors the audit reads whatever stands there.
    text = record.data.text if isinstance(record.data, Txt) else ""
    return place_of(record.name.labels) is None and is_near_miss(text)


class Zones:
    """The records of a repository by zone, with its delegations."""

    def __init__(self, records: Iterable[ZoneRecord]) -> None:
        self._records = tuple(records)
        self._cuts: dict[tuple[Domain, Domain], ZoneRecord] = {}
        self.placed = frozenset((record.name, record.rdtype) for record in self._records)
        self.with_spf = frozenset(
            r.name for r in self._records if isinstance(r.data, Txt) and is_spf(r.data.text)
        )
        self._published = {(r.name, r.rdtype, r.zone, r.data) for r in self._records}
        self._targets = {r.data.name for r in self._records if isinstance(r.data, Target)}
        for record in self._records:
            if record.rdtype == "NS" and record.name != record.zone:
                self._cuts.setdefault((record.zone, record.name), record)

    def left_behind(self) -> Iterator[LeftBehind]:
        """List the records for mail that stand at or below a delegation, one a name and type."""
        seen: set[tuple[Domain, str, Domain]] = set()
        for record in self._records:
            cut = self._cut(record)
            key = (record.name, record.rdtype, record.zone)
            if cut is None or key in seen or not _for_mail(record):
                continue
            seen.add(key)
            again = any(
                (record.name, record.rdtype, zone, record.data) in self._published
                for zone in (record.name, *record.name.ancestors)
                if zone != record.zone and zone.is_under(cut.name)
            )
            yield LeftBehind(record, cut, again)

    def answered(self) -> Iterator[ZoneRecord]:
        """List the records that DNS will show."""
        return (record for record in self._records if self._cut(record) is None)

    def is_stray(self, record: ZoneRecord) -> bool:
        """Whether the text of a DMARC record or a key stands where no receiver looks for one."""
        if not isinstance(record.data, Txt) or record.name in self._targets:
            return False  # the end of an alias may well have a name of its own
        kind = kind_of(record.data.text)
        labels = record.name.labels
        if kind is None or kind is Kind.SPF or "_report" in labels:
            return False
        return place_of(labels) is not kind

    def _cut(self, record: ZoneRecord) -> ZoneRecord | None:
        if not self._cuts or record.rdtype in {"NS", "DS"}:
            return None
        name = record.name
        while name != record.zone and name.labels:
            cut = self._cuts.get((record.zone, name))
            if cut is not None:
                return cut
            name = name.parent
        return None


def _for_mail(record: ZoneRecord) -> bool:
    if _MAIL_LABELS & set(record.name.labels) or record.rdtype == "MX":
        return True
    return isinstance(record.data, Txt) and kind_of(record.data.text) is not None

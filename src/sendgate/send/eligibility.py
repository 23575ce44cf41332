"""Eligibility: who may be mailed, and for each who may not, why. Pure; `now` is given.

The four conditions of marketing mail: the contact gave the address to this organization
itself and directly, consented verifiably, has neither opted out nor reported spam, and has
had mail from it, or consented, within the last 12 months. Mail that a contact asked for or
is owed (transactional) needs less; mail from one person to another lies between.

The first exclusion of `Exclusion`, in its order, is the one that counts.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sendgate.errors import AddressError
from sendgate.names import Domain
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign, Kind
from sendgate.send.contacts import MARKETING_COLUMNS, Contact, Problem
from sendgate.send.span import Span

__all__ = [
    "Eligible",
    "Excluded",
    "Exclusion",
    "Known",
    "Policy",
    "Tally",
    "Withdrawals",
    "judge",
    "judge_all",
]

CONTACT_PERIOD = Span(months=12)
REPORTED_PERIOD = Span(months=6)  # after this the unengaged are counted, where nothing is declared
CLOCK_SLACK = timedelta(days=1)  # a date of another time zone may lie ahead of ours


class Exclusion(StrEnum):
    """Why a contact is not mailed, in the order in which the reasons are tried."""

    NO_CONSENT = "no_consent"  # no date, source or proof of consent, or a date to come
    NOT_DIRECT = "not_direct"  # the address did not come from the contact itself
    OPTED_OUT = "opted_out"
    SPAM_REPORTED = "spam_reported"
    NOT_MAILED_IN_12_MONTHS = "not_mailed_in_12_months"  # nor consented in that time
    SUPPRESSED = "suppressed"
    INVALID_ADDRESS = "invalid_address"
    DUPLICATE = "duplicate"  # an earlier row of the list has the same recipient
    NULL_MX_DOMAIN = "null_mx_domain"  # RFC 7505: the domain takes no mail
    NO_SUCH_DOMAIN = "no_such_domain"
    RENDER_ERROR = "render_error"  # found when the message is composed
    UNENGAGED = "unengaged"  # only where the campaign declares `unengaged-after`


_MARKETING_ONLY = {
    Exclusion.NO_CONSENT,
    Exclusion.NOT_DIRECT,
    Exclusion.NOT_MAILED_IN_12_MONTHS,
    Exclusion.UNENGAGED,
}
_SPARED = {
    Kind.MARKETING: set[Exclusion](),
    Kind.ONE_TO_ONE: _MARKETING_ONLY,
    Kind.TRANSACTIONAL: {*_MARKETING_ONLY, Exclusion.OPTED_OUT},
}


@dataclass(frozen=True)
class Policy:
    """What a campaign asks of its contacts.

    `knows_engagement` is false where the list has no ``last_engaged_at``: then nobody can
    be called unengaged.
    """

    kind: Kind
    unengaged_after: Span | None = None
    knows_engagement: bool = True

    @classmethod
    def of(cls, campaign: Campaign, columns: Collection[str]) -> Policy:
        """The policy of a campaign for a list with these columns."""
        return cls(campaign.kind, campaign.unengaged_after, "last_engaged_at" in columns)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns without which no contact of the list could be judged."""
        if self.kind is not Kind.MARKETING:
            return ("email",)
        return (*MARKETING_COLUMNS, *(("last_engaged_at",) if self.unengaged_after else ()))

    def applies(self, code: Exclusion) -> bool:
        """Whether this kind of mail knows this exclusion."""
        return code not in _SPARED[self.kind]


@dataclass(frozen=True, slots=True)
class Eligible:
    """A contact that may be mailed. `unengaged`: it has shown no interest for long."""

    address: Address
    unengaged: bool = False


@dataclass(frozen=True, slots=True)
class Excluded:
    """A contact that is not mailed; `address` is None where it is none."""

    code: Exclusion
    detail: str
    address: Address | None = None


def _never(_: object) -> bool:
    return False


def _no_fault(_: Domain) -> Exclusion | None:
    return None


@dataclass(frozen=True)
class Known:
    """What is known beyond a contact's own row; by default, nothing.

    `suppressed` looks an address up in the suppression list, `seen` among those already
    found eligible in this campaign. `withdrawn` gives OPTED_OUT or SPAM_REPORTED where
    another row of the list says so of the same recipient. `domain_fault` gives
    NULL_MX_DOMAIN or NO_SUCH_DOMAIN for a domain that was looked up and takes no mail.
    """

    suppressed: Callable[[Address], bool] = _never
    seen: Callable[[Address], bool] = _never
    withdrawn: Callable[[Address], Collection[Exclusion]] = lambda _: ()
    domain_fault: Callable[[Domain], Exclusion | None] = _no_fault


def judge(
    contact: Contact,
    policy: Policy,
    now: datetime,
    known: Known = Known(),
) -> Eligible | Excluded:
    """Decide on one contact at `now` (aware, UTC)."""
    return _judge(contact, policy, _Calendar.of(policy, now), known)


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The moments that `now` and a policy make; the first day of a period counts as a whole."""

    contact_from: datetime
    engaged_from: datetime
    until: datetime  # what lies later is yet to come

    @classmethod
    def of(cls, policy: Policy, now: datetime) -> _Calendar:
        engaged = policy.unengaged_after or REPORTED_PERIOD
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(CONTACT_PERIOD.before(midnight), engaged.before(midnight), now + CLOCK_SLACK)

    def was_in_contact(self, contact: Contact) -> bool:
        """Whether it was mailed, or consented, in the last 12 months."""
        return self._any(self.contact_from, contact.last_mailed_at, contact.consent_at)

    def was_engaged(self, contact: Contact) -> bool:
        """Whether it showed interest, or consented, in the period that the campaign asks for."""
        return self._any(self.engaged_from, contact.last_engaged_at, contact.consent_at)

    def _any(self, start: datetime, first: datetime | None, second: datetime | None) -> bool:
        return bool(first and start <= first <= self.until) or bool(
            second and start <= second <= self.until
        )


def _judge(
    contact: Contact, policy: Policy, calendar: _Calendar, known: Known
) -> Eligible | Excluded:
    try:
        address, fault = Address.parse(contact.email), ""
    except AddressError as error:
        address, fault = None, str(error)
    for code, detail in _reasons(contact, address, fault, calendar, known):
        if policy.applies(code):
            return Excluded(code, detail, address)
    assert address is not None  # or INVALID_ADDRESS, which applies to all mail, was given
    unengaged = policy.knows_engagement and not calendar.was_engaged(contact)
    if not unengaged or policy.kind is not Kind.MARKETING:
        return Eligible(address)
    if policy.unengaged_after:
        detail = f"not engaged in {policy.unengaged_after}"
        return Excluded(Exclusion.UNENGAGED, detail, address)
    return Eligible(address, unengaged=True)


Row = tuple[Contact, Eligible | Excluded]


def judge_all(
    rows: Iterable[Contact | Problem], policy: Policy, now: datetime, known: Known
) -> Iterator[Row | Problem]:
    """Decide on every row of a list; the second row of one recipient is a duplicate.

    Recipients met are remembered as 64-bit digests: about 30 MB for a million.
    """
    met = _Digests()

    def seen(address: Address) -> bool:
        return _digest(address) in met or known.seen(address)

    with_seen, calendar = replace(known, seen=seen), _Calendar.of(policy, now)
    for row in rows:
        if isinstance(row, Problem):
            yield row
            continue
        verdict = _judge(row, policy, calendar, with_seen)
        if isinstance(verdict, Eligible):
            met.add(_digest(verdict.address))
        yield row, verdict


@dataclass
class Tally:
    """How many rows ended how."""

    eligible: int = 0
    unengaged: int = 0  # of the eligible
    problems: int = 0
    excluded: Counter[Exclusion] = field(default_factory=Counter)

    def add(self, result: Eligible | Excluded | Problem) -> None:
        """Count one row."""
        match result:
            case Eligible(unengaged=unengaged):
                self.eligible += 1
                self.unengaged += unengaged
            case Excluded(code=code):
                self.excluded[code] += 1
            case Problem():
                self.problems += 1

    def exclude(self, code: Exclusion, number: int) -> None:
        """Count so many of the eligible as excluded after all."""
        self.eligible -= number
        self.excluded[code] += number

    @property
    def excluded_by(self) -> dict[str, int]:
        """The number of excluded contacts by every code, those that no contact met too."""
        return {code.value: self.excluded[code] for code in Exclusion}


class Withdrawals:
    """The recipients who, in any row of a list, have opted out or reported spam.

    Lists that were put together of several hold one recipient twice, and only one of the
    rows may know of the opt-out. Kept as sorted 64-bit digests: 8 octets a recipient.
    """

    def __init__(self, rows: Iterable[Contact | Problem]) -> None:
        digests: dict[Exclusion, array[int]] = {
            Exclusion.OPTED_OUT: array("Q"),
            Exclusion.SPAM_REPORTED: array("Q"),
        }
        for row in rows:
            if isinstance(row, Problem) or not (row.opted_out_at or row.spam_reported_at):
                continue
            try:
                digest = _digest(Address.parse(row.email))
            except AddressError:
                continue
            if row.opted_out_at:
                digests[Exclusion.OPTED_OUT].append(digest)
            if row.spam_reported_at:
                digests[Exclusion.SPAM_REPORTED].append(digest)
        self._digests = {code: array("Q", sorted(found)) for code, found in digests.items()}

    def __call__(self, address: Address) -> Collection[Exclusion]:
        """What any row says of this recipient."""
        if not any(self._digests.values()):
            return ()
        digest = _digest(address)
        return {code for code, found in self._digests.items() if _holds(found, digest)}


class _Digests:
    """A set of 64-bit digests in one array, an eighth of a set's memory: a hash table."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 10))  # 0: nothing there
        self._number = 0

    def __contains__(self, digest: int) -> bool:
        return self._slots[self._place(digest or 1)] != 0

    def add(self, digest: int) -> None:
        """Put a digest in, if it is not there."""
        digest = digest or 1
        place = self._place(digest)
        if self._slots[place]:
            return
        self._slots[place] = digest
        self._number += 1
        if self._number * 3 > len(self._slots) * 2:
            self._grow()

    def _place(self, digest: int) -> int:
        """Where the digest is, or else belongs: the first place from its own that is free."""
        slots, mask = self._slots, len(self._slots) - 1
        place = digest & mask
        while slots[place] not in (0, digest):
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        for digest in old:
            if digest:
                self._slots[self._place(digest)] = digest


def _holds(found: array[int], digest: int) -> bool:
    place = bisect_left(found, digest)
    return place < len(found) and found[place] == digest


def _digest(address: Address) -> int:
    return int.from_bytes(hashlib.blake2b(address.key.encode(), digest_size=8).digest())


def _reasons(
    contact: Contact,
    address: Address | None,
    fault: str,
    calendar: _Calendar,
    known: Known,
) -> Iterator[tuple[Exclusion, str]]:
    """Every reason against a contact, in the order of `Exclusion`, found as it is asked for."""
    if missing := _missing_consent(contact, calendar.until):
        yield Exclusion.NO_CONSENT, missing
    if not contact.direct:
        yield Exclusion.NOT_DIRECT, "the contact did not give the address itself and directly"
    withdrawn = known.withdrawn(address) if address else ()
    if contact.opted_out_at:
        yield Exclusion.OPTED_OUT, f"opted out at {contact.opted_out_at:%Y-%m-%d}"
    elif Exclusion.OPTED_OUT in withdrawn:
        yield Exclusion.OPTED_OUT, "opted out, as another row says"
    if contact.spam_reported_at:
        yield Exclusion.SPAM_REPORTED, f"reported spam at {contact.spam_reported_at:%Y-%m-%d}"
    elif Exclusion.SPAM_REPORTED in withdrawn:
        yield Exclusion.SPAM_REPORTED, "reported spam, as another row says"
    if not calendar.was_in_contact(contact):
        yield Exclusion.NOT_MAILED_IN_12_MONTHS, "neither mailed nor consenting in 12 months"
    if address is None:
        yield Exclusion.INVALID_ADDRESS, fault
        return
    yield from _reasons_of_address(address, known)


def _reasons_of_address(address: Address, known: Known) -> Iterator[tuple[Exclusion, str]]:
    if known.suppressed(address):
        yield Exclusion.SUPPRESSED, "on the suppression list"
    if known.seen(address):
        yield Exclusion.DUPLICATE, "an earlier row has the same recipient"
    match known.domain_fault(address.domain):
        case Exclusion.NULL_MX_DOMAIN:
            yield Exclusion.NULL_MX_DOMAIN, f"{address.domain} takes no mail (null MX)"
        case Exclusion.NO_SUCH_DOMAIN:
            yield Exclusion.NO_SUCH_DOMAIN, f"{address.domain} does not exist"


def _missing_consent(contact: Contact, until: datetime) -> str:
    """What is missing of a verifiable consent; empty where it is whole."""
    if contact.consent_at and contact.consent_at > until:
        return f"consent_at {contact.consent_at:%Y-%m-%d} is yet to come"
    if contact.consent_at and contact.consent_source and contact.consent_proof:
        return ""
    given = {
        "consent_at": contact.consent_at,
        "consent_source": contact.consent_source,
        "consent_proof": contact.consent_proof,
    }
    missing = [name for name, value in given.items() if not value]
    return f"{', '.join(missing)} empty"

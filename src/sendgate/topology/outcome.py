"""Which of the known layouts a sender's three names make, and what is to be said of it.

The six rows are those of the advice that sendgate starts from: three for mail sent from a
provider's shared addresses (the return path is the provider's), three for dedicated
addresses (the return path is the sender's own). A row is a *shape*, so it holds for any
names that relate to one another in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from sendgate.names import Domain
from sendgate.profile import Profile, SenderKind

__all__ = ["ROWS", "Outcome", "Row", "Topology", "outcome"]

Outcome = Literal["recommended", "common", "risky", "unlisted"]


class Place(Enum):
    """Where a name stands relative to the other two and to the root domain."""

    ROOT = "the organizational domain itself"
    SUBDOMAIN = "a name below the organizational domain"
    ELSEWHERE = "a name of its own"
    PROVIDER = "the provider's"
    SENDING = "the sending domain"
    UNFIT = "in no listed place"


@dataclass(frozen=True)
class Row:
    """One known layout: where content, sending and return path stand, and what follows."""

    id: str
    content: Place
    sending: Place
    return_path: Place
    outcome: Outcome
    why: str


_COMMON = (
    "mail leaves from the organizational domain: no DNS conflict, but a subdomain kept for mail "
    "would protect that domain's reputation"
)
_RECOMMENDED = (
    "mail has a subdomain of its own, apart from the content: no DNS conflict, and the "
    "organizational domain is shielded from the reputation of this mail"
)
_SHARED_NAME = (
    "content and mail share one name: the DNS provider may flag a conflict, so authentication "
    "may not proceed or may fail, and messages bounce"
)
_SAME_PATH = (
    "the return path is the sending domain itself: the DNS provider may flag a conflict and a "
    "conflicting MX, authentication fails, messages bounce, and the organization's own mail suffers"
)

ROWS: tuple[Row, ...] = (
    Row("S1", Place.ELSEWHERE, Place.ROOT, Place.PROVIDER, "common", _COMMON),
    Row("S2", Place.ELSEWHERE, Place.SUBDOMAIN, Place.PROVIDER, "recommended", _RECOMMENDED),
    Row("S3", Place.SENDING, Place.SUBDOMAIN, Place.PROVIDER, "risky", _SHARED_NAME),
    Row("D1", Place.ELSEWHERE, Place.ROOT, Place.ELSEWHERE, "common", _COMMON),
    Row("D2", Place.ELSEWHERE, Place.SUBDOMAIN, Place.ELSEWHERE, "recommended", _RECOMMENDED),
    Row("D3", Place.ELSEWHERE, Place.SUBDOMAIN, Place.SENDING, "risky", _SAME_PATH),
)


@dataclass(frozen=True)
class Topology:
    """The outcome of a layout and why, in one sentence without a final stop.

    `row` is the id of the row it matches, None for a layout beside the rows. `root` is the
    organizational domain it was judged by, None where that is not known.
    """

    outcome: Outcome
    why: str
    row: str | None = None
    root: Domain | None = None


def outcome(profile: Profile, organizational: Domain | None) -> Topology:
    """Judge the names of `profile`; `organizational` is the registrable domain of the sender.

    Give the public suffix list's answer for `organizational`, not the tree walk's: the walk
    ends at the sending domain itself where nobody has published DMARC, and would call every
    subdomain a root. Content that was only assumed never makes a layout risky. Without a
    declared kind of sender, a return path that is given decides between the two tables.
    """
    content = _place_of_content(profile)
    sending = _place_of_sending(profile.sending, organizational)
    path = _place_of_return_path(profile, organizational)
    for row in ROWS:
        if (row.content, row.sending, row.return_path) == (content, sending, path):
            return Topology(row.outcome, row.why, row.id, organizational)
    verdict, why = _beside_the_rows(profile, content, sending, path)
    return Topology(verdict, why, None, organizational)


def _place_of_content(profile: Profile) -> Place:
    for role in profile.content:
        if role.name == profile.sending:
            return Place.UNFIT if role.assumed else Place.SENDING
    return Place.ELSEWHERE


def _place_of_sending(sending: Domain, organizational: Domain | None) -> Place:
    if organizational is None or not sending.is_under(organizational):
        return Place.UNFIT
    return Place.ROOT if sending == organizational else Place.SUBDOMAIN


def _place_of_return_path(profile: Profile, organizational: Domain | None) -> Place:
    if profile.provider_return_path:
        return Place.PROVIDER
    if profile.return_path is None:
        # A dedicated or own sender has a return path of its own; which, nobody said.
        own = profile.sender in {SenderKind.DEDICATED, SenderKind.OWN}
        return Place.UNFIT if own else Place.PROVIDER
    path = profile.return_path.name
    if path == profile.sending:
        return Place.UNFIT if profile.sender is SenderKind.OWN else Place.SENDING
    if path in profile.declared_content:
        return Place.UNFIT
    if organizational is None or not path.is_under(organizational):
        own = profile.sender in {SenderKind.DEDICATED, SenderKind.OWN}
        return Place.UNFIT if own else Place.PROVIDER
    return Place.UNFIT if path == organizational else Place.ELSEWHERE


def _beside_the_rows(
    profile: Profile, content: Place, sending: Place, path: Place
) -> tuple[Outcome, str]:
    """Judge a layout that is none of the rows, by the nearest of them where one is near."""
    envelope = None if profile.return_path is None else profile.return_path.name
    if envelope != profile.sending and envelope in profile.declared_content:
        return "risky", (
            "return path and content share one name: the records of one shut out those of the "
            "other, so SPF fails or bounces are lost"
        )
    if path is Place.SENDING and profile.sender is SenderKind.DEDICATED:
        return "risky", _SAME_PATH
    if sending is Place.ROOT:
        return "common", _COMMON
    if content is Place.SENDING:
        return "risky", _SHARED_NAME
    if path is Place.SENDING:
        return "risky", _SAME_PATH
    if sending is Place.UNFIT:
        return "unlisted", "the organizational domain of the sender is not known"
    if content is Place.UNFIT:
        return "unlisted", "the content host was not declared, and the assumed one sends mail"
    if envelope == profile.sending:
        return "common", (
            "an own mail server uses one name for From and return path, as is usual for such a "
            "server"
        )
    if envelope is None:
        return "unlisted", "the return path was not declared"
    return "unlisted", (
        "the return path is neither the provider's nor a subdomain kept for it, which is none "
        "of the known layouts"
    )

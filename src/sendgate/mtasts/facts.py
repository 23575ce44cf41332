"""What was seen of a domain's MTA-STS: the record, and the policy where it was fetched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sendgate.dns.answers import Answer, Reason, Record
from sendgate.mtasts.record import Policy, StsRecord
from sendgate.names import Domain
from sendgate.observed import Observed

__all__ = ["NoPolicy", "PolicyFault", "StsFacts"]


class PolicyFault(StrEnum):
    """Why there is no policy."""

    OUT_OF_REACH = "out of reach"  # from here, now: says nothing of what others get
    REFUSED = "refused"  # the policy host answers, and not as RFC 8461 section 3.3 wants it
    MALFORMED = "malformed"  # a file is served that is no policy


@dataclass(frozen=True)
class NoPolicy:
    """A fetch that brought no policy: `detail` in words, `reason` where no host was reached."""

    fault: PolicyFault
    detail: str
    reason: Reason = Reason.UNREACHABLE


@dataclass(frozen=True)
class StsFacts:
    """The record at ``_mta-sts`` of a domain that receives mail, and its policy.

    `meant` are the TXT records there that are, or were meant as, a record of MTA-STS.
    `policy_host` answers for the address of ``mta-sts.DOMAIN``, asked only where policies
    are fetched and there is no record. `policy` is None where none was fetched.
    """

    domain: Domain
    answer: Answer
    observed: Observed[StsRecord]
    meant: tuple[Record, ...] = ()
    policy_host: Answer | None = None
    policy: Policy | NoPolicy | None = None

"""What alignment and DMARC will come to, before anything is sent (RFC 9989 section 4.4).

From facts alone: the From domain against the return path (SPF) and against each `d=`
(DKIM), and whether either mechanism can give the pass that alignment needs. What was not
declared stays open; an open question is never a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from sendgate.dkim.facts import DkimFacts, DkimKey
from sendgate.dmarc.facts import DmarcFacts
from sendgate.names import Domain
from sendgate.observed import Absent, Observed, Present, all_of, any_of
from sendgate.profile import Profile, Selector
from sendgate.spf.facts import SpfCheck, SpfFacts

__all__ = [
    "Alignment",
    "DkimAlignment",
    "DmarcResult",
    "SpfAlignment",
    "aligned",
    "predict",
    "spf_passes",
]

Mode = Literal["relaxed", "strict"]


class DmarcResult(StrEnum):
    """The DMARC result to expect for mail sent as declared."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SpfAlignment:
    """The From domain against the return path.

    `possible`: whether an SPF pass would align; None where the return path is not known
    or DNS did not tell. `can_pass`: whether that pass is to be expected too.
    """

    possible: bool | None
    mode: Mode
    domain: Domain | None
    why: str
    can_pass: bool | None


@dataclass(frozen=True)
class DkimAlignment:
    """The From domain against one `d=`; `can_pass` as in `SpfAlignment`, for its key."""

    selector: Selector
    aligned: bool | None
    can_pass: bool | None


@dataclass(frozen=True)
class Alignment:
    """The prediction for one sender."""

    spf: SpfAlignment
    dkim: tuple[DkimAlignment, ...]

    @property
    def spf_can_pass(self) -> bool | None:
        """Whether mail will have an SPF pass that aligns; None: not declared or not seen."""
        return self.spf.can_pass

    @property
    def dkim_can_pass(self) -> bool | None:
        """Whether mail can have a DKIM pass that aligns; None: not declared or not seen.

        Only named selectors count: a key at a guessed one may be another system's.
        """
        named = [d.can_pass for d in self.dkim if d.selector.named]
        return any_of(named) if named else None

    @property
    def result(self) -> DmarcResult:
        """The DMARC result that follows: one aligned pass is enough (RFC 9989 section 4.4)."""
        either = any_of([self.spf_can_pass, self.dkim_can_pass])
        return {True: DmarcResult.PASS, False: DmarcResult.FAIL, None: DmarcResult.UNKNOWN}[either]


def predict(
    profile: Profile,
    spf: Observed[SpfFacts],
    spf_checks: Sequence[SpfCheck],
    dkim: DkimFacts,
    dmarc: DmarcFacts,
) -> Alignment:
    """Predict alignment for the sender of `profile` from what was seen."""
    aspf, adkim = _modes(dmarc)
    keys = tuple(_dkim(key, dmarc, adkim) for key in dkim.keys)
    return Alignment(_spf(profile, spf, spf_checks, dmarc, aspf), keys)


def _modes(dmarc: DmarcFacts) -> tuple[Mode, Mode]:
    """Aspf and adkim of the record that applies; relaxed without one (RFC 9989 section 4.7)."""
    if not isinstance(dmarc.policy, Present):
        return "relaxed", "relaxed"
    record = dmarc.policy.value.record
    return (
        "strict" if record.aspf == "s" else "relaxed",
        "strict" if record.adkim == "s" else "relaxed",
    )


def aligned(identifier: Domain, dmarc: DmarcFacts, mode: Mode) -> bool | None:
    """Whether an authenticated identifier aligns with the From domain; None: DNS did not tell.

    Without any record this is by the public suffix list, as in `_organizational`.
    """
    if isinstance(dmarc.policy, Absent):
        return identifier.is_under(dmarc.suffix_organizational)
    return dmarc.aligns(identifier, strict=mode == "strict")


def _organizational(dmarc: DmarcFacts) -> Domain | None:
    """The author's organizational domain by the walk; by the suffix list without any record.

    Without a record the walk ends where it began (RFC 9989 section 4.10.2), which says
    nothing of how names will align once there is one; the list does.
    """
    return dmarc.suffix_organizational if isinstance(dmarc.policy, Absent) else dmarc.organizational


def _spf(
    profile: Profile,
    spf: Observed[SpfFacts],
    checks: Sequence[SpfCheck],
    dmarc: DmarcFacts,
    mode: Mode,
) -> SpfAlignment:
    role = profile.return_path
    if role is None:
        why = "the return path is not declared"
        return SpfAlignment(None, mode, None, why, None)
    author = profile.sending
    possible = aligned(role.name, dmarc, mode)
    match possible:
        case None:
            why = f"the organizational domain of {author} or {role.name} could not be read"
        case True if author == role.name:
            why = "the return path is the From domain itself"
        case True:
            why = (
                f"{role.name} and {author} share the organizational domain {_organizational(dmarc)}"
            )
        case False if mode == "strict":
            why = f"strict alignment asks for {author} itself, and the return path is {role.name}"
        case _:
            why = f"{role.name} is outside the organizational domain of {author}"
    can_pass = False if possible is False else spf_passes(spf, checks)
    return SpfAlignment(possible, mode, role.name, why, can_pass if possible is not None else None)


def spf_passes(spf: Observed[SpfFacts], checks: Sequence[SpfCheck]) -> bool | None:
    """Whether SPF passes for all declared addresses; for none declared, whether it never can."""
    if isinstance(spf, Absent):
        return False
    if not isinstance(spf, Present):
        return None
    if checks:
        return all_of(check.passes for check in checks)
    never = spf.value.is_deny_all or spf.value.permerror is not None
    return False if never else None


def _dkim(key: DkimKey, dmarc: DmarcFacts, mode: Mode) -> DkimAlignment:
    aligns = aligned(key.selector.domain, dmarc, mode)
    if aligns is False or key.usable is False:
        return DkimAlignment(key.selector, aligns, False)
    both = aligns and key.usable
    return DkimAlignment(key.selector, aligns, both)

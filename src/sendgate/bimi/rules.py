"""What can be wrong with a BIMI record; `policy_rules` judges DMARC, `asset_rules` the files.

All of it concerns the logo alone, never the delivery of mail. Where the record's question
failed, BIMI001 says so as a note. BIMI004 says it too for the sending domain's own record,
which would be judged if it were seen; for the organizational domain's only where a BIMI
selector was declared, so that a logo nobody asked for does not leave an audit undecided.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sendgate.bimi.asset_rules import CERTIFICATE_RULES, LOGO_RULES
from sendgate.bimi.judging import applied, draft, seen
from sendgate.bimi.policy_rules import POLICY_RULES
from sendgate.bimi.record import location_of
from sendgate.dmarc.record import Policy
from sendgate.names import printable
from sendgate.observed import Absent, Present, Unknown
from sendgate.vocabulary import (
    Document,
    Hit,
    Rule,
    Scope,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]

# Formats that a logo is often kept in and that BIMI does not take; SVG and SVGZ it takes.
_OTHER_IMAGES = re.compile(
    r"\.(png|jpe?g|gif|webp|bmp|ico|tiff?|avif|heic|jxl|pdf|eps|ai)\Z", re.IGNORECASE
)
_SEVERAL_URIS = re.compile(r",\s*[A-Za-z][A-Za-z0-9+.-]*:")
_PREFIX = re.compile(r"[A-Za-z0-9-]{1,63}\Z")


@rule(
    "BIMI001",
    Severity.NOTE,
    draft("7.2"),
    remedy="Publish a BIMI record if mailbox providers are to show your logo beside this mail.",
    scope=Scope.BRAND,
)
def no_bimi_record(facts: DomainFacts) -> Verdicts:
    """Neither the sending domain nor its organizational domain has a BIMI record.

    Mail is not affected; mailbox providers show no logo beside it. This is only said where
    a selector was declared, or where the domain may send and its DMARC policy is strict
    enough for a logo.
    """
    ready = _enforces(facts) and not facts.sends_nothing
    if not (facts.profile.bimi_declared or ready):
        return
    observed = facts.bimi.observed
    if isinstance(observed, Unknown):
        yield cannot_tell(observed)
    elif isinstance(observed, Absent):
        names = " nor ".join(str(place.answer.question.name) for place in facts.bimi.places)
        no = "neither " if len(facts.bimi.places) > 1 else "no BIMI record at "
        has = " has a BIMI record" if len(facts.bimi.places) > 1 else ""
        yield Hit(f"{no}{names}{has}", observed.evidence)


@rule(
    "BIMI002",
    Severity.ERROR,
    draft("7.2 step 8"),
    remedy="Leave one BIMI record at the name.",
    scope=Scope.BRAND,
)
def several_bimi_records(facts: DomainFacts) -> Verdicts:
    """Several BIMI records stand at the name.

    Receivers cannot tell which one is meant: they use none of them and show no logo.
    """
    place = facts.bimi.applied
    if place is not None and len(place.records) > 1:
        yield Hit(
            f"{place.answer.question.name} has {len(place.records)} BIMI records where one may be",
            seen(place),
        )


@rule(
    "BIMI003",
    Severity.ERROR,
    draft("4.3"),
    remedy="Begin the record with v=BIMI1, in capitals.",
    scope=Scope.BRAND,
)
def wrong_bimi_version(facts: DomainFacts) -> Verdicts:
    """The record does not begin with v=BIMI1, spelt exactly so.

    Receivers must not mend the spelling: they discard the record, and the logo is not shown.
    """
    for place in facts.bimi.places:
        if place.records and not place.counts:
            begin = str(place.texts[0]).split(";", 1)[0].strip()
            name = place.answer.question.name
            yield Hit(
                f"the record at {name} begins with {printable(begin)}, not with v=BIMI1",
                seen(place),
            )


@rule(
    "BIMI004",
    Severity.ERROR,
    draft("4.3"),
    remedy="Add l= with the https address of the logo, or write l=; a=; to decline.",
    scope=Scope.BRAND,
)
def no_logo_location(facts: DomainFacts) -> Verdicts:
    """The BIMI record names no logo: it has no l= tag, or an empty one.

    Without l= the record is in error and no logo is shown. With l= and a= both empty it
    declines on purpose, which is only noted.
    """
    unknown = facts.bimi.unknown
    if unknown is not None and (
        facts.profile.bimi_declared or unknown.question.name.is_under(facts.profile.sending)
    ):
        yield cannot_tell(unknown)
    for place, record in applied(facts):
        name = place.answer.question.name
        if record.declines:
            yield Hit(f"the record at {name} declines to show a logo", seen(place), Severity.NOTE)
        elif record.location is None:
            yield Hit(f"the record at {name} has no l= tag", seen(place))
        elif record.location == "":
            yield Hit(f"the record at {name} has an empty l=, but a location in a=", seen(place))


@rule(
    "BIMI005",
    Severity.ERROR,
    draft("4.3"),
    remedy="Put one https address of an SVG file into l=.",
    scope=Scope.BRAND,
)
def bad_logo_location(facts: DomainFacts) -> Verdicts:
    """The l= tag is no https address, or that of a format other than SVG.

    Receivers fetch the logo by https alone and take SVG or SVGZ alone; they treat anything
    else as a lasting error and show no logo.
    """
    for place, record in applied(facts):
        why = _bad_location(record.location) if record.location else None
        if why is not None:
            yield Hit(
                f"the record at {place.answer.question.name} has l={record.location}, {why}",
                seen(place),
            )


@rule(
    "BIMI006",
    Severity.ERROR,
    draft("4.3"),
    remedy="Put the https address of the mark certificate into a=, or leave it empty.",
    scope=Scope.BRAND,
)
def bad_evidence_location(facts: DomainFacts) -> Verdicts:
    """The a= tag holds something else than an https address.

    Receivers that ask for a mark certificate cannot fetch it, and show no logo.
    """
    for place, record in applied(facts):
        value = record.evidence_location
        why = _bad_uri(value) if value else None
        if why is not None:
            yield Hit(
                f"the record at {place.answer.question.name} has a={value}, {why}", seen(place)
            )


@rule(
    "BIMI019",
    Severity.WARNING,
    Document("Gmail: set up BIMI", "https://support.google.com/a/answer/10911320"),
    remedy="Obtain a mark certificate (VMC or CMC) for the logo, and put its address into a=.",
    scope=Scope.BRAND,
)
def no_mark_certificate(facts: DomainFacts) -> Verdicts:
    """The BIMI record names no evidence: a= is missing or empty.

    Gmail and Apple show a logo only with a mark certificate; Yahoo shows it without.
    """
    for place, record in applied(facts):
        if record.location and not record.evidence_location:
            yield Hit(f"the record at {place.answer.question.name} has no a=", seen(place))


@rule(
    "BIMI022",
    Severity.NOTE,
    draft("4.3"),
    remedy="Correct or remove the value.",
    scope=Scope.BRAND,
)
def ignored_bimi_value(facts: DomainFacts) -> Verdicts:
    """A value of avp= or lps= is outside what the draft defines, so receivers ignore it.

    The avatar preference is brand or personal; a local-part selector is made of letters,
    digits and hyphens, 63 at most, as it becomes a DNS label.
    """
    for place, record in applied(facts):
        name = place.answer.question.name
        avatar = record.avatar_preference
        if avatar is not None and avatar not in {"brand", "personal"}:
            yield Hit(f"the record at {name} has avp={avatar}", seen(place))
        for prefix in record.local_part_selectors:
            if not _PREFIX.match(prefix):
                yield Hit(f"the record at {name} has {printable(prefix)} in lps=", seen(place))


def _enforces(facts: DomainFacts) -> bool:
    policy = facts.dmarc.policy
    return isinstance(policy, Present) and policy.value.effective_policy in {
        Policy.QUARANTINE,
        Policy.REJECT,
    }


def _bad_location(uri: str) -> str | None:
    """Say what is wrong with l=, or None."""
    if _SEVERAL_URIS.search(uri):
        return "which are several addresses"
    why = _bad_uri(uri)
    if why is not None:
        return why
    parts = location_of(uri)
    other = None if parts is None else _OTHER_IMAGES.search(parts.path)
    return None if other is None else f"which is no SVG file but {other.group(1).upper()}"


def _bad_uri(uri: str) -> str | None:
    parts = location_of(uri)
    if parts is None:
        return "which is no https address"
    host = (parts.hostname or "").rstrip(".")
    return None if "." in host else "whose host is no full domain name"


RULES: tuple[Rule, ...] = (
    no_bimi_record,
    several_bimi_records,
    wrong_bimi_version,
    no_logo_location,
    bad_logo_location,
    bad_evidence_location,
    *POLICY_RULES,
    *LOGO_RULES,
    no_mark_certificate,
    *CERTIFICATE_RULES,
    ignored_bimi_value,
)

"""What can be wrong inside the DMARC record that applies: DMARC004 to DMARC010, 019, 027, 028."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.facts import AppliedPolicy
from sendgate.dmarc.judging import Seen, on_policy, open_organizational
from sendgate.dmarc.record import DmarcRecord, Policy
from sendgate.vocabulary import Hit, Rfc, Rule, Severity, Verdicts, rule

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "DMARC004",
    Severity.ERROR,
    Rfc(9989, "4.10.1"),
    remedy="Write none, quarantine or reject.",
)
@on_policy
def invalid_policy_value(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """A p, sp or np tag holds something other than none, quarantine or reject.

    Receivers then ignore every policy of the record: with a valid report address in rua it
    counts as p=none, without one there is no DMARC for the domain at all.
    """
    if applied.record.invalid:
        values = ", ".join(f"{tag.name}={tag.value}" for tag in applied.record.invalid)
        yield Hit(f"{values} is no policy, so {_consequence(applied.record)}", evidence)


@rule(
    "DMARC005",
    Severity.ERROR,
    Rfc(9989, "4.10.1"),
    remedy="Add p=none, p=quarantine or p=reject straight after v=DMARC1.",
)
@on_policy
def missing_policy(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """The record has no p tag.

    Receivers that follow RFC 9989 take it as p=none if rua holds a valid report address and
    ignore it otherwise; those that follow RFC 7489 want p in every record. A warning where
    rua keeps the record alive.
    """
    if not applied.record.has("p"):
        severity = Severity.WARNING if applied.record.has_valid_rua else None
        yield Hit(f"there is no p tag, so {_consequence(applied.record)}", evidence, severity)


@rule(
    "DMARC006",
    Severity.WARNING,
    Rfc(9989, "4.7"),
    remedy="Read the aggregate reports, mend what they show, then move to quarantine or reject.",
)
@on_policy
def policy_none(facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """The policy that applies is p=none: receivers are asked to do nothing.

    Mail that forges the domain is treated as if there were no DMARC, and BIMI shows no logo.
    As a step on the way it is right: with reports asked for in rua this is a note.
    """
    if (
        applied.policy is Policy.NONE
        and applied.record.p is Policy.NONE
        and not facts.is_parked  # a domain without mail is DMARC029's
    ):
        reports = applied.record.has_valid_rua
        how = "reports are asked for" if reports else "no reports are asked for either"
        severity = Severity.NOTE if reports else None
        yield Hit(f"p=none at {applied.domain} asks for no handling; {how}", evidence, severity)


@rule(
    "DMARC007",
    Severity.WARNING,
    Rfc(9989, "4.7"),
    remedy="Drop sp and np, or give them the value of p.",
)
@on_policy
def weaker_policy_for_subdomains(
    facts: DomainFacts, applied: AppliedPolicy, evidence: Seen
) -> Verdicts:
    """The domain is protected by p, but sp=none or np=none leaves its subdomains open.

    Whoever forges the domain uses a subdomain instead; with np=none even one that was never
    set up will do. An absent np means what sp says, and an absent sp what p says.
    """
    if weak := _weaker(applied.record):
        organizational = facts.dmarc.organizational
        if organizational is None:
            if said := open_organizational(facts):
                yield said
        elif applied.domain == organizational:
            # Below a shorter organizational domain the tags are ignored: DMARC024.
            p = f"p={applied.record.p}"
            yield Hit(f"{applied.domain} has {p}, but {' and '.join(weak)}", evidence)


@rule(
    "DMARC008",
    Severity.WARNING,
    Rfc(9989, "A.6"),
    remedy="Remove pct; while testing, t=y asks for the next weaker handling.",
)
@on_policy
def removed_pct_tag(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """The record has a pct tag, which RFC 9989 removed.

    Current receivers ignore it and apply the policy to all mail, older ones only to that
    share of it, so nobody can say what happens; BIMI wants it gone or 100. With pct=100
    both do the same, and this is a note.
    """
    if (tag := applied.record.tag("pct")) is not None:
        harmless = tag.value == "100"
        effect = "has no effect" if harmless else "only older receivers honour"
        severity = Severity.NOTE if harmless else None
        yield Hit(f"pct={tag.value} {effect}", evidence, severity)


@rule(
    "DMARC009",
    Severity.NOTE,
    Rfc(9989, "C.5.2"),
    remedy="Remove rf, ri and the sizes after report addresses.",
)
@on_policy
def obsolete_reporting_options(
    _facts: DomainFacts, applied: AppliedPolicy, evidence: Seen
) -> Verdicts:
    """The record has rf, ri or a report size, which are removed or obsolete.

    Receivers ignore them: they choose the report's format, interval and size themselves.
    """
    if applied.record.old_parts:
        parts = dict.fromkeys(applied.record.old_parts)
        yield Hit(f"no receiver needs {', '.join(parts)} any more", evidence)


@rule(
    "DMARC010",
    Severity.WARNING,
    Rfc(9989, "4.7"),
    remedy="Remove t=y once the reports show that wanted mail passes.",
)
@on_policy
def testing_mode(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """With t=y the record asks for the handling one level below its policy.

    reject then means quarantine and quarantine means none, so the domain is protected less
    than it seems. Older receivers do not know the tag and apply the policy in full.
    """
    if applied.record.testing and applied.policy not in {None, Policy.NONE}:
        yield Hit(
            f"{applied.tag} is {applied.policy}, but t=y asks for {applied.effective_policy}",
            evidence,
        )


@rule(
    "DMARC019",
    Severity.NOTE,
    Rfc(7489, "6.3"),
    remedy="Put p straight after v=DMARC1.",
)
@on_policy
def policy_not_second(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """The p tag does not stand straight after v.

    RFC 9989 allows it anywhere; a receiver that reads by RFC 7489 may call the record
    invalid.
    """
    if (place := applied.record.position_of_p or 1) > 1:
        before = [tag.name for tag in applied.record.tags.tags[1:place]]
        yield Hit(f"p stands behind {', '.join(before)}", evidence)


@rule(
    "DMARC027",
    Severity.WARNING,
    Rfc(6376, "3.2"),
    remedy="Keep each tag once.",
)
@on_policy
def repeated_tag(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """A tag stands twice in the record.

    By the grammar that makes the whole record void. Receivers differ: some ignore it, some
    take the first value and some the last.
    """
    if applied.record.repeated:
        names = " and ".join(applied.record.repeated)
        yield Hit(f"{names} stands more than once", evidence)


@rule(
    "DMARC028",
    Severity.NOTE,
    Rfc(9989, "4.7"),
    remedy="Correct the part, or remove it.",
)
@on_policy
def ignored_part(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """Receivers ignore a part of the record: an unknown tag, or a value that a tag cannot have.

    The rest of the record counts, and the default stands in for what was ignored: a
    misspelt adkim=s, for one, leaves alignment relaxed.
    """
    parts = applied.record.ignored
    # The evidence of each is the whole record: a text of thousands of parts ends in a count.
    named = parts if len(parts) <= _NAMED_PARTS else parts[: _NAMED_PARTS - 1]
    for part in named:
        hint = f"; did you mean {part.nearest}?" if part.nearest else ""
        yield Hit(f"{part.text} is ignored: {part.why}{hint}", evidence)
    if len(named) < len(parts):
        yield Hit(f"{len(parts) - len(named)} more parts of the record are ignored", evidence)


_NAMED_PARTS = 10  # ignored parts that get a finding of their own


def _consequence(record: DmarcRecord) -> str:
    if record.processed:
        return "the record counts as p=none"
    return "receivers apply no DMARC at all"


def _weaker(record: DmarcRecord) -> list[str]:
    if record.falls_back or record.p is None or record.p is Policy.NONE:
        return []
    found = [("sp", record.sp), ("np", record.np)]
    return [f"{name}=none" for name, value in found if value is Policy.NONE]


RULES: tuple[Rule, ...] = (
    invalid_policy_value,
    missing_policy,
    policy_none,
    weaker_policy_for_subdomains,
    removed_pct_tag,
    obsolete_reporting_options,
    testing_mode,
    policy_not_second,
    repeated_tag,
    ignored_part,
)

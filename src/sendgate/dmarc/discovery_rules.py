"""What can be wrong with where DMARC records stand: DMARC001 to 003, 017, 018, 029, 030."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.judging import is_void_at, owned_steps, unread_steps
from sendgate.dmarc.record import Policy, parse
from sendgate.dmarc.walk import Step
from sendgate.dns.answers import Answer, Failed, NoData, NxDomain, Reason, Record, Records, Txt
from sendgate.names import printable
from sendgate.observed import (
    Absent,
    Evidence,
    Malformed,
    Present,
    Unknown,
    evidence_of,
    nothing_seen,
)
from sendgate.vocabulary import (
    Hit,
    Rfc,
    Rule,
    Severity,
    Verdicts,
    cannot_tell,
    rule,
)

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["RULES"]


@rule(
    "DMARC001",
    Severity.ERROR,
    Rfc(9989, "4.10"),
    remedy="Publish v=DMARC1; p=none with rua=mailto: as TXT at _dmarc below the domain.",
)
def no_dmarc_record(facts: DomainFacts) -> Verdicts:
    """Neither the sending domain nor any domain above it has a DMARC record.

    Google, Yahoo and Microsoft refuse bulk mail from such a domain, and anybody can forge
    it. A warning where no bulk volume is declared.
    """
    severity = None if facts.profile.is_bulk else Severity.WARNING
    policy = facts.dmarc.policy
    if isinstance(facts.dmarc.walk.policy_step, Step):
        return  # there is one, even if it is open which of its policies applies
    if isinstance(policy, Unknown):
        yield cannot_tell(policy, severity)
    elif isinstance(policy, Absent) and not facts.is_parked:
        steps = owned_steps(facts.dmarc)
        if any(
            is_void_at(step) or _alias_severity(facts, step) is Severity.ERROR for step in steps
        ):
            return  # a record is there and void: DMARC002, DMARC003 and DMARC018 say why
        names = " or ".join(str(step.answer.question.name) for step in steps)
        evidence = tuple(e for step in steps for e in evidence_of(step.answer))
        yield Hit(f"no DMARC record at {names}", evidence, severity)


@rule(
    "DMARC002",
    Severity.ERROR,
    Rfc(9989, "4.10"),
    remedy="Keep one of the records.",
)
def several_dmarc_records(facts: DomainFacts) -> Verdicts:
    """Two or more DMARC records stand at one name.

    Receivers discard all of them: those that follow RFC 9989 go on with the domain above,
    older ones act as if there were no DMARC at all.
    """
    yield from unread_steps(facts)
    for step in owned_steps(facts.dmarc):
        if isinstance(step.seen, Malformed):
            name = step.answer.question.name
            yield Hit(f"{len(step.records)} DMARC records stand at {name}", step.seen.evidence)


@rule(
    "DMARC003",
    Severity.ERROR,
    Rfc(9989, "4.7"),
    remedy="Begin the text with exactly v=DMARC1; and put nothing before it.",
)
def void_dmarc_text(facts: DomainFacts) -> Verdicts:
    """A text meant as a DMARC record does not begin with exactly v=DMARC1.

    Receivers ignore it as if it were not there; the version is case-sensitive. White space
    before the version stops only some of them, and is a warning; so is a void text beside
    a good record.
    """
    yield from unread_steps(facts)
    for step in owned_steps(facts.dmarc):
        name = step.answer.question.name
        for record in step.void:
            severity = None if step.record is None else Severity.WARNING
            text = _start(record)
            yield Hit(
                f"the text at {name} begins with {text} and is ignored",
                evidence_of(step.answer, record),
                severity,
            )
        for record in step.records:
            found = parse(_text(record))
            if found is not None and found.leading_space:
                yield Hit(
                    f"white space stands before v=DMARC1 at {name}",
                    evidence_of(step.answer, record),
                    Severity.WARNING,
                )


@rule(
    "DMARC017",
    Severity.WARNING,
    Rfc(9989, "4.5"),
    remedy="Move the text to the label _dmarc directly below the domain.",
)
def misplaced_dmarc_record(facts: DomainFacts) -> Verdicts:
    """A DMARC record stands at a name where no receiver looks.

    Records count only at _dmarc below the domain. One at the domain itself, or at a name
    that repeats the zone (_dmarc.example.com.example.com), has no effect. A note where the
    right name has the same text.
    """
    own = facts.dmarc.author_step
    placed = {_text(record) for record in own.records} if own is not None else set()
    for names in facts.names.values():
        if isinstance(names.txt, Failed):
            yield cannot_tell(names.txt)
        elif isinstance(names.txt, Records):
            yield from _misplaced(names.txt, placed)
    if isinstance(facts.dmarc.misplaced, Records):
        yield from _misplaced(facts.dmarc.misplaced, placed)


def _misplaced(answer: Records, placed: set[str]) -> Verdicts:
    doubled = answer.question.name.labels[:1] == ("_dmarc",)
    if any(label.startswith("_dmarc") for label in answer.owner.labels) and not doubled:
        return  # the target of a _dmarc alias, or an agreement to take reports
    for record, txt in answer.holding(Txt):
        if parse(txt.text) is None:
            continue
        where = "the name repeats its zone" if doubled else "not at _dmarc below it"
        severity = Severity.NOTE if txt.text in placed else None
        message = f"a DMARC record stands at {answer.question.name}, {where}"
        yield Hit(message, evidence_of(answer, record), severity)


@rule(
    "DMARC018",
    Severity.ERROR,
    Rfc(1034, "3.6.2"),
    remedy="Point the alias at a name that holds the record, or publish the record itself.",
)
def broken_dmarc_alias(facts: DomainFacts) -> Verdicts:
    """The _dmarc name is an alias that leads to nothing, or in a circle.

    Receivers find no record there, or give up with a temporary error. An alias is fine as
    long as a DMARC record stands at its end. A warning where nothing in the target's name
    shows that it was meant for DMARC.
    """
    for step in owned_steps(facts.dmarc):
        answer = step.answer
        severity = _alias_severity(facts, step)
        if severity is not None:
            target = answer.aliases[-1].target if answer.aliases else answer.question.name
            yield Hit(_alias_fault(answer, str(target)), _alias_evidence(answer), severity)
        elif isinstance(step.seen, Unknown):
            yield cannot_tell(step.seen)


def _alias_severity(facts: DomainFacts, step: Step) -> Severity | None:
    """How bad a broken alias at a step is; None where there is none."""
    answer = step.answer
    if isinstance(answer, Failed):
        return Severity.ERROR if answer.reason is Reason.ALIAS_LOOP else None
    if not answer.aliases or isinstance(answer, Records) or _from_wildcard(facts, answer):
        return None
    if any("dmarc" in str(alias.target) for alias in answer.aliases):
        return Severity.ERROR
    # A wildcard in front of a web host answers for _dmarc too, and its target rightly has
    # no TXT; only the sending domain's own wildcard would have shown itself above.
    at_sender = step.domain == facts.dmarc.author
    return Severity.WARNING if isinstance(answer, NxDomain) or at_sender else None


def _from_wildcard(facts: DomainFacts, answer: Answer) -> bool:
    """Whether a made-up name beside it, or the zone file, shows that a wildcard answered."""
    if isinstance(answer, NoData) and answer.wildcard is not None:
        return True
    probes = [probe for zone in facts.zones for probe in zone.probes if probe.aliases]
    return any(probe.aliases[0].target == answer.aliases[0].target for probe in probes)


def _alias_fault(answer: Answer, target: str) -> str:
    name = answer.question.name
    if isinstance(answer, Failed):
        return f"the alias at {name} leads back to itself"
    what = "which does not exist" if isinstance(answer, NxDomain) else "which has no TXT record"
    return f"{name} is an alias for {target}, {what}"


def _alias_evidence(answer: Answer) -> tuple[Evidence, ...]:
    return evidence_of(answer) or (nothing_seen(answer.question.name, "CNAME", answer.origin),)


@rule(
    "DMARC029",
    Severity.NOTE,
    Rfc(9989, "4.7"),
    remedy="Publish v=DMARC1; p=reject at _dmarc below the domain.",
)
def unprotected_parked_domain(facts: DomainFacts) -> Verdicts:
    """The domain sends and takes no mail, yet its DMARC policy is not reject.

    By its own records nothing from it is genuine, and p=reject would let receivers act on
    that; without it forged mail from the domain may still be shown.
    """
    if not facts.is_parked:
        return
    policy = facts.dmarc.policy
    match policy:
        case Unknown() as unknown:
            yield cannot_tell(unknown)
        case Present(applied, evidence) if applied.effective_policy is not Policy.REJECT:
            asked = applied.effective_policy or "no handling"
            yield Hit(f"no mail comes from the domain, and its policy asks for {asked}", evidence)
        case Absent(_, evidence):
            yield Hit("no mail comes from the domain, and it has no DMARC record", evidence)


@rule(
    "DMARC030",
    Severity.NOTE,
    Rfc(9989, "4.10"),
    remedy="Nothing needs to be done; if a wildcard made the text, a record at _dmarc ends it.",
)
def foreign_text_at_dmarc(facts: DomainFacts) -> Verdicts:
    """A TXT record at _dmarc is not meant as DMARC.

    Receivers discard it and use the DMARC record beside it, if there is one. Often a
    wildcard TXT record shows through.
    """
    yield from unread_steps(facts)
    steps = [step for step in owned_steps(facts.dmarc) if step.others]
    if steps:
        names = " and ".join(str(step.answer.question.name) for step in steps)
        evidence = tuple(e for step in steps for e in evidence_of(step.answer, *step.others))
        yield Hit(f"text that is not meant as DMARC stands at {names}", evidence)


def _text(record: Record) -> str:
    return record.data.text if isinstance(record.data, Txt) else ""


def _start(record: Record) -> str:
    text = _text(record)
    return printable(text if len(text) <= 24 else text[:24] + "…")


RULES: tuple[Rule, ...] = (
    no_dmarc_record,
    several_dmarc_records,
    void_dmarc_text,
    misplaced_dmarc_record,
    broken_dmarc_alias,
    unprotected_parked_domain,
    foreign_text_at_dmarc,
)

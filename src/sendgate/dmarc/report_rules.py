"""What can be wrong with where DMARC reports go: DMARC011 to DMARC016."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dmarc.facts import AppliedPolicy, ReportDestination
from sendgate.dmarc.judging import Seen, governing, on_policy
from sendgate.dmarc.record import ReportUri, UriFault, parse
from sendgate.dns.answers import Answer, Failed, Mx, NxDomain, Records, Txt
from sendgate.observed import Unknown, evidence_of
from sendgate.vocabulary import (
    Hit,
    Rfc,
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


@rule(
    "DMARC011",
    Severity.WARNING,
    Rfc(9989, "4.7"),
    remedy="Write mailto:user@example.com, and a comma or ! inside the address as %2C or %21.",
    scope=Scope.RECEIVING,
)
@on_policy
def unusable_report_address(
    _facts: DomainFacts, applied: AppliedPolicy, evidence: Seen
) -> Verdicts:
    """An item of rua or ruf is not an address that reports can be sent to.

    Receivers skip it, so those reports never arrive. A scheme that nobody reports to does
    no harm beside a mailto: address.
    """
    for tag, uris in (("rua", applied.record.rua), ("ruf", applied.record.ruf)):
        bad = _unusable(uris)
        if bad:
            items = ", ".join(f"{uri} {uri.fault}" for uri in bad)
            yield Hit(f"{tag}: {items}", evidence)


def _unusable(uris: tuple[ReportUri, ...]) -> list[ReportUri]:
    """List the broken items; a foreign scheme counts only if nothing usable stands beside it."""
    usable = any(uri.fault is None for uri in uris)
    return [
        uri
        for uri in uris
        if uri.fault is not None and not (usable and uri.fault is UriFault.SCHEME)
    ]


@rule(
    "DMARC012",
    Severity.NOTE,
    Rfc(9989, "8"),
    remedy="Add rua=mailto: with a mailbox or a report service that somebody reads.",
    scope=Scope.RECEIVING,
)
@on_policy
def no_aggregate_reports(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """The record asks for no aggregate reports: it has no rua.

    Nobody then sees which mail passes and who forges the domain; and a record whose policy
    is mistyped is lost altogether, as only rua would keep it alive.
    """
    if applied.processed and not applied.record.rua:
        yield Hit(f"the record at {applied.domain} names no address for reports", evidence)


@rule(
    "DMARC013",
    Severity.WARNING,
    Rfc(9990, "4"),
    remedy="Have the owner of the mailbox publish v=DMARC1 as TXT at that name.",
    scope=Scope.RECEIVING,
)
def unauthorized_report_destination(facts: DomainFacts) -> Verdicts:
    """Reports go to another organization, whose DNS does not agree to take them.

    Receivers look for a TXT record v=DMARC1 at that organization and drop the report
    without it. Mail is not affected.
    """
    yield from _unless_unknown(facts)
    for name in dict.fromkeys(d.domain for d in facts.dmarc.destinations):
        for destination in (d for d in facts.dmarc.destinations if d.domain == name):
            answer = destination.authorization
            if answer is None:
                continue
            if isinstance(answer, Failed):
                yield cannot_tell(answer)
            elif not _authorizes(answer):
                yield Hit(
                    f"{name} does not agree to take reports: no v=DMARC1 at {answer.question.name}",
                    evidence_of(answer),
                )
            break  # rua and ruf to one host need one agreement


def _authorizes(answer: Answer) -> bool:
    return isinstance(answer, Records) and any(parse(txt.text) for txt in answer.of(Txt))


@rule(
    "DMARC014",
    Severity.WARNING,
    Rfc(5321, "5.1"),
    remedy="Point rua to a mailbox at a domain that takes mail.",
    scope=Scope.RECEIVING,
)
def undeliverable_report_mailbox(facts: DomainFacts) -> Verdicts:
    """The domain of a rua mailbox takes no mail.

    It has a null MX, or neither MX nor address, so the reports sent there bounce. An
    address without MX is enough for mail to arrive.
    """
    yield from _unless_unknown(facts)
    for destination in facts.dmarc.destinations:
        if destination.mx is not None:
            yield from _delivery(destination, destination.mx)


def _delivery(destination: ReportDestination, mx: Answer) -> Verdicts:
    mailbox = destination.uri.mailbox
    failed = next((a for a in (mx, *destination.addresses) if isinstance(a, Failed)), None)
    if isinstance(mx, Records):
        exchanges = tuple(mx.of(Mx))
        if exchanges and all(exchange.is_null for exchange in exchanges):
            yield Hit(
                f"{destination.domain} takes no mail (null MX), so {mailbox} gets no reports",
                evidence_of(mx),
            )
    elif isinstance(mx, NxDomain):
        yield Hit(
            f"{destination.domain} does not exist, so {mailbox} gets no reports", evidence_of(mx)
        )
    elif any(isinstance(answer, Records) for answer in destination.addresses):
        return
    elif failed is not None:
        yield cannot_tell(failed)
    else:
        evidence = tuple(e for a in (mx, *destination.addresses) for e in evidence_of(a))
        yield Hit(
            f"{destination.domain} has no MX and no address, so {mailbox} gets no reports", evidence
        )


@rule(
    "DMARC015",
    Severity.NOTE,
    Rfc(9989, "4.7"),
    remedy="Leave ruf and fo out, or expect little of them.",
    scope=Scope.RECEIVING,
)
@on_policy
def idle_failure_reporting(_facts: DomainFacts, applied: AppliedPolicy, evidence: Seen) -> Verdicts:
    """Failure reports are asked for, which hardly any receiver sends, or fo stands without ruf.

    The large mailbox providers send no failure reports, for the sake of privacy. fo only
    says when to send them, so without ruf it is ignored.
    """
    if applied.record.ruf:
        yield Hit("ruf asks for failure reports, which hardly any receiver sends", evidence)
    elif applied.record.has("fo") and applied.record.fo_is_valid:
        yield Hit(f"fo={applied.record.fo} has no effect without ruf", evidence)


@rule(
    "DMARC016",
    Severity.WARNING,
    Rfc(9989, "4.8"),
    remedy="Write fo=0 or fo=1, with :d and :s after it if wanted.",
    scope=Scope.RECEIVING,
)
@on_policy
def invalid_failure_options(
    _facts: DomainFacts, applied: AppliedPolicy, evidence: Seen
) -> Verdicts:
    """The fo tag is not a list of 0 or 1, d and s.

    0 and 1 exclude each other, d and s may stand once. Receivers use the default, fo=0:
    a failure report only where everything failed.
    """
    if not applied.record.fo_is_valid:
        yield Hit(f"fo={applied.record.value('fo')} is not a list of 0 or 1, d and s", evidence)


def _unless_unknown(facts: DomainFacts) -> Verdicts:
    """Say that the destinations cannot be judged where the record was not seen."""
    policy = governing(facts)
    if isinstance(policy, Unknown):
        yield cannot_tell(policy)


RULES: tuple[Rule, ...] = (
    unusable_report_address,
    no_aggregate_reports,
    unauthorized_report_destination,
    undeliverable_report_mailbox,
    idle_failure_reporting,
    invalid_failure_options,
)

"""What can be wrong with the wish for reports on TLS: TLSRPT001 and TLSRPT002."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendgate.dns.answers import Reason
from sendgate.names import printable
from sendgate.observed import Absent, Malformed, Present, Unknown
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
    "TLSRPT001",
    Severity.WARNING,
    Rfc(8460, "3"),
    remedy="Publish v=TLSRPTv1; rua=mailto:ADDRESS at _smtp._tls with an address that is read.",
    scope=Scope.RECEIVING,
)
def no_tls_reports(facts: DomainFacts) -> Verdicts:
    """The domain takes mail and asks nobody to report how TLS to its hosts fares.

    Senders then tell nobody that they could not reach a host over TLS. With MTA-STS or DANE
    in force, such failures keep mail back, so there it is a warning. Elsewhere it is a note,
    and only told of a domain that was declared as a sender.
    """
    seen, deployed = facts.tlsrpt, _deployed(facts)
    if seen is None or not (deployed or facts.profile.declared):
        return
    severity = Severity.WARNING if deployed else Severity.NOTE
    if isinstance(seen.observed, Unknown) and seen.observed.reason is not Reason.ALLOWANCE:
        yield cannot_tell(seen.observed, severity)
    elif isinstance(seen.observed, Absent):
        besides = f", although {deployed} is deployed" if deployed else ""
        yield Hit(
            f"{seen.domain} asks for no reports on TLS{besides}", seen.observed.evidence, severity
        )


@rule(
    "TLSRPT002",
    Severity.ERROR,
    Rfc(8460, "3"),
    remedy="Publish one record, v=TLSRPTv1; rua=mailto:tls-reports@example.com, and no other.",
    scope=Scope.RECEIVING,
)
def unusable_tlsrpt_record(facts: DomainFacts) -> Verdicts:
    """The TLS-RPT record is void: several, another version in front, no usable rua.

    Senders then take it that no reports are wanted. Two oddities that some senders take and
    others may not are a warning: white space before the first semicolon or a second rua,
    and white space at the end.
    """
    seen = facts.tlsrpt
    if seen is None:
        return
    match seen.observed:
        case Malformed(error, evidence):
            yield Hit(f"the TLS-RPT record of {seen.domain} is void: {error}", evidence)
        case Present(record, evidence):
            unusable = ", ".join(printable(uri) for uri in record.unusable)
            if unusable:
                all_of_them = len(record.unusable) == len(record.rua)
                nobody = "nobody reports" if all_of_them else "no report goes"
                yield Hit(
                    f"{nobody} to {unusable}, which is neither mailto nor https",
                    evidence,
                    Severity.ERROR if all_of_them else Severity.WARNING,
                )
            for doubt in record.doubts:
                yield Hit(
                    f"in the TLS-RPT record of {seen.domain} {doubt}, which not every sender takes",
                    evidence,
                    Severity.WARNING,
                )
        case Unknown(_, reason, _) if reason.was_asked:
            yield cannot_tell(seen.observed)


def _deployed(facts: DomainFacts) -> str | None:
    """Name what keeps mail back where TLS fails; None where nothing does."""
    sts = facts.mtasts
    if sts is not None and isinstance(sts.observed, Present):
        return "MTA-STS"
    return "DANE" if facts.dane.in_force else None


RULES: tuple[Rule, ...] = (no_tls_reports, unusable_tlsrpt_record)

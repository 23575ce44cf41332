"""What a step looks at: the facts, what the audit found wrong, what the user supplied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sendgate.audit.facts import DomainFacts
from sendgate.audit.report import Finding
from sendgate.dns.answers import Answer
from sendgate.names import Domain
from sendgate.records.plan import Edit, Need, Supplied
from sendgate.topology.providers import Expected, Provider
from sendgate.vocabulary import Severity

__all__ = ["Step", "Task"]

Step = Iterator[Edit | Need]


@dataclass(frozen=True)
class Task:
    """One round: what is seen now, published or already proposed.

    `provider` sends for the domain: the declared one, or the one that records show.
    `texts` are the TXT answers at the names of shown records. `refused` are SPF includes that
    would take the record beyond its ten lookups.
    """

    facts: DomainFacts
    findings: tuple[Finding, ...]
    provider: Provider | None
    supplied: Supplied = field(default_factory=Supplied)
    fail_on: Severity = Severity.ERROR
    refused: frozenset[str] = frozenset()
    texts: Mapping[Domain, Answer] = field(default_factory=dict)

    @property
    def sending(self) -> Domain:
        """The sending domain."""
        return self.facts.profile.sending

    @property
    def path(self) -> Domain | None:
        """The declared return path, where it is a name of its own."""
        role, envelope = self.facts.profile.return_path, self.facts.profile.envelope
        return None if role is None or role.assumed else envelope

    def faults(self, name: Domain) -> frozenset[str]:
        """Give the rules with a finding at this name that fails the audit."""
        return frozenset(
            finding.rule.id
            for finding in self.findings
            if self.fail_on <= finding.severity
            and any(piece.name == name for piece in finding.evidence)
        )

    def found(self, *rules: str) -> bool:
        """Whether one of the rules has a finding that fails the audit."""
        return any(f.rule.id in rules and self.fail_on <= f.severity for f in self.findings)

    def expected(self, rdtype: str, family: str | None = None) -> tuple[Expected, ...]:
        """Give what the provider asks for of one type, in one family of return path or in each."""
        records = () if self.provider is None else self.provider.records
        return tuple(r for r in records if r.rdtype == rdtype and r.family == family)

    def filled(self, template: str, domain: Domain | None = None) -> str:
        """Put the names of the roles into a template of the catalogue."""
        path = self.facts.profile.envelope
        text = template.replace("{S}", str(domain or self.sending))
        return text.replace("{R}", str(path)) if path is not None else text

    @property
    def source(self) -> str:
        """Who knows what belongs to the account."""
        if self.provider is None:
            return "whoever signs or sends this mail"
        return f"the page of {self.provider.name} for this domain ({self.provider.sources[0]})"

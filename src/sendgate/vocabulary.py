"""The words a rule is written in: `rule`, `Severity`, `Scope`, `Hit`, `CannotTell`, citations.

A rule is a pure function of frozen facts (`DomainFacts` in an audit, `MessageFacts` for
one message) that yields a `Hit` for each thing it finds wrong and a `CannotTell` for each
thing it could not see. The `Rule` makes the finding of a
hit, so a rule can neither misname itself nor raise its own severity.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from sendgate.dns.answers import Answer, Failed
from sendgate.errors import InternalError
from sendgate.observed import Evidence, Unknown

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = [
    "AnyRule",
    "CannotTell",
    "Document",
    "Hit",
    "Rfc",
    "Rule",
    "RuleOf",
    "Scope",
    "Severity",
    "cannot_tell",
    "rule",
    "unread",
]


class Severity(Enum):
    """How bad a finding is; ordered, so that ``Severity.NOTE < Severity.ERROR``."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def meaning(self) -> str:
        """What the word says of a finding, for people."""
        return _SEVERITIES[self]

    @property
    def rank(self) -> int:
        """0 for a note, 1 for a warning, 2 for an error."""
        return ("note", "warning", "error").index(self.value)

    def __lt__(self, other: Severity) -> bool:
        return self.rank < other.rank

    def __le__(self, other: Severity) -> bool:
        return self.rank <= other.rank

    def __str__(self) -> str:
        return str(self.value)


class Scope(StrEnum):
    """What a finding can harm; the gate of `send` decides on *sending* alone."""

    SENDING = "sending"
    RECEIVING = "receiving"
    BRAND = "brand"

    @property
    def meaning(self) -> str:
        """What can be harmed, for people."""
        return _SCOPES[self]


_SEVERITIES = {
    Severity.ERROR: "authentication fails, a receiver rejects, or what is published is void",
    Severity.WARNING: "works today, but is fragile or misleading",
    Severity.NOTE: "a fact worth knowing",
}
_SCOPES = {
    Scope.SENDING: "a message of this sender can fail or be refused",
    Scope.RECEIVING: "mail, or reports, to this domain",
    Scope.BRAND: "the logo",
}


@dataclass(frozen=True)
class Rfc:
    """A citation of an RFC: its number and the section, or several joined by commas."""

    number: int
    section: str = ""

    @property
    def text(self) -> str:
        """``RFC 7208 section 4.6.4``."""
        if not self.section:
            return f"RFC {self.number}"
        plural = "s" if "," in self.section else ""
        return f"RFC {self.number} section{plural} {self.section}"

    @property
    def url(self) -> str:
        """The section's address in the RFC series."""
        first = self.section.split(",")[0].split(" ")[0].strip()
        if not first:
            anchor = ""
        elif first[0].isalpha():
            anchor = f"#appendix-{first}"
        else:
            anchor = f"#section-{first}"
        return f"https://www.rfc-editor.org/rfc/rfc{self.number}.html{anchor}"


@dataclass(frozen=True)
class Document:
    """A citation of any other public document."""

    text: str
    url: str


Citation = Rfc | Document


@dataclass(frozen=True)
class Hit:
    """One thing found wrong.

    `message` is one sentence without a final stop, about the names and values seen.
    `evidence` comes in order of weight: the first piece names the finding's subject.
    `severity` is set only where a guard lowers the rule's own for this case.
    """

    message: str
    evidence: tuple[Evidence, ...]
    severity: Severity | None = None


@dataclass(frozen=True)
class CannotTell:
    """What a rule needed to see and could not; `severity` as in `Hit`: what it would have been."""

    unknown: Unknown
    severity: Severity | None = None


def cannot_tell(unseen: Unknown | Failed, severity: Severity | None = None) -> CannotTell:
    """The `CannotTell` of a fact that is unknown, or of an answer that failed."""
    return CannotTell(Unknown.of(unseen) if isinstance(unseen, Failed) else unseen, severity)


Verdicts = Iterator[Hit | CannotTell]
RuleFunction = Callable[["DomainFacts"], Verdicts]
# What a rule is a function of; one that needs less is a rule of those who have more.
Facts = TypeVar("Facts", contravariant=True)


def unread(seen: Answer | Unknown | None, severity: Severity | None = None) -> Verdicts:
    """Say that a rule which rests on this cannot tell, where it is unknown; else nothing."""
    if isinstance(seen, Failed | Unknown):
        yield cannot_tell(seen, severity)


@dataclass(frozen=True)
class RuleOf(Generic[Facts]):
    """One statement about mail authentication, with one id, one highest severity, one remedy."""

    id: str
    severity: Severity
    scope: Scope
    citation: Citation
    remedy: str
    function: Callable[[Facts], Verdicts]

    @property
    def name(self) -> str:
        """The fault in words: the function's name with hyphens."""
        return self.function.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """The first line of the docstring: what is wrong."""
        return self._docstring.split("\n", 1)[0].strip()

    @property
    def explanation(self) -> str:
        """The rest of the docstring: what a receiver then does."""
        return self._docstring.partition("\n")[2].strip()

    @property
    def area(self) -> str:
        """The letters of the id: ``SPF``."""
        return self.id.rstrip("0123456789")

    @property
    def _docstring(self) -> str:
        return inspect.cleandoc(self.function.__doc__ or "")

    def judge(self, facts: Facts) -> Verdicts:
        """Run the rule; raise `InternalError` where it tries to raise its own severity."""
        for verdict in self.function(facts):
            if verdict.severity is not None and self.severity < verdict.severity:
                raise InternalError(f"rule {self.id} gave a severity above its own")
            yield verdict


Rule: TypeAlias = "RuleOf[DomainFacts]"  # a rule of the audit
AnyRule: TypeAlias = RuleOf[Any]  # for those who show a rule and do not run it


def rule(
    id: str, severity: Severity, citation: Citation, *, remedy: str, scope: Scope = Scope.SENDING
) -> Callable[[Callable[[Facts], Verdicts]], RuleOf[Facts]]:
    """Make a rule of a function; its name and docstring become the rule's."""

    def make(function: Callable[[Facts], Verdicts]) -> RuleOf[Facts]:
        return RuleOf(id, severity, scope, citation, remedy, function)

    return make

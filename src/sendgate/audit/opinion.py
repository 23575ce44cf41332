"""What a second opinion comes to: topic by topic, both readings and how they compare.

    agrees           both read the same
    explained        they differ where the other reader is known to, for a reason that is told
    differs          they differ, and one of them is wrong: worth a look
    not comparable   the other reader needed an answer that the audit never had
    no opinion       the other reader failed on what it was given

None of this changes a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Comparison", "CrossCheck", "Outcome"]


class Outcome(StrEnum):
    """How two readings of one topic compare."""

    AGREES = "agrees"
    EXPLAINED = "explained"
    DIFFERS = "differs"
    NOT_COMPARABLE = "not_comparable"
    NO_OPINION = "no_opinion"

    @property
    def words(self) -> str:
        """For people: ``not comparable``."""
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Comparison:
    """One topic (``spf``, ``dmarc``, ...): both readings in words, and how they compare.

    `why` explains every outcome but `agrees` and `differs`.
    """

    topic: str
    outcome: Outcome
    ours: str
    theirs: str = ""
    why: str = ""


@dataclass(frozen=True)
class CrossCheck:
    """The second opinion on one audit.

    `by` names the other reader with its version (empty where that is not known). `problem`
    says why there is none at all.
    """

    by: str
    comparisons: tuple[Comparison, ...] = ()
    problem: str | None = None

    def with_outcome(self, outcome: Outcome) -> Iterator[Comparison]:
        """Give the topics that compare so."""
        return (entry for entry in self.comparisons if entry.outcome is outcome)

    @property
    def tally(self) -> str:
        """Count the outcomes in words: ``5 agree, 1 differs``."""
        verbs = {
            Outcome.AGREES: ("agrees", "agree"),
            Outcome.EXPLAINED: ("differs as explained", "differ as explained"),
            Outcome.DIFFERS: ("differs", "differ"),
            Outcome.NOT_COMPARABLE: ("not comparable", "not comparable"),
            Outcome.NO_OPINION: ("without opinion", "without opinion"),
        }
        parts = []
        for outcome, (one, many) in verbs.items():
            number = sum(1 for _ in self.with_outcome(outcome))
            if number:
                parts.append(f"{number} {one if number == 1 else many}")
        return ", ".join(parts) or "nothing to compare"

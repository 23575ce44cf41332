"""The engine: the first rule that applies to a reply says what it means."""

from __future__ import annotations

from functools import cache, lru_cache

from sendgate.send.classify.normal import Evidence, normalise, retry_after
from sendgate.send.classify.rulebook import Classification, Rule, RuleBook, read_rules
from sendgate.send.outcome import Phase, Reply

__all__ = ["Classifier", "classify", "load_classifier"]

REMEMBERED = 2_048  # normal forms; a campaign meets some hundreds


class Classifier:
    """A rule book that remembers its last answers by the normal form of the reply."""

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._decide = lru_cache(maxsize=REMEMBERED)(self._first)

    def classify(self, reply: Reply, phase: Phase | None, mx: str | None) -> Classification:
        """What `reply` means; see `sendgate.send.classify.classify`."""
        rule = self._decide(normalise(reply), phase, self.book.provider(mx))
        category = rule.category
        return Classification(
            category=category.name,
            scope=category.scope,
            hard=category.hard_after == 1,
            hubspot=category.hubspot,
            rule_id=rule.id,
            hard_after=category.hard_after,
            retry_after=retry_after(reply),
        )

    @property
    def remembered(self) -> int:
        """How many answers are remembered."""
        return self._decide.cache_info().currsize

    def _first(self, evidence: Evidence, phase: Phase | None, provider: str | None) -> Rule:
        rules = self.book.rules
        return next((r for r in rules if r.applies(evidence, phase, provider)), rules[-1])


@cache
def load_classifier() -> Classifier:
    """The classifier with sendgate's own rules, read and checked when first asked for."""
    from importlib.resources import files

    folder = files("sendgate.send.classify").joinpath("rules")
    sheets = sorted(folder.iterdir(), key=lambda sheet: sheet.name)
    return Classifier(
        read_rules(s.read_text(encoding="utf-8") for s in sheets if s.name.endswith(".toml"))
    )


def classify(
    reply: Reply,
    phase: Phase | None,
    mx: str | None = None,
    *,
    classifier: Classifier | None = None,
) -> Classification:
    """What a negative reply means.

    `phase` is the step of the session that it answers, None where a log does not tell; `mx` is
    the host name of the mail exchanger that spoke, None likewise. Evidence is weighed in the
    order of `Stage`. A reply before RCPT is never taken to be about the recipient. What no rule
    knows is ``uncategorized`` and soft. `classifier` is another rule book's.
    """
    return (classifier or load_classifier()).classify(reply, phase, mx)

"""The way by which an SPF record reaches the records it includes, for a form that shows ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sendgate.audit.report import Report
from sendgate.names import Domain
from sendgate.observed import Evidence, Present
from sendgate.render.entry import Entry
from sendgate.spf.facts import SpfFacts, SpfNode
from sendgate.spf.judging import node_evidence

__all__ = ["Step", "include_flow"]

MAX_STEPS = 100  # of one way; nobody reads on
_WHOLE_TREE = "sendgate.spf.tree_rules"


@dataclass(frozen=True)
class Step:
    """One record on the way: how deep it lies, the term that leads to it, what was seen of it."""

    depth: int
    domain: Domain | None
    term: str | None
    evidence: tuple[Evidence, ...]


def include_flow(entry: Entry) -> tuple[Step, ...]:
    """Give the include chain that a finding about SPF rests on; empty where there is none.

    For a record below the first one: the path down to it. For a rule that judges the
    whole tree: every record of the tree, in order of evaluation.
    """
    report = entry.report
    if not isinstance(report, Report) or entry.rule.area != "SPF":
        return ()
    if not isinstance(report.facts.spf, Present):
        return ()
    spf: SpfFacts = report.facts.spf.value
    if entry.subject != spf.domain:
        steps = next((way for way in _ways(spf.tree) if way[-1].domain == entry.subject), ())
    elif entry.rule.function.__module__ == _WHOLE_TREE:
        steps = tuple(way[-1] for way in _ways(spf.tree))
    else:
        steps = ()
    return steps[:MAX_STEPS] if len(steps) > 1 else ()


def _ways(node: SpfNode, above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """The way to each record of the tree, in order of evaluation."""
    term = None if node.via is None else node.via.text
    way = (*above, Step(len(above), node.domain, term, node_evidence(node)))
    yield way
    for child in node.children:
        yield from _ways(child, way)

"""From the facts of one message to a report, as an audit's `judge` does for a domain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sendgate.audit.judge import Judgement, Policy, run_rules
from sendgate.audit.report import Verdict
from sendgate.message import received_rules, rules
from sendgate.message.facts import MessageFacts

__all__ = ["RULES", "MessageReport", "judge_message"]

RULES = (*received_rules.RULES, *rules.RULES)
"""All that is judged of a message that was received."""


@dataclass(frozen=True)
class MessageReport:
    """One message, judged; `time` is when it is taken to have been received."""

    facts: MessageFacts
    verdict: Verdict
    said: Judgement
    time: datetime


def judge_message(
    facts: MessageFacts, policy: Policy, now: datetime, *, today: date
) -> MessageReport:
    """Run every rule over a message received at `now`; waivers are held against `today`."""
    said = run_rules(facts, RULES, policy, facts.domain, today)
    verdict = Verdict.PASS
    if any(policy.fail_on <= finding.severity for finding in said.findings):
        verdict = Verdict.FAIL
    elif any(item.decisive for item in said.unknown):
        verdict = Verdict.UNKNOWN
    return MessageReport(facts, verdict, said, now)

"""Ask for the MTA-STS record of a domain that receives mail, and fetch the policy it announces."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sendgate.dns.answers import Answer, Question, Reason, Records
from sendgate.dns.source import Desk
from sendgate.errors import DomainError
from sendgate.mtasts.facts import NoPolicy, PolicyFault, StsFacts
from sendgate.mtasts.fetch import MalformedPolicy, fetch_policy
from sendgate.mtasts.record import VERSION, Policy, is_meant, parse_record
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain
from sendgate.observed import Absent, Present
from sendgate.versioned import read_answer
from sendgate.web import Web

__all__ = ["enrich_mtasts", "read_mtasts"]


async def enrich_mtasts(mx: MxFacts, desk: Desk, web: Web | None) -> StsFacts | None:
    """Ask for the record, and fetch the policy where there is a `web` to fetch it from.

    None where the domain takes no mail. One spare question, and where policies are fetched
    another one, for the policy host: a host without a record may serve a policy that nobody
    announces.
    """
    if not mx.takes_mail:
        return None
    try:
        name, host = mx.name.child("_mta-sts"), mx.name.child("mta-sts")
    except DomainError:
        return None  # the name is too long to have the record
    record = Question(name, "TXT")
    if web is None:
        return read_mtasts(mx.name, await desk.spare.ask(record))
    questions = record, Question(host, "A")
    answer, at_host = await asyncio.gather(*(desk.spare.ask(question) for question in questions))
    facts = replace(read_mtasts(mx.name, answer), policy_host=at_host)
    return replace(facts, policy=await _policy(facts.domain, web)) if _serves(facts) else facts


def read_mtasts(domain: Domain, answer: Answer) -> StsFacts:
    """Read what stands at ``_mta-sts``; other protocols' texts there are left aside."""
    observed, meant = read_answer(answer, VERSION, parse_record, is_meant)
    return StsFacts(domain, answer, observed, meant)


def _serves(facts: StsFacts) -> bool:
    """Whether the policy host is worth a visit: announced, or there without being announced."""
    if isinstance(facts.observed, Absent):
        return isinstance(facts.policy_host, Records)
    return isinstance(facts.observed, Present)


async def _policy(domain: Domain, web: Web) -> Policy | NoPolicy | None:
    got = await fetch_policy(domain, web)
    if isinstance(got, Policy):
        return got
    if isinstance(got, MalformedPolicy):
        return NoPolicy(PolicyFault.MALFORMED, got.detail)
    if got.reason is None:
        return NoPolicy(PolicyFault.REFUSED, got.detail)
    if got.reason is Reason.NOT_ASKED:
        return None
    return NoPolicy(PolicyFault.OUT_OF_REACH, got.detail, got.reason)

"""The MTA-STS policy that an audit fetched, read by checkdmarc too."""

from __future__ import annotations

import pytest
from audits import TIME, audit_domain
from worlds import SENDER, Table, address, healthy, txt

from sendgate.audit.opinion import Comparison, Outcome
from sendgate.crosscheck.files import RecordingWeb
from sendgate.crosscheck.worker import SecondReader
from sendgate.dns.double import DnsDouble
from sendgate.dns.recorded import RecordingSource
from sendgate.web import Fetched, Limits, Unfetched

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmax_age: 604800\r\n"
WORLD: Table = healthy() | {
    ("_mta-sts.news.example.com", "TXT"): [txt("v=STSv1; id=20260831;")],
    ("mta-sts.news.example.com", "A"): [address("192.0.2.7")],
}


class Serving:
    """A web that has one policy and no other file."""

    def __init__(self, policy: str) -> None:
        self.policy = policy

    async def get(self, url: str, limits: Limits, accept: str = "*/*") -> Fetched | Unfetched:
        del limits, accept
        if url.endswith("/.well-known/mta-sts.txt"):
            return Fetched(url, self.policy.encode(), "text/plain")
        return Unfetched("HTTP status 404")


async def opinion_on(policy: str) -> Comparison:
    source = RecordingSource(DnsDouble(WORLD), TIME, "x")
    web = RecordingWeb(Serving(policy))
    report = await audit_domain("news.example.com", SENDER, source, web=web)
    reader = SecondReader()
    try:
        text = web.policy_of(report.domain)
        found = await reader.on(report.facts, source.answers, text)
    finally:
        await reader.aclose()
    assert found.problem is None
    (entry,) = [entry for entry in found.comparisons if entry.topic == "mta-sts-policy"]
    return entry


async def test_both_read_the_same_policy() -> None:
    """Mode, age and hosts; nothing is fetched twice."""
    found = await opinion_on(POLICY)
    assert found.outcome is Outcome.AGREES
    assert found.ours == found.theirs == "mode enforce, 604800 s, mail.example.com"


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        (POLICY.replace("enforce", "strict"), Outcome.AGREES),  # broken for both
        (POLICY.replace("604800", "99999999"), Outcome.EXPLAINED),
        (POLICY.replace("mx: mail.example.com\r\n", ""), Outcome.AGREES),
    ],
)
async def test_a_policy_that_is_none_or_too_old_is_read_alike_or_explained(
    policy: str, outcome: Outcome
) -> None:
    """A max_age over the greatest is the greatest for senders, and an error for checkdmarc."""
    assert (await opinion_on(policy)).outcome is outcome

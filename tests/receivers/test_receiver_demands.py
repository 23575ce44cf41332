"""What receivers ask: verdicts of all of them, and findings of those that were declared."""

from __future__ import annotations

from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, dkim_key, healthy, mx, txt

from sendgate.audit.catalogue import SENDING_RULES
from sendgate.audit.judge import Policy
from sendgate.audit.receivers import ReceiverVerdict, receiver_verdicts
from sendgate.audit.report import Report
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.profile import Receiver
from sendgate.receivers.rules import DEMANDS, NOT_OBSERVABLE
from sendgate.receivers.scripts import mixed_label
from sendgate.render.json import audit as as_json

BULK = [Receiver.GOOGLE_BULK, Receiver.YAHOO_BULK, Receiver.MICROSOFT_BULK]
JUDGED = [r for r in Receiver if r not in (Receiver.APPLE, Receiver.LAPOSTE)]
SPF = ("12345m.example.com", "TXT")
DMARC = ("_dmarc.example.com", "TXT")
KEY = ("s1._domainkey.news.example.com", "TXT")
REVERSE = ("10.2.0.192.in-addr.arpa", "PTR")


async def report_of(change: Table, policy: Policy | None = None, **given: Any) -> Report:
    double = DnsDouble(healthy() | change)
    return await audit_domain("news.example.com", SENDER | given, double, policy)


async def verdicts_of(change: Table, **given: Any) -> dict[Receiver, ReceiverVerdict]:
    report = await report_of(change, **given)
    return {entry.receiver: entry for entry in receiver_verdicts(report.facts)}


async def test_a_healthy_sender_passes_everywhere() -> None:
    """Every receiver whose demands are known says pass; of the others nothing is claimed."""
    found = await verdicts_of({})
    assert {r for r, entry in found.items() if entry.verdict == "pass"} == set(JUDGED)
    assert found[Receiver.APPLE].verdict == found[Receiver.LAPOSTE].verdict == "not_applicable"
    assert not any(entry.failed or entry.unknown or entry.declared for entry in found.values())


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({SPF: [], KEY: []}, {
            "google": "RCV001 RCV006",
            "google-bulk": "RCV001 RCV006 RCV009 RCV010 RCV012",
            "yahoo": "RCV014",
            "yahoo-bulk": "RCV014 RCV015 RCV016",
            "microsoft-bulk": "RCV023 RCV024 RCV025",
        }),
        ({SPF: []}, {
            "google-bulk": "RCV009", "yahoo-bulk": "RCV015", "microsoft-bulk": "RCV023"
        }),
        ({DMARC: []}, {
            "google-bulk": "RCV011", "yahoo-bulk": "RCV016", "microsoft-bulk": "RCV025"
        }),
        ({REVERSE: []}, {
            "google": "RCV002", "google-bulk": "RCV002", "yahoo": "RCV018",
            "yahoo-bulk": "RCV018", "microsoft": "RCV027", "microsoft-bulk": "RCV027",
        }),
        ({("news.example.com", "MX"): [mx(0, ".")]}, {
            "yahoo": "RCV019", "yahoo-bulk": "RCV019", "microsoft-bulk": "RCV026"
        }),
        ({KEY: [txt(f"v=DKIM1; p={dkim_key(768)}")]}, {
            "google": "RCV004", "google-bulk": "RCV004 RCV010", "yahoo": "RCV020",
            "yahoo-bulk": "RCV015 RCV020", "microsoft-bulk": "RCV024",
        }),
    ],
    ids=["nothing", "no SPF", "no DMARC", "no PTR", "null MX", "short key"],
)  # fmt: skip
async def test_each_receiver_fails_by_its_own_demands(
    change: Table, failed: dict[str, str]
) -> None:
    """The ids that decide stand with each receiver; the others pass."""
    found = await verdicts_of(change)
    assert {str(r): " ".join(e.failed) for r, e in found.items() if e.failed} == failed
    for receiver in JUDGED:
        assert found[receiver].verdict == ("fail" if str(receiver) in failed else "pass")


async def test_undeclared_receivers_decide_nothing() -> None:
    """They fail in their block alone: no finding, no unknown, the same verdict of the audit."""
    report = await report_of({KEY: [txt("v=DKIM1; p=")]}, policy=Policy(select=frozenset({"RCV"})))
    assert (report.findings, report.unknown, report.verdict) == ((), (), "pass")
    assert as_json(report)["receivers"]["google-bulk"] == {
        "verdict": "fail",
        "declared": False,
        "failed": ["RCV010"],
        "not_observable": sorted(NOT_OBSERVABLE[Receiver.GOOGLE_BULK]),
    }


async def test_declared_receivers_make_findings() -> None:
    """They name the replies to expect, and fail the audit."""
    change: Table = {SPF: [txt("v=spf1 ~all")]}
    report = await report_of(change, receivers=["google-bulk", "google", "microsoft"])
    (finding,) = (f for f in report.findings if f.rule.area == "RCV")
    assert finding.rule.id == "RCV009"
    assert "(expect 421 4.7.27, then 550 5.7.27)" in finding.message
    assert len(finding.evidence) == 1
    assert report.verdict == "fail"


async def test_bulk_demands_are_for_declared_volume() -> None:
    """One key is enough for Google below the threshold."""
    report = await report_of(
        {SPF: [txt("v=spf1 ~all")]}, receivers=["google", "yahoo", "microsoft"]
    )
    assert not [f for f in report.findings if f.rule.area == "RCV"]


@pytest.mark.parametrize("name", [SPF, KEY, DMARC, REVERSE], ids=lambda n: n[0])
async def test_unknown_is_neither_pass_nor_fail(name: tuple[str, str]) -> None:
    """What DNS did not tell leaves the verdict open where it decides."""
    found = await verdicts_of({name: Reason.TIMEOUT})
    for receiver in BULK:
        assert found[receiver].verdict == "unknown", receiver
        assert not found[receiver].failed
        assert found[receiver].unknown


async def test_what_was_not_declared_is_not_observable() -> None:
    """Without addresses nobody can say that SPF passes, and no reverse name can be looked at."""
    found = await verdicts_of({}, ips=[], receivers=["google-bulk"])
    google = found[Receiver.GOOGLE_BULK]
    assert google.verdict == "unknown"
    assert google.unknown == ("RCV009",)
    assert {"RCV002", "RCV009"} <= set(google.not_observable)
    report = await report_of({}, ips=[], receivers=["google-bulk"])
    assert report.verdict == "pass", "a rule without what it needs is not applicable"


async def test_a_name_that_is_no_declared_sender_is_not_judged() -> None:
    """An MX record does not make a domain a sender."""
    report = await audit_domain("example.com", {}, DnsDouble(healthy()))
    assert {e.verdict.value for e in receiver_verdicts(report.facts)} == {"not_applicable"}


async def test_a_shared_sender_rests_on_its_provider() -> None:
    """The provider's return path passes SPF without aligning, and its addresses are its own."""
    key = ("hs1._domainkey.news.example.com", "TXT")
    given = {"sender": "shared", "provider": "hubspot", "selectors": ["hs1"], "content": []}
    double = DnsDouble(healthy() | {key: [txt(f"v=DKIM1; p={dkim_key()}")]})
    report = await audit_domain("news.example.com", given, double)
    found = {e.receiver: e for e in receiver_verdicts(report.facts)}
    assert {found[receiver].verdict.value for receiver in JUDGED} == {"pass"}
    assert "RCV002" not in found[Receiver.GOOGLE_BULK].not_observable


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("news.example.com", None),
        ("münchen.example.com", None),
        ("новости.example.com", None),
        ("日本のニュースjp.example.com", None),
        ("n\u0435ws.example.com", "n\u0435ws"),
        ("\u03b1bc.example.com", "\u03b1bc"),
    ],
)
def test_a_label_keeps_to_one_writing_system(name: str, label: str | None) -> None:
    """Latin goes with the scripts of Chinese, Japanese and Korean, and with no other."""
    assert mixed_label(Domain.parse(name)) == label


def test_demands_are_in_the_catalogue_in_order() -> None:
    """Each once, by its id, and none of them stands among what DNS cannot show."""
    ids = [demand.rule.id for demand in DEMANDS]
    assert ids == sorted(set(ids))
    assert ids == [rule.id for rule in SENDING_RULES if rule.area == "RCV"]
    assert not set(ids) & {hidden for listed in NOT_OBSERVABLE.values() for hidden in listed}

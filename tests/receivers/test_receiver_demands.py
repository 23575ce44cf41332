"""What receivers ask: verdicts of all of them, and findings of those that were declared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, dkim_key, healthy, mx, txt

from sendgate.audit.catalogue import RULES
from sendgate.audit.judge import Policy
from sendgate.audit.receivers import ReceiverVerdict, receiver_verdicts
from sendgate.audit.report import Report
from sendgate.dns.answers import Reason
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.profile import Receiver
from sendgate.receivers.data import HIDDEN, RECEIVERS
from sendgate.receivers.rules import DEMANDS
from sendgate.receivers.scripts import mixed_label
from sendgate.render.json import audit as as_json
from sendgate.render.page import Page
from sendgate.render.text import report_on

BULK = [Receiver.GOOGLE_BULK, Receiver.YAHOO_BULK, Receiver.MICROSOFT_BULK]
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
    """Every receiver says pass, whether declared or not."""
    found = await verdicts_of({})
    assert {r for r, entry in found.items() if entry.verdict == "pass"} == set(Receiver)
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
            "apple": "RCV029 RCV032",
            "laposte": "RCV035",
        }),
        ({SPF: []}, {
            "google-bulk": "RCV009", "yahoo-bulk": "RCV015", "microsoft-bulk": "RCV023",
            "apple": "RCV030",
        }),
        ({DMARC: []}, {
            "google-bulk": "RCV011", "yahoo-bulk": "RCV016", "microsoft-bulk": "RCV025",
            "apple": "RCV031",
        }),
        ({REVERSE: []}, {
            "google": "RCV002", "google-bulk": "RCV002", "yahoo": "RCV018",
            "yahoo-bulk": "RCV018", "microsoft": "RCV027", "microsoft-bulk": "RCV027",
            "apple": "RCV034", "laposte": "RCV037",
        }),
        ({("news.example.com", "MX"): [mx(0, ".")]}, {
            "yahoo": "RCV019", "yahoo-bulk": "RCV019", "microsoft-bulk": "RCV026"
        }),
        ({KEY: [txt(f"v=DKIM1; p={dkim_key(768)}")]}, {
            "google": "RCV004", "google-bulk": "RCV004 RCV010", "yahoo": "RCV020",
            "yahoo-bulk": "RCV015 RCV020", "microsoft-bulk": "RCV024", "apple": "RCV030",
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
    for receiver in Receiver:
        assert found[receiver].verdict == ("fail" if str(receiver) in failed else "pass")


async def test_undeclared_receivers_decide_nothing() -> None:
    """They fail in their block alone: no finding, no unknown, the same verdict of the audit."""
    report = await report_of({KEY: [txt("v=DKIM1; p=")]}, policy=Policy(select=frozenset({"RCV"})))
    assert (report.findings, report.unknown, report.verdict) == ((), (), "pass")
    assert as_json(report)["receivers"]["google-bulk"] == {
        "verdict": "fail",
        "declared": False,
        "failed": ["RCV010"],
        "why": {
            "RCV010": "Google asks bulk senders for DKIM, and s1 of news.example.com cannot be "
            "verified (expect 421 4.7.30, then 550 5.7.30)"
        },
        "not_observable": sorted(RECEIVERS[Receiver.GOOGLE_BULK].hidden),
    }


async def test_the_text_has_the_verdict_of_every_receiver() -> None:
    """The declared ones with what DNS does not show; the others by verdict, in one line."""
    report = await report_of({KEY: [txt("v=DKIM1; p=")]}, receivers=["apple"])
    page = Page()
    report_on(page, report)
    shown = " ".join(page.text().split())
    assert "receivers apple fail (RCV030) not shown by DNS: consent" in shown
    assert (
        "not declared: google, yahoo, microsoft, laposte pass; google-bulk fail (RCV010); "
        "yahoo-bulk fail (RCV015); microsoft-bulk fail (RCV024)" in shown
    )


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
    assert {found[receiver].verdict.value for receiver in Receiver} == {"pass"}
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
    assert ids == [rule.id for rule in RULES if rule.area == "RCV"]
    assert not set(ids) & set(HIDDEN)


def test_each_receiver_is_known_as_of_a_day() -> None:
    """Its pages and their dates, and items that DNS does not show, each with what would."""
    assert set(RECEIVERS) == set(Receiver)
    assert {item for known in RECEIVERS.values() for item in known.hidden} == set(HIDDEN)
    for known in RECEIVERS.values():
        assert known.sources
        assert all(source.url.startswith("https://") for source in known.sources)
        assert all(source.read <= datetime.now(UTC).date() for source in known.sources)


def test_what_no_volume_frees_from_stands_at_both_receivers_of_an_operator() -> None:
    """Microsoft asks everybody for a way to unsubscribe; only bulk mail for answers in time."""
    usual, bulk = (RECEIVERS[r].hidden for r in (Receiver.MICROSOFT, Receiver.MICROSOFT_BULK))
    assert set(bulk) - set(usual) == {"RCV028"}
    assert "RCV049" in usual


def test_the_pages_that_rules_cite_are_among_the_sources() -> None:
    """What a demand cites is known as of a day too."""
    hosts = {s.url.split("/")[2] for known in RECEIVERS.values() for s in known.sources}
    cited = {d.rule.citation.url.split("/")[2] for d in DEMANDS}
    assert cited <= hosts


async def test_a_reverse_zone_that_was_not_given_is_not_observable() -> None:
    """Offline it is mostly somebody else's: neither pass nor unknown rests on it."""
    found = await verdicts_of({REVERSE: Reason.NOT_ASKED}, receivers=["google-bulk", "apple"])
    for receiver, rule in ((Receiver.GOOGLE_BULK, "RCV002"), (Receiver.APPLE, "RCV034")):
        assert found[receiver].verdict == "pass"
        assert rule in found[receiver].not_observable


async def test_a_provider_without_a_connected_domain_fails_at_la_poste() -> None:
    """A pass of the provider's own domain aligns with nothing."""
    given = {"sender": "shared", "provider": "hubspot", "dkim-domains": ["hubspotemail.net"]}
    key = ("s1._domainkey.hubspotemail.net", "TXT")
    double = DnsDouble(healthy() | {key: [txt(f"v=DKIM1; p={dkim_key()}")]})
    given |= {"selectors": ["s1"], "receivers": ["laposte", "yahoo"]}
    report = await audit_domain("news.example.com", given, double)
    found = {e.receiver: e for e in receiver_verdicts(report.facts)}
    assert found[Receiver.LAPOSTE].failed == ("RCV035",)
    assert found[Receiver.YAHOO].verdict == "pass"


@pytest.mark.parametrize(
    ("record", "failed"),
    [
        ("v=spf1 ip4:192.0.2.99 -all", ("RCV036",)),
        ("v=spf1 ip4:192.0.2.10 ip4:x -all", ("RCV036",)),
        ("v=spf1 ~all", ()),
    ],
)
async def test_la_poste_refuses_what_spf_excludes(record: str, failed: tuple[str, ...]) -> None:
    """A fail and an invalid record; a soft fail leaves it to DKIM."""
    found = await verdicts_of({SPF: [txt(record)]})
    assert found[Receiver.LAPOSTE].failed == failed


async def test_la_poste_asks_for_dmarc_with_reports() -> None:
    """Both are warnings: they fail nothing."""
    for change, rule in (
        ({DMARC: [txt("v=DMARC1; p=reject")]}, "RCV039"),
        ({DMARC: []}, "RCV038"),
    ):
        report = await report_of(change, receivers=["laposte"])
        said = {f.rule.id: str(f.severity) for f in report.findings if f.rule.area == "RCV"}
        assert said == {rule: "warning"}


async def test_apple_defers_a_domain_that_is_not_there() -> None:
    """From, or the return path."""
    table = {k: v for k, v in healthy().items() if "12345m" not in k[0]}
    given = SENDER | {"receivers": ["apple"]}
    report = await audit_domain("news.example.com", given, DnsDouble(table))
    assert "RCV033" in {f.rule.id for f in report.findings}

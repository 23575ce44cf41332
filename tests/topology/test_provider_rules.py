"""Guards of the rules about what providers ask for that a fixture alone cannot show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audits import audit_domain
from worlds import SENDER, Table, address, cname, dkim_key, healthy, mx, txt

from sendgate.audit.catalogue import RULES
from sendgate.audit.judge import Policy, run_rules
from sendgate.audit.report import Report
from sendgate.dns.answers import Question
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.topology.facts import ServerAnswers, ZoneFacts

NEWS = "news.example.com"
PATH = "12345m.example.com"
KEY = txt(f"v=DKIM1; k=rsa; p={dkim_key()}")


async def audit(source: Any, **options: Any) -> Report:
    given = {k.replace("_", "-"): v for k, v in options.items()}
    return await audit_domain(NEWS, SENDER | given, source)


def said(report: Report, *rules: str) -> dict[str, str]:
    return {f.rule.id: str(f.severity) for f in report.findings if f.rule.id in rules}


# --- a CNAME with company


@pytest.mark.parametrize(
    ("target", "expected"), [("pm.mtasv.net", {"TOP012"}), ("mail.example.org", {"DNS001"})]
)
async def test_the_zones_own_servers_show_what_stands_beside_the_alias(
    target: str, expected: set[str]
) -> None:
    """At a provider's return path TOP012 speaks, elsewhere DNS001, and never both."""
    table: Table = {k: v for k, v in healthy().items() if k[0] != PATH} | {
        (PATH, "CNAME"): [cname(target)],
        (target, "MX"): [mx(10, "bounce.example.com")],
        (target, "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
    }
    double = DnsDouble(table)
    report = await audit(double, provider="postmark")
    assert said(report, "TOP012", "DNS001") == {}, "a resolver does not show it"
    name, place = Domain(PATH), "192.0.2.53"
    aliased = await double.ask(Question(name, "MX", server=place))
    data = await DnsDouble({(PATH, "TXT"): [txt("a")]}).ask(Question(name, "TXT", server=place))
    told = ServerAnswers(Domain("ns1.example.com"), place, aliased, data)
    facts = replace(report.facts, zones=(ZoneFacts(name, servers=(told,)),))
    found = run_rules(facts, RULES, Policy(), facts.profile.sending, report.time.date()).findings
    assert {f.rule.id for f in found} & {"TOP012", "DNS001"} == expected


# --- the identity at Amazon SES


SES_KEY: Table = {
    ("t1._domainkey.news.example.com", "CNAME"): [cname("t1.dkim.amazonses.com")],
    ("t1.dkim.amazonses.com", "TXT"): [KEY],
}


@pytest.mark.parametrize(
    ("path", "options", "finds"),
    [
        ("bounce.news.example.com", {"selectors": ["t1"]}, False),
        ("bounce.example.com", {"selectors": ["t1"]}, True),
        ("bounce.example.com", {}, False),  # the identity may be example.com
        ("bounce.example.com", {"dkim-domains": ["example.com"]}, False),
        ("bounce.example.com", {"dkim-domains": ["mail.example.com"]}, True),
        ("bounce.example.net", {}, True),
    ],
)
async def test_mail_from_lies_below_the_identity(
    path: str, options: dict[str, Any], finds: bool
) -> None:
    """The identity is what is declared, else what has keys of SES, else any name above."""
    table = (
        healthy()
        | SES_KEY
        | {
            (path, "MX"): [mx(10, "feedback-smtp.eu-west-1.amazonses.com")],
            (path, "TXT"): [txt("v=spf1 ip4:192.0.2.10 -all")],
        }
    )
    given = SENDER | {"provider": "amazon-ses", "return-path": path} | options
    report = await audit_domain(NEWS, given, DnsDouble(table))
    assert said(report, "TOP020", "TOP028") == ({"TOP020": "error"} if finds else {})


# --- dedicated addresses at HubSpot


KEYS_BELOW: Table = {("hs1._domainkey.12345m.example.com", "TXT"): [KEY]}


@pytest.mark.parametrize(
    ("change", "provider", "expected"),
    [
        (KEYS_BELOW, "hubspot", {"TOP008": "warning"}),
        (KEYS_BELOW | {(PATH, "MX"): [mx(0, "mx.hubapi.com")]}, "hubspot", {}),
        ({(PATH, "MX"): [mx(0, "mx.hubapi.com")]}, "hubspot", {"TOP022": "note"}),
        ({(PATH, "MX"): [mx(0, "mx.hubapi.com")]}, None, {}),
        (KEYS_BELOW | {(PATH, "MX"): []}, "hubspot", {"TOP022": "error"}),
    ],
)
async def test_what_a_dedicated_return_path_lacks(
    change: Table, provider: str | None, expected: dict[str, str]
) -> None:
    """A missing MX record is an error, missing keys a note; the wrong host is TOP008's."""
    table = {k: v for k, v in (healthy() | change).items() if v}
    report = await audit(DnsDouble(table), **({"provider": provider} if provider else {}))
    assert said(report, "TOP008", "TOP009", "TOP022") == expected


# --- proxies


async def test_addresses_at_a_selector_show_a_proxy() -> None:
    """Through a resolver too: no key, but an address, is one finding, and not two."""
    table = healthy() | {("p1._domainkey.news.example.com", "A"): [address("192.0.2.80")]}
    report = await audit(DnsDouble(table), selectors=["p1"])
    assert said(report, "TOP027", "DKIM001") == {"TOP027": "error"}
    table = healthy() | {("p1._domainkey.news.example.com", "MX"): [mx(0, ".")]}
    report = await audit(DnsDouble(table), selectors=["p1"])
    assert said(report, "TOP027", "DKIM001") == {"DKIM001": "error"}


@pytest.mark.parametrize(
    ("selector", "provider", "expected"),
    [
        ("s1", "sendgrid", {"TOP027": "warning"}),
        ("own", "sendgrid", {}),  # a key of another system
        ("s1", "postmark", {}),  # which shows keys as TXT
        ("s1", None, {}),
    ],
)
async def test_a_key_in_place_of_its_alias_cannot_follow(
    selector: str, provider: str | None, expected: dict[str, str]
) -> None:
    """Only where the named provider wants a CNAME at this very selector."""
    table = healthy() | {(f"{selector}._domainkey.news.example.com", "TXT"): [KEY]}
    options = {"provider": provider} if provider else {}
    report = await audit(DnsDouble(table), selectors=[selector], **options)
    assert said(report, "TOP027") == expected


# --- From, replaced


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("hubspot", "sends as user=news.example.com@hs-domain.com"),
        ("zendesk", "is said to send as a name at zendesk.com"),
    ],
)
async def test_from_is_shown_as_it_will_be(provider: str, expected: str) -> None:
    """With the sender's own name in it; what no source of the catalogue shows is hearsay."""
    report = await audit(DnsDouble(healthy()), selectors=["gone"], provider=provider)
    (message,) = (f.message for f in report.findings if f.rule.id == "TOP035")
    assert message.endswith(expected)

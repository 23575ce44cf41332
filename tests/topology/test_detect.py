"""Who sends for a domain, as its records show it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from audits import audit_domain
from worlds import Table, cname, dkim_key, healthy, mx, txt

from sendgate.dns.double import DnsDouble
from sendgate.render import json as form

KEY = txt(f"v=DKIM1; k=rsa; p={dkim_key()}")


def selector(name: str, target: str) -> Table:
    return {
        (f"{name}._domainkey.news.example.com", "CNAME"): [cname(target)],
        (target, "TXT"): [KEY],
    }


async def roles(table: Table, **given: Any) -> dict[str, Any]:
    report = await audit_domain("news.example.com", given, DnsDouble(healthy() | table))
    found: dict[str, Any] = json.loads(form.dumps(form.audit(report)))["roles"]
    return found


SENDGRID = selector("s1", "s1.domainkey.u1.wl2.sendgrid.net")
MICROSOFT = selector("selector1", "selector1-x._domainkey.example.onmicrosoft.com")
SPF_OF_TWO = {
    ("news.example.com", "TXT"): [
        txt("v=spf1 include:sendgrid.net include:spf.protection.outlook.com -all")
    ]
}


@pytest.mark.parametrize(
    ("table", "given", "provider"),
    [
        (SENDGRID, {}, "sendgrid"),
        ({("news.example.com", "TXT"): [txt("v=spf1 include:amazonses.com -all")]},
         {}, "amazon-ses"),
        ({("12345m.example.com", "CNAME"): [cname("pm.mtasv.net")]},
         {"return-path": "12345m.example.com"}, "postmark"),
        ({("12345m.example.com", "MX"): [mx(0, "mx.hubapi.com")]},
         {"return-path": "12345m.example.com"}, "hubspot"),
        # What the inbox host signs does not hide the service that sends.
        (SENDGRID | MICROSOFT, {}, "sendgrid"),
        (MICROSOFT, {}, "microsoft-365"),
        # Two that may: nothing is said.
        (MICROSOFT | SPF_OF_TWO, {}, None),
        (SENDGRID | selector("k2", "dkim2.mcsv.net"), {}, None),
        # An inbox host shows nothing of who sends, a shared selector nothing at all.
        ({("news.example.com", "MX"): [mx(1, "aspmx.l.google.com")]}, {}, None),
        ({}, {"selectors": ["s1"]}, None),
        # A suffix counts at a label boundary alone.
        (selector("s1", "s1.notsendgrid.net"), {}, None),
        (selector("s1", "s1.sendgrid.net.evil.example"), {}, None),
        # A reseller stands for the service that it sends through.
        ({("resend._domainkey.news.example.com", "TXT"): [KEY],
          ("news.example.com", "TXT"): [txt("v=spf1 include:amazonses.com -all")]},
         {"selectors": ["resend"]}, "resend"),
    ],
)  # fmt: skip
async def test_the_provider_that_sends_is_told_by_its_records(
    table: Table, given: dict[str, Any], provider: str | None
) -> None:
    """Return path, keys and includes show it; what is declared is not asked for."""
    if any("s1._domainkey" in name for name, _ in table):
        table = {("s1._domainkey.news.example.com", "TXT"): []} | table
    found = await roles(table, **given)
    assert (found["provider"], found["provider_assumed"]) == (provider, provider is not None)


async def test_what_is_declared_stands() -> None:
    """A provider that was named is the one, whatever the records show."""
    found = await roles({}, provider="brevo")
    assert (found["provider"], found["provider_assumed"]) == ("brevo", False)

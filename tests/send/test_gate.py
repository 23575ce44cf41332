"""The gate: what refuses a campaign, what holds it, and that nothing talks it round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from audits import TIME
from campaigns import CAMPAIGN, campaign
from worlds import Table, dkim_key, healthy, mx, txt

from sendgate.audit.judge import Policy, judge
from sendgate.audit.report import Verdict, Waiver
from sendgate.audit.run import audit
from sendgate.dns.answers import Question, Reason
from sendgate.dns.double import DnsDouble
from sendgate.dns.recorded import ReplaySource
from sendgate.dns.source import RunSource
from sendgate.message.keys import SigningKey, read_private_key
from sendgate.message.sign import Signer, sign
from sendgate.names import Domain
from sendgate.profile import Receiver
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign
from sendgate.send.compose import Composer
from sendgate.send.gate import Allow, Hold, Refuse, decide
from sendgate.send.gate_audit import GateAudit, Sample, gate_audit, profile_of
from sendgate.send.tokens import Tokens
from sendgate.vocabulary import Severity

KEY = ("s1._domainkey.news.example.com", "TXT")
WWW = ("www.example.com", "A")
SPF = ("12345m.example.com", "TXT")


@pytest.fixture(scope="module")
def private() -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return read_private_key(pem, "s1.pem")


def sample_of(read: Campaign, keys: Sequence[SigningKey]) -> bytes:
    """One message of the campaign as it would be sent."""
    composer = Composer(read, Tokens(b"a secret of thirty-two octets..."), 1)
    fields = {"first_name": "Joe"}
    made = composer.compose(1, Address.parse("joe@example.net"), fields, TIME)
    signers = [
        Signer(key.domain, key.selector, private)
        for key, private in zip(read.dkim_keys, keys, strict=True)
    ]
    return sign(made.data, signers, TIME) if signers else made.data


async def audited(
    read: Campaign,
    private: SigningKey,
    change: Table | None = None,
    *,
    source: DnsDouble | None = None,
) -> GateAudit:
    table = healthy() | {KEY: [txt(private.record_text)]} | (change or {})
    keys = dict.fromkeys(read.dkim_keys, private)
    sample = sample_of(read, list(keys.values()))
    return await gate_audit(
        read, source or DnsDouble(table), keys=keys, samples=[Sample(sample)], now=TIME, seed="seed"
    )


def refused_by(result: GateAudit) -> list[str]:
    assert isinstance(result.decision, Refuse), result.decision
    return sorted({finding.rule.id for finding in result.decision.findings})


async def test_a_healthy_campaign_is_allowed(tmp_path: Path, private: SigningKey) -> None:
    """Its own addresses, HELO, keys and message are what was judged."""
    result = await audited(campaign(tmp_path), private)
    assert result.decision == Allow()
    facts = result.report.facts
    assert [str(check.ip) for check in facts.spf_checks] == ["192.0.2.10"]
    assert str(facts.profile.helo) == "mail.example.com"
    assert [key.selector.owner for key in facts.dkim.keys] == [Domain.parse(KEY[0])]
    assert len(result.messages) == 1


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({SPF: [txt("v=spf1 ip4:192.0.2.11 -all")]}, ["SPF025"]),
        ({("10.2.0.192.in-addr.arpa", "PTR"): []}, ["PTR001"]),
        ({("news.example.com", "MX"): [mx(0, ".")]}, ["MX008"]),
        ({WWW: []}, ["GATE002"]),
        ({KEY: [txt(f"v=DKIM1; k=rsa; p={dkim_key()}")]}, ["DKIM016", "GATE001", "UNS003"]),
    ],
    ids=["SPF", "reverse DNS", "null MX", "unsubscribe host", "another key"],
)
async def test_an_error_that_harms_sending_refuses(
    tmp_path: Path, private: SigningKey, change: Table, rules: list[str]
) -> None:
    """Each with the rules that say so."""
    found = refused_by(await audited(campaign(tmp_path), private, change))
    assert set(rules) & set(found)
    assert set(found) <= set(rules)


@pytest.mark.parametrize(
    "name", [SPF, KEY, WWW, ("10.2.0.192.in-addr.arpa", "PTR")], ids=lambda name: name[0]
)
@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.NOT_ASKED])
async def test_unknown_never_allows(
    tmp_path: Path, private: SigningKey, name: tuple[str, str], reason: Reason
) -> None:
    """A question that failed holds the campaign, also where an audit would not mind."""
    change: Table = {name: reason}
    if name == WWW:
        change[WWW[0], "AAAA"] = reason
    result = await audited(campaign(tmp_path), private, change)
    assert isinstance(result.decision, Hold)
    assert any(item.unknown.question == Question(Domain(name[0]), name[1])
               for item in result.decision.unknown)  # fmt: skip


async def test_receivers_of_the_sender_count(tmp_path: Path, private: SigningKey) -> None:
    """A missing DMARC record is a warning, and Google refuses bulk mail for it."""
    change: Table = {("_dmarc.example.com", "TXT"): []}
    read = campaign(tmp_path)
    assert (await audited(read, private, change)).decision == Allow()
    bulk = replace(read, sender=replace(read.sender, receivers=(Receiver.GOOGLE_BULK,)))
    assert refused_by(await audited(bulk, private, change)) == ["DMARC001", "RCV011"]


async def test_what_is_not_declared_holds_where_a_receiver_asks_for_it(
    tmp_path: Path, private: SigningKey
) -> None:
    """Without a source address nobody knows whether SPF passes, which Google asks of bulk."""
    text = CAMPAIGN.replace('source-addresses = ["192.0.2.10"]\n', "")
    read = campaign(tmp_path, text)
    bulk = replace(read, sender=replace(read.sender, receivers=(Receiver.GOOGLE_BULK,)))
    decision = (await audited(bulk, private)).decision
    assert isinstance(decision, Hold)
    assert [(str(r.receiver), r.unknown) for r in decision.receivers] == [
        ("google-bulk", ("RCV009",))
    ]


async def test_an_unsigned_campaign(tmp_path: Path, private: SigningKey) -> None:
    """Unsigned marketing is refused; for other mail with aligned SPF it is a warning."""
    text = CAMPAIGN.replace(
        'keys = [{ domain = "news.example.com", selector = "s1", file = "s1.pem" }]', "keys = []"
    )
    assert refused_by(await audited(campaign(tmp_path, text), private)) == ["GATE003"]
    plain = text.replace('"marketing"', '"transactional"')
    result = await audited(campaign(tmp_path, plain), private)
    assert result.decision == Allow()
    assert [(f.rule.id, f.severity) for f in result.campaign.findings] == [
        ("GATE003", Severity.WARNING)
    ]
    aside = await audited(campaign(tmp_path, plain), private, {SPF: [txt("v=spf1 ~all")]})
    assert "GATE003" in refused_by(aside)


async def test_a_message_that_breaks_the_rules_refuses(tmp_path: Path, private: SigningKey) -> None:
    """A false Re: on marketing mail, and an unsubscribe address that is no https one."""
    text = CAMPAIGN.replace('"Hello {{ first_name }}"', '"Re: Hello {{ first_name }}"')
    assert refused_by(await audited(campaign(tmp_path, text), private)) == ["MSG006"]
    text = CAMPAIGN.replace("https://www", "http://www")
    assert "UNS001" in refused_by(await audited(campaign(tmp_path, text), private))


async def test_no_setting_of_an_audit_reaches_the_gate(tmp_path: Path, private: SigningKey) -> None:
    """Waived, ignored and below the threshold: the gate judges the facts anew."""
    record = txt("v=spf1 ip4:192.0.2.11 -all")
    table = healthy() | {KEY: [txt(private.record_text)], SPF: [record]}
    waiver = Waiver("SPF025", "news.example.com", "because", date(2027, 1, 1))
    source = RunSource(DnsDouble(table))
    profile = profile_of(campaign(tmp_path))
    for policy in (Policy(waivers=(waiver,)), Policy(ignore=frozenset({"SPF"}))):
        report = await audit(profile, source, policy=policy, time=TIME, seed="seed")
        assert report.verdict is Verdict.PASS
        decision = decide(report)
        assert isinstance(decision, Refuse)
        assert [finding.rule.id for finding in decision.findings] == ["SPF025"]
    assert judge(report.facts, (), Policy(), TIME, report.dns).verdict is Verdict.PASS
    assert isinstance(decide(judge(report.facts, (), Policy(), TIME, report.dns)), Refuse)


async def test_warnings_and_other_harm_do_not_refuse(tmp_path: Path, private: SigningKey) -> None:
    """An MX host without address is an error that harms receiving alone."""
    change: Table = {("news.example.com", "MX"): [mx(10, "gone.example.com")]}
    result = await audited(campaign(tmp_path), private, change)
    harms = {f.rule.id: str(f.rule.scope) for f in result.report.findings if f.rule.id == "MX004"}
    assert harms == {"MX004": "receiving"}
    assert result.decision == Allow()


async def test_a_provider_named_for_the_sender_vouches_for_nothing(
    tmp_path: Path, private: SigningKey
) -> None:
    """The campaign leaves from its own addresses; a provider's return path would not pass."""
    read = campaign(tmp_path)
    other = Domain("12345.bf01.hubspotemail.net")
    given = replace(read.sender, provider="hubspot", return_path=other, selectors=("hs1",))
    profile = profile_of(replace(read, sender=given))
    assert (profile.provider, profile.provider_return_path) == (None, False)
    assert [selector.name for selector in profile.selectors] == ["s1"]


async def test_the_recording_replays_to_the_same_decision(
    tmp_path: Path, private: SigningKey
) -> None:
    """What is stored with a campaign is all that the decision rests on."""
    read = campaign(tmp_path)
    first = await audited(read, private, {("10.2.0.192.in-addr.arpa", "PTR"): []})
    path = tmp_path / "recording.json"
    path.write_text(first.recording, encoding="utf-8")
    again = await gate_audit(
        read,
        ReplaySource.read(path),
        keys=dict.fromkeys(read.dkim_keys, private),
        samples=[Sample(sample_of(read, [private]))],
        now=TIME,
        seed="seed",
    )
    assert refused_by(again) == refused_by(first) == ["PTR001"]


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, False),
        ({("example.com", "MX"): [mx(0, ".")]}, True),
        ({("mail.example.com", "A"): [], ("mail.example.com", "AAAA"): []}, True),
    ],
)
async def test_replies_to_another_domain_must_arrive_for_microsoft(
    tmp_path: Path, private: SigningKey, change: Table, refused: bool
) -> None:
    """Reply-To is at example.com here; without declared volume lost replies are a warning."""
    read = campaign(tmp_path)
    bulk = replace(read, sender=replace(read.sender, receivers=(Receiver.MICROSOFT_BULK,)))
    found = await audited(bulk, private, change)
    assert (found.decision != Allow()) is refused
    warned = await audited(read, private, change)
    assert warned.decision == Allow()
    assert [(f.rule.id, f.severity) for f in warned.campaign.findings] == (
        [("GATE004", Severity.WARNING)] if refused else []
    )


async def test_an_unread_reply_domain_holds_where_replies_are_asked_for(
    tmp_path: Path, private: SigningKey
) -> None:
    """The MX of Reply-To's domain could not be read."""
    read = campaign(tmp_path)
    bulk = replace(read, sender=replace(read.sender, receivers=(Receiver.MICROSOFT_BULK,)))
    change: Table = {("example.com", "MX"): Reason.TIMEOUT}
    assert isinstance((await audited(bulk, private, change)).decision, Hold)
    assert (await audited(read, private, change)).decision == Allow()

"""Audit a campaign for the gate: its own From, return path, keys, hosts, messages, all at once.

    Campaign ──► Profile ──► audit ┐
    private keys, samples, url ────┴─► judgements ──► decide ──► GateAudit

Everything is asked through one recorded source, so that a decision can be replayed. No
connection is opened but for DNS; the unsubscribe host is looked up and not visited.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from sendgate.audit.facts import DomainFacts
from sendgate.audit.infer import build_profile
from sendgate.audit.judge import Judgement, Policy, run_rules
from sendgate.audit.report import Report
from sendgate.audit.run import audit
from sendgate.dns.answers import Question
from sendgate.dns.probe import new_seed
from sendgate.dns.recorded import RecordingSource
from sendgate.dns.source import Desk, DnsSource, RunSource
from sendgate.errors import ConfigError, DomainError
from sendgate.message import rules as message_rules
from sendgate.message.collect import collect_keys
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.keys import SigningKey, matches
from sendgate.message.record import parse
from sendgate.message.verify import verify
from sendgate.mx.collect import collect_mx
from sendgate.mx.facts import MxFacts
from sendgate.names import Domain, printable
from sendgate.profile import Profile, Receiver, Selector, SenderKind
from sendgate.send import gate_rules
from sendgate.send.campaign import Campaign, DkimKey, Kind
from sendgate.send.gate import Decision, decide
from sendgate.send.gate_rules import CampaignFacts, KeyPair, UnsubscribeHost
from sendgate.topology.collect import collect_names, complete_names

__all__ = ["GateAudit", "Sample", "gate_audit", "profile_of"]


@dataclass(frozen=True)
class Sample:
    """A message of a campaign as it would be sent, signed; `smtputf8` as its address asks."""

    data: bytes
    smtputf8: bool = False


@dataclass(frozen=True)
class GateAudit:
    """One audit of a campaign: the decision and all it rests on.

    `campaign` and `messages` are what was judged beside the report. `recording` is the
    text of a recording of every DNS answer.
    """

    decision: Decision
    report: Report
    campaign: Judgement
    messages: tuple[Judgement, ...]
    recording: str


def profile_of(campaign: Campaign) -> Profile:
    """The sender as this campaign sends: from its own addresses, with its own keys.

    What the sender's options say of addresses, HELO and selectors gives way to the
    campaign's transport and keys. A provider named there does not send this mail.
    """
    own = replace(
        campaign.sender,
        return_path=campaign.return_path,
        sender=SenderKind.DEDICATED
        if campaign.sender.sender is SenderKind.DEDICATED
        else SenderKind.OWN,
        provider=None,
        selectors=(),
        dkim_domains=(),
        ips=campaign.transport.source_addresses or campaign.sender.ips,
        helo=campaign.transport.helo or campaign.sender.helo,
    )
    selectors = tuple(Selector(key.selector, key.domain, named=True) for key in campaign.dkim_keys)
    domains = tuple(dict.fromkeys(key.domain for key in campaign.dkim_keys))
    profile = build_profile(campaign.sending, own)
    return replace(profile, selectors=selectors, dkim_domains=domains or profile.dkim_domains)


async def gate_audit(
    campaign: Campaign,
    source: DnsSource,
    *,
    keys: Mapping[DkimKey, SigningKey],
    samples: Sequence[Sample],
    now: datetime,
    seed: str | None = None,
) -> GateAudit:
    """Audit the campaign and decide; no answer of an earlier audit is used again.

    `keys` holds the private key of each of the campaign's, `samples` are some of its
    messages. `now` is aware; `seed` as in `audit`. Raises `ConfigError`
    where the unsubscribe address names no host.
    """
    seed = seed or new_seed()
    recording = RecordingSource(source, now, seed)
    run = RunSource(recording)
    profile = profile_of(campaign)
    report, host, replies, *messages = await asyncio.gather(
        audit(profile, run, policy=Policy(), time=now, seed=seed),
        _unsubscribe_host(campaign, run),
        _replies(campaign, run),
        *(_message(campaign, profile, sample, run, now) for sample in samples),
    )
    assert isinstance(report, Report)
    assert host is None or isinstance(host, UnsubscribeHost)
    assert replies is None or isinstance(replies, MxFacts)
    facts = CampaignFacts(
        sending=campaign.sending,
        must_sign=profile.is_bulk or campaign.kind is Kind.MARKETING,
        needs_replies=Receiver.MICROSOFT_BULK in profile.receivers,
        spf_aligns=report.facts.alignment.spf_can_pass,
        keys=tuple(_pair(key, keys[key], report.facts) for key in campaign.dkim_keys),
        unsubscribe=host,
        replies=replies,
    )
    own = run_rules(facts, gate_rules.RULES, Policy(), campaign.sending, now.date())
    judged = tuple(dict.fromkeys(one for one in messages if isinstance(one, Judgement)))
    decision = decide(report, (own, *judged))
    return GateAudit(decision, report, own, judged, recording.text)


async def _message(
    campaign: Campaign, profile: Profile, sample: Sample, source: DnsSource, now: datetime
) -> Judgement:
    message = parse(sample.data)
    answers = await collect_keys(message, source)
    facts = MessageFacts(
        message=message,
        where="the message",
        kind=MessageKind(campaign.kind.value),
        results=await asyncio.to_thread(verify, message, answers, now),
        bulk=profile.is_bulk,
        envelope=campaign.return_path,
        smtputf8=sample.smtputf8,
    )
    return run_rules(facts, message_rules.RULES, Policy(), campaign.sending, now.date())


def _pair(key: DkimKey, private: SigningKey, facts: DomainFacts) -> KeyPair:
    selector = Selector(key.selector, key.domain, named=True)
    published = next(one for one in facts.dkim.keys if one.selector == selector)
    record = published.record
    comparable = record is not None and published.usable
    return KeyPair(published, matches(private, record) if comparable and record else None)


async def _replies(campaign: Campaign, source: DnsSource) -> MxFacts | None:
    """What takes the mail of Reply-To, where that is at a domain that is not audited."""
    reply_to = campaign.message.reply_to
    if reply_to is None or reply_to.address.domain == campaign.sending:
        return None
    profile, desk = Profile(reply_to.address.domain), Desk(source)
    names = await complete_names(profile, await collect_names(profile, desk), desk)
    return (await collect_mx(profile, names, desk))[profile.sending]


async def _unsubscribe_host(campaign: Campaign, source: DnsSource) -> UnsubscribeHost | None:
    url = campaign.unsubscribe_url
    host = None if url is None else urlsplit(url).hostname
    if host is None:
        return None  # none is named, or it is a mailto: address
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    try:
        name = Domain.parse(host)
    except DomainError as error:
        raise ConfigError(
            f"{campaign.path}: unsubscribe.url: {printable(host)} is no host name: {error}"
        ) from None
    answers = await asyncio.gather(*(source.ask(Question(name, t)) for t in ("A", "AAAA")))
    return UnsubscribeHost(name, tuple(answers))

"""Ask what DNS shows at the names of the roles, and of the zones they lie in.

`collect_names` asks what the verdict rests on, in one round, and `complete_names` what the
answers leave open, in another. `enrich_zones` asks what is good to know: whether a wildcard
answers beside or below a mail name, and whether the zone's own servers are sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from sendgate.dns.answers import (
    Address,
    Answer,
    Failed,
    NoData,
    NxDomain,
    Question,
    Reason,
    Records,
    Soa,
    Target,
)
from sendgate.dns.source import Desk, DnsSource
from sendgate.names import Domain
from sendgate.profile import Profile
from sendgate.topology.cuts import collect_cut
from sendgate.topology.facts import NameFacts, NameServer, ServerAnswers, ZoneFacts
from sendgate.topology.paths import is_dedicated_name

__all__ = ["collect_names", "complete_names", "enrich_zones"]

MAX_SERVERS = 8  # name servers of a zone that are looked at; more than 8 are very rare

_SENDING = ("TXT", "MX", "A")
_RETURN_PATH = ("TXT", "MX")
_CONTENT = ("A",)


async def collect_names(profile: Profile, desk: Desk) -> Mapping[Domain, NameFacts]:
    """Ask at the sending domain, the return path unless it is the provider's, and the content.

    Of several content names the first is asked for here, the others when the names are
    completed.
    """
    wanted: dict[Domain, list[str]] = {profile.sending: list(_SENDING)}
    if profile.envelope is not None:
        wanted.setdefault(profile.envelope, list(_RETURN_PATH))
    for role in profile.content[:1]:
        types = wanted.setdefault(role.name, [])
        types.extend(t for t in _CONTENT if t not in types)
    found = await asyncio.gather(*(_first(n, tuple(t), desk.core) for n, t in wanted.items()))
    return {facts.name: facts for facts in found}


async def complete_names(
    profile: Profile, names: Mapping[Domain, NameFacts], desk: Desk
) -> Mapping[Domain, NameFacts]:
    """Ask what the first answers leave open, and for the other content names.

    Addresses of a mail name beyond the first question are asked only where no MX record
    says where its mail goes; the SOA record of the sending domain only where no answer told
    its zone. A failed validation shows as SERVFAIL, so the first such answer of a mail name
    is asked again without DNSSEC checking (RFC 4035 section 3.2.2).
    """
    content = dict.fromkeys(role.name for role in profile.content)
    zone = {profile.sending} if _apex_of(names[profile.sending]) is None else set()
    found = await asyncio.gather(
        *(
            _second(names[name], name in content, name in zone, desk.spare)
            for name in profile.mail_names
        ),
        *(_first(name, _CONTENT, desk.spare) for name in content if name not in names),
    )
    return {**names, **{facts.name: facts for facts in found}}


async def _first(name: Domain, types: tuple[str, ...], source: DnsSource) -> NameFacts:
    answers = await asyncio.gather(*(source.ask(Question(name, t)) for t in types))
    got = dict(zip(types, answers, strict=True))
    return NameFacts(name, got.get("TXT"), got.get("MX"), got.get("A"))


async def _second(
    facts: NameFacts, is_content: bool, with_zone: bool, source: DnsSource
) -> NameFacts:
    """Ask what the first answers leave open: addresses without MX, and SERVFAIL once more."""
    ask: dict[str, Question] = {}
    by_address = not isinstance(facts.mx, Records | NxDomain)  # where else would mail go
    if facts.a is None and (by_address or is_content):
        ask["a"] = Question(facts.name, "A")
    if by_address and not isinstance(facts.a, Records):
        ask["aaaa"] = Question(facts.name, "AAAA")
    broken = next(
        (x for x in facts.answers if isinstance(x, Failed) and x.reason is Reason.SERVFAIL), None
    )
    if broken is not None:
        ask["unchecked"] = replace(broken.question, checking_disabled=True)
        # The failure may have passed meanwhile: a type not asked before tells, for resolvers
        # remember a failure for the type that met it.
        ask["again"] = Question(facts.name, "NS")
    if with_zone:
        ask["soa"] = Question(facts.name, "SOA")
    answers = await asyncio.gather(*(source.ask(question) for question in ask.values()))
    got = dict(zip(ask, answers, strict=True))
    return replace(
        facts,
        a=got.get("a", facts.a),
        aaaa=got.get("aaaa"),
        soa=got.get("soa"),
        unchecked=got.get("unchecked"),
        again=got.get("again"),
    )


async def enrich_zones(
    profile: Profile, names: Mapping[Domain, NameFacts], desk: Desk, probe_label: str
) -> tuple[ZoneFacts, ...]:
    """Ask about the zones of the sending domain and of the return path.

    `probe_label` is a label that nobody publishes. The zone's own servers are asked what
    they say of the mail names only where the profile wants that.
    """
    return tuple(
        await asyncio.gather(
            *(_zone(names[n], profile, desk, probe_label) for n in profile.mail_names)
        )
    )


async def _zone(facts: NameFacts, profile: Profile, desk: Desk, probe_label: str) -> ZoneFacts:
    apex, authoritative = _apex_of(facts), profile.authoritative
    (probes, above), (ns, servers), cut, keys = await asyncio.gather(
        _wildcards(facts, apex, desk.spare, probe_label),
        _name_servers(apex, desk.listed if authoritative else desk.spare),
        collect_cut(facts, profile, desk),
        _keys(facts.name, profile, desk.spare),
    )
    told: tuple[ServerAnswers, ...] = ()
    if authoritative:
        told = await _ask_servers(facts.name, servers, desk.listed)
    return ZoneFacts(facts.name, apex, probes, above, ns, servers, told, cut, keys)


async def _keys(name: Domain, profile: Profile, source: DnsSource) -> Answer | None:
    """Ask whether there are keys below the return path of dedicated addresses at HubSpot."""
    below = name.fitting_child("_domainkey")
    if profile.provider != "hubspot" or name != profile.envelope or below is None:
        return None
    return await source.ask(Question(below, "TXT")) if is_dedicated_name(name) else None


def _apex_of(facts: NameFacts) -> Domain | None:
    """Tell the zone of a name by the SOA in its answers; those of an alias tell of another zone."""
    if isinstance(facts.soa, Records) and not facts.soa.aliases and any(facts.soa.of(Soa)):
        return facts.name
    for answer in facts.answers:
        if isinstance(answer, NoData | NxDomain) and not answer.aliases and answer.zone:
            return answer.zone
    return None


async def _wildcards(
    facts: NameFacts, apex: Domain | None, source: DnsSource, probe_label: str
) -> tuple[tuple[Answer, ...], Answer | None]:
    """Ask for a made-up name below the mail name, and for the wildcard beside it.

    A name that exists shields itself and all below it from the wildcard beside it (RFC 4592
    section 2.2.1), so NXDOMAIN below settles the matter with one question.
    """
    if not facts.exists:
        return (), None
    made_up = facts.name.fitting_child(probe_label)
    if made_up is None:
        return (), None  # the name is too long to have anything below it
    txt = await source.ask(Question(made_up, "TXT"))
    if isinstance(txt, NxDomain | Failed) and not txt.aliases:
        return (txt,), None
    questions = [Question(made_up, "MX")]
    if isinstance(facts.a, Records):
        questions.append(Question(made_up, "A"))
    beside = None if facts.name == apex else _beside(facts, txt)
    if beside is not None:
        questions.append(beside)
    answers = await asyncio.gather(*(source.ask(question) for question in questions))
    if beside is None:
        return (txt, *answers), None
    return (txt, *answers[:-1]), answers[-1]


def _beside(facts: NameFacts, probe: Answer) -> Question | None:
    """Give the question for the wildcard beside the name; None where it cannot have answered."""
    if facts.txt is None or len(facts.name.labels) < 2:
        return None
    if isinstance(facts.txt, Records) != isinstance(probe, Records):
        return None
    data = [x.question.rdtype for x in facts.answers if isinstance(x, Records)]
    if not data and not facts.aliases:
        return None
    return Question(facts.name.parent.child("*"), data[0] if data else "TXT")


async def _name_servers(
    apex: Domain | None, source: DnsSource
) -> tuple[Answer | None, tuple[NameServer, ...]]:
    if apex is None:
        return None, ()
    ns = await source.ask(Question(apex, "NS"))
    if not isinstance(ns, Records):
        return ns, ()
    targets = [target.name for target in ns.of(Target)][:MAX_SERVERS]
    answers = await asyncio.gather(*(source.ask(Question(t, "A")) for t in targets))
    return ns, tuple(NameServer(t, a) for t, a in zip(targets, answers, strict=True))


async def _ask_servers(
    name: Domain, servers: tuple[NameServer, ...], source: DnsSource
) -> tuple[ServerAnswers, ...]:
    """Ask each server of the zone, at its first address, for the mail name's MX and TXT."""
    places = [(s.target, address) for s in servers if (address := _first_address(s.a))]

    async def ask(server: Domain, address: str) -> ServerAnswers:
        mx, txt = await asyncio.gather(
            *(source.ask(Question(name, rdtype, server=address)) for rdtype in ("MX", "TXT"))
        )
        return ServerAnswers(server, address, mx, txt)

    return tuple(await asyncio.gather(*(ask(*place) for place in places)))


def _first_address(answer: Answer | None) -> str | None:
    if not isinstance(answer, Records):
        return None
    return next((str(x.ip) for x in answer.of(Address) if x.ip is not None), None)

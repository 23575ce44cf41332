"""How the audit itself read each topic, in the words and values that a second reader gives too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from sendgate.dns.answers import Failed, Record, Records, Txt
from sendgate.mtasts.facts import NoPolicy, PolicyFault
from sendgate.mtasts.record import Policy
from sendgate.observed import Absent, Malformed, Observed, Present, Unknown

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts
    from sendgate.bimi.facts import BimiFacts
    from sendgate.mtasts.facts import StsFacts
    from sendgate.mx.facts import MxFacts

__all__ = ["MAX_HOSTS", "MAX_TEXT", "Ours", "State", "our_readings"]

T = TypeVar("T")

MAX_TEXT = 2000  # characters of a record that are compared
MAX_HOSTS = 100  # mail exchangers that are compared


class State(StrEnum):
    """What a reading comes to."""

    VALID = "valid"
    ABSENT = "absent"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Ours:
    """The audit's reading of one topic: `words` for people, `values` to compare."""

    state: State
    words: str
    values: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


def our_readings(facts: DomainFacts) -> Mapping[str, Ours]:
    """Give the reading of every topic that the audit looked at."""
    found = {
        "spf": _spf(facts),
        "dmarc": _dmarc(facts),
        "mx": _mx(facts.mx[facts.profile.sending]),
        "bimi": _bimi(facts.bimi),
    }
    if facts.mtasts is not None:
        found["mta-sts"] = _versioned(facts.mtasts.observed, facts.mtasts.meant, "v=STSv1")
        policy = _policy(facts.mtasts)
        if policy is not None:
            found["mta-sts-policy"] = policy
    if facts.tlsrpt is not None:
        found["tls-rpt"] = _versioned(facts.tlsrpt.observed, facts.tlsrpt.meant, "v=TLSRPTv1")
    return found


def _spf(facts: DomainFacts) -> Ours:
    match facts.spf:
        case Present(spf):
            record = _text(spf.candidates[:1]) if len(spf.candidates) == 1 else None
            if spf.permerror is not None:
                values = {"record": record, "lookups": spf.lookups}
                return Ours(State.BROKEN, f"permerror: {spf.permerror}", values)
            if not spf.exact:
                why = f" ({spf.unread[0].question}: {spf.unread[0].text})" if spf.unread else ""
                return Ours(State.UNKNOWN, f"not all of it could be read{why}")
            number = f"{spf.lookups} DNS lookup{'' if spf.lookups == 1 else 's'}"
            return Ours(State.VALID, f"valid, {number}", {"record": record, "lookups": spf.lookups})
        case _:
            return _without(facts.spf)


def _dmarc(facts: DomainFacts) -> Ours:
    policy = facts.dmarc.policy
    if not isinstance(policy, Present):
        return _without(policy)
    applied = policy.value
    record, step = applied.record, facts.dmarc.steps[applied.domain]
    where = {"record": _text(step.records[:1]), "location": applied.domain.text}
    if not applied.processed:
        words = f"the record at {applied.domain} counts for nothing"
        return Ours(State.BROKEN, words, where)
    tags = {
        "p": str(record.policy_when_published("p")),
        "sp": str(record.policy_when_published("sp")),
        "np": str(record.policy_when_published("np")),
        "adkim": record.adkim,
        "aspf": record.aspf,
        "t": "y" if record.testing else "n",
    }
    words = f"{' '.join(f'{k}={v}' for k, v in tags.items())} at {applied.domain}"
    return Ours(State.VALID, words, {**where, "tags": tags})


def _mx(mx: MxFacts) -> Ours:
    if isinstance(mx.answer, Failed):
        return _without(Unknown.of(mx.answer))
    hosts = sorted((r.preference, r.exchange.text) for r in mx.records if not r.is_null)
    if mx.is_null:
        return Ours(State.VALID, "a null MX", {"hosts": [], "null": True})
    if not hosts:
        return Ours(State.ABSENT, "no MX record")
    values = {"hosts": [list(host) for host in hosts[:MAX_HOSTS]], "null": False}
    return Ours(State.VALID, _host_words(hosts), values)


def _host_words(hosts: list[tuple[int, str]]) -> str:
    return ", ".join(f"{preference} {name}" for preference, name in hosts[:4]) + (
        f" and {len(hosts) - 4} more" if len(hosts) > 4 else ""
    )


def _bimi(bimi: BimiFacts) -> Ours:
    if bimi.unknown is not None:
        return _without(bimi.unknown)
    place = bimi.applied
    if place is None:
        return Ours(State.ABSENT, "no record")
    if isinstance(place.observed, Malformed):
        return Ours(State.BROKEN, place.observed.error)
    record = _text(place.records[:1])
    values = {"record": record, "location": place.domain.text}
    return Ours(State.VALID, f"a record at {place.domain}", values)


def _versioned(observed: Observed[T], meant: tuple[Record, ...], version: str) -> Ours:
    """Read a record of MTA-STS or TLS-RPT; one without its version is none."""
    if isinstance(observed, Present):
        return Ours(State.VALID, "a record", {"record": _text(meant[:1])})
    texts = [record.data.text for record in meant if isinstance(record.data, Txt)]
    if isinstance(observed, Malformed) and not any(t.startswith(version) for t in texts):
        return Ours(State.ABSENT, f"no record: {observed.error}")
    return _without(observed)


def _policy(mtasts: StsFacts) -> Ours | None:
    """Read the policy file, where one was fetched."""
    match mtasts.policy:
        case Policy(mode, max_age, mx):
            values = {"mode": str(mode), "max_age": max_age, "mx": sorted(mx)[:MAX_HOSTS]}
            return Ours(State.VALID, f"mode {mode}, {max_age} s, {', '.join(mx)}", values)
        case NoPolicy(PolicyFault.MALFORMED, detail):
            return Ours(State.BROKEN, detail)
        case _:
            return None


def _without(observed: Observed[T]) -> Ours:
    match observed:
        case Absent():
            return Ours(State.ABSENT, "no record")
        case Malformed(error):
            return Ours(State.BROKEN, error)
        case Unknown(question):
            return Ours(State.UNKNOWN, f"{question}: {observed.text}")
        case _:
            return Ours(State.UNKNOWN, "not read")


def _text(records: tuple[Record, ...]) -> str | None:
    """Give the text of the one record, as far as it is compared."""
    for record in records:
        if isinstance(record.data, Txt):
            return record.data.octets.decode("utf-8", "replace")[:MAX_TEXT]
    return None


def heard_texts(answer: object) -> Iterator[Txt]:
    """Give the TXT records of an answer."""
    if isinstance(answer, Records):
        yield from answer.of(Txt)

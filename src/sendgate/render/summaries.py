"""The `facts` of ``sendgate.audit/1``: each protocol in a few keys.

Each has a `state`: present, absent, malformed (there, but broken or several) or unknown.
"""

from __future__ import annotations

from typing import Any

from sendgate.audit.facts import DomainFacts
from sendgate.bimi.facts import BimiFacts
from sendgate.dane.facts import DaneFacts, DaneHost
from sendgate.dane.probe import Called, Plain, Shown, Unreached
from sendgate.dkim.facts import DkimFacts, DkimKey
from sendgate.dmarc.facts import DmarcFacts
from sendgate.dns.answers import Failed
from sendgate.hosts.blocklist import Blocklist, ListEntry
from sendgate.mtasts.facts import NoPolicy, StsFacts
from sendgate.mtasts.record import Policy
from sendgate.mx.facts import MxFacts
from sendgate.observed import Absent, Malformed, Observed, Present
from sendgate.tlsrpt.facts import TlsrptFacts

__all__ = ["alignment_of_dmarc", "facts_of", "or_null", "state_of"]


def state_of(observed: Observed[Any]) -> str:
    """Name the kind of an observation."""
    match observed:
        case Present():
            return "present"
        case Absent():
            return "absent"
        case Malformed():
            return "malformed"
        case _:
            return "unknown"


def or_null(value: object) -> str | None:
    """Give a value as a string, and None, JSON's null, for None."""
    return None if value is None else str(value)


def alignment_of_dmarc(facts: DomainFacts) -> dict[str, Any]:
    """Give the policy that applies to the sender and the result to expect."""
    dmarc = facts.dmarc
    applied = dmarc.policy.value if isinstance(dmarc.policy, Present) else None
    return {
        "policy_domain": None if applied is None else str(applied.domain),
        "organizational_domain": or_null(dmarc.organizational),
        "policy": None if applied is None else or_null(applied.policy),
        "result": str(facts.alignment.result),
    }


def facts_of(facts: DomainFacts) -> dict[str, Any]:
    """Sum up what was seen.

    `mtasts` and `tlsrpt` are of mail to the sending domain, and `not_applicable` where no MX
    record says that it takes any.
    """
    return {
        "spf": _spf(facts),
        "dkim": _dkim(facts.dkim),
        "dmarc": _dmarc(facts.dmarc),
        "bimi": _bimi(facts.bimi),
        "mx": {str(name): _mx(mx) for name, mx in facts.mx.items()},
        "mtasts": _mtasts(facts.mtasts),
        "tlsrpt": _tlsrpt(facts.tlsrpt),
        "dane": {
            **_dane(facts.dane),
            "return_path": None if facts.path_dane.domain is None else _dane(facts.path_dane),
        },
        "blocklists": [_blocklist(each) for each in facts.hosts.lists],
    }


def _spf(facts: DomainFacts) -> dict[str, Any]:
    spf = facts.spf.value if isinstance(facts.spf, Present) else None
    record = None if spf is None else spf.record
    state = "malformed" if spf is not None and spf.valid is None else state_of(facts.spf)
    return {
        "state": state,
        "domain": str(facts.spf_domain),
        "record": None if record is None else record.text,
        "lookups": None if spf is None else spf.lookups,
        "void_lookups": None if spf is None else spf.void_lookups,
        "exact": None if spf is None else spf.exact,
        "checks": [
            {"ip": str(check.ip), "domain": str(check.domain), "result": str(check.result.result)}
            for check in facts.spf_checks
        ],
    }


def _dkim(facts: DkimFacts) -> dict[str, Any]:
    shown = [key for key in facts.keys if key.selector.named or key.records]
    return {
        "keys": [_key(key) for key in shown],
        "wildcard": {str(domain.domain): domain.has_wildcard for domain in facts.domains},
    }


def _key(key: DkimKey) -> dict[str, Any]:
    record = key.record
    return {
        "domain": str(key.selector.domain),
        "selector": key.selector.name,
        "assumed": not key.selector.named,
        "state": state_of(key.observed),
        "type": None if record is None else record.key_type,
        "bits": None if record is None else getattr(record.key, "bits", None),
        "revoked": None if record is None else record.revoked,
        "testing": None if record is None else record.testing,
        "usable": key.usable,
    }


def _dmarc(facts: DmarcFacts) -> dict[str, Any]:
    applied = facts.policy.value if isinstance(facts.policy, Present) else None
    return {
        "state": state_of(facts.policy),
        "queries": [str(name) for name in facts.walk.queries],
        "record": None if applied is None else str(applied.record),
        "policy_domain": None if applied is None else str(applied.domain),
        "applies": None if applied is None else applied.tag,
        "policy": None if applied is None else or_null(applied.policy),
        "effective_policy": None if applied is None else or_null(applied.effective_policy),
        "testing": None if applied is None else applied.record.testing,
        "suffix_list_organizational_domain": str(facts.suffix_organizational),
    }


def _bimi(facts: BimiFacts) -> dict[str, Any]:
    applied, record = facts.applied, facts.record
    return {
        "state": state_of(facts.observed),
        "selector": facts.selector,
        "domain": None if applied is None else str(applied.domain),
        "location": None if record is None else record.location,
        "evidence_location": None if record is None else record.evidence_location,
        "declined": None if record is None else record.declines,
    }


def _mx(mx: MxFacts) -> dict[str, Any]:
    if isinstance(mx.answer, Failed):
        state = "unknown"
    elif mx.records:
        state = "null" if mx.is_null else "present"
    else:
        state = "implicit" if mx.is_implicit else "absent"
    return {
        "state": state,
        "hosts": [
            {
                "preference": host.preference,
                "name": str(host.target),
                "addresses": [str(address) for address in host.addresses],
            }
            for host in mx.hosts
        ],
        "can_receive": mx.can_receive,
    }


def _mtasts(facts: StsFacts | None) -> dict[str, Any]:
    record = facts.observed.value if facts and isinstance(facts.observed, Present) else None
    got = None if facts is None else facts.policy
    policy = got if isinstance(got, Policy) else None
    return {
        "state": "not_applicable" if facts is None else state_of(facts.observed),
        "id": None if record is None else record.id,
        "policy": "not_checked" if got is None else _got(got),
        "mode": None if policy is None else str(policy.mode),
        "max_age": None if policy is None else policy.max_age,
        "mx": None if policy is None else list(policy.mx),
    }


def _got(got: Policy | NoPolicy) -> str:
    return got.fault.value.replace(" ", "_") if isinstance(got, NoPolicy) else "present"


def _tlsrpt(facts: TlsrptFacts | None) -> dict[str, Any]:
    record = facts.observed.value if facts and isinstance(facts.observed, Present) else None
    return {
        "state": "not_applicable" if facts is None else state_of(facts.observed),
        "rua": None if record is None else list(record.rua),
    }


def _dane(facts: DaneFacts) -> dict[str, Any]:
    return {
        "state": "not_applicable" if facts.domain is None else facts.state,
        "mx_secure": facts.mx_secure if facts.validated else None,
        "hosts": [
            {
                "name": str(host.host),
                "secure": host.secure if facts.validated else None,
                "records": len(host.records),
                "usable": len(host.usable),
                "probe": [_called(facts, host, called) for called in host.called],
            }
            for host in facts.hosts
        ],
    }


def _called(facts: DaneFacts, host: DaneHost, called: Called) -> dict[str, Any]:
    """Give what one address of a mail host showed; `probe` is empty where nobody called."""
    match called:
        case Shown():
            fault = facts.mismatch(host, called)
            result, detail = "match" if fault is None else "mismatch", fault and str(fault)
        case Plain():
            result, detail = "no_starttls", None
        case Unreached():
            result, detail = "unknown", called.detail
    return {"address": str(called.address), "result": result, "detail": detail}


def _blocklist(each: Blocklist) -> dict[str, Any]:
    """Give a list and what it says of the addresses of one family."""
    why = each.unknown
    state = "not_checked" if not each.is_asked else "read" if why is None else "unreadable"
    return {
        "zone": str(each.zone),
        "family": f"ipv{each.version}",
        "state": state,
        "detail": why.text if why is not None and each.is_asked else None,
        "addresses": [_entry(entry) for entry in each.entries],
    }


def _entry(entry: ListEntry) -> dict[str, Any]:
    listed = "listed" if entry.codes else "not_listed"
    return {
        "ip": str(entry.ip),
        "state": listed if entry.unknown is None else "unknown",
        "codes": list(entry.codes),
        "texts": list(entry.texts),
    }

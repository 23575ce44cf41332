"""Lay the two readings side by side, and tell an alarm from a difference that is known.

checkdmarc answers another question than a receiver does in several places: it judges a
record as text where a receiver evaluates it, stops where RFC 9989 goes on, and speaks of a
question that nobody answered as of a record that is not there. Each such place is told by
its reason and is no alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sendgate.audit.opinion import Comparison, Outcome
from sendgate.crosscheck.ours import Ours, State, heard_texts
from sendgate.mtasts.record import MAX_AGE
from sendgate.observed import Present
from sendgate.spf.facts import MAX_LOOKUPS

if TYPE_CHECKING:
    from sendgate.audit.facts import DomainFacts

__all__ = ["compare"]

Theirs = Mapping[str, Any]

_SHOWN = 3  # missing questions that are named


def compare(topic: str, ours: Ours, theirs: Theirs, facts: DomainFacts) -> Comparison:
    """Compare one topic."""
    words = _words(topic, theirs)
    if ours.state is State.UNKNOWN:
        why = "the audit itself could not tell"
        return Comparison(topic, Outcome.NOT_COMPARABLE, ours.words, words, why)
    missing = [f"{name} {rdtype}" for name, rdtype in _decisive(topic, theirs, facts)]
    if missing:
        shown = ", ".join(missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        why = f"it needed answers that the audit never had: {shown}{more}"
        return Comparison(topic, Outcome.NOT_COMPARABLE, ours.words, words, why)
    if theirs["state"] == "failed":
        why = f"it failed: {theirs['error']}"
        return Comparison(topic, Outcome.NO_OPINION, ours.words, "", why)
    known = _KNOWN[topic](ours, theirs, facts) if topic in _KNOWN else None
    if known is not None:
        return Comparison(topic, Outcome.EXPLAINED, ours.words, words, known)
    outcome = Outcome.AGREES if _is_same(ours, theirs) else Outcome.DIFFERS
    return Comparison(topic, outcome, ours.words, words)


def _is_same(ours: Ours, theirs: Theirs) -> bool:
    if ours.state != theirs["state"]:
        return False
    if ours.state is not State.VALID:
        return True
    return all(theirs.get(name) == value for name, value in ours.values.items())


def _words(topic: str, theirs: Theirs) -> str:
    """Put the other reading in words."""
    state, error = theirs["state"], theirs.get("error", "")
    if state != "valid":
        return f"{'no record' if state == 'absent' else 'invalid'}{f': {error}' if error else ''}"
    match topic:
        case "spf":
            number = theirs["lookups"]
            return f"valid, {number} DNS lookup{'' if number == 1 else 's'}"
        case "dmarc":
            tags = " ".join(f"{name}={value}" for name, value in theirs["tags"].items())
            return f"{tags} at {theirs['location']}"
        case "mx":
            hosts = [f"{preference} {name}" for preference, name in theirs["hosts"]]
            more = f" and {len(hosts) - 4} more" if len(hosts) > 4 else ""
            return "a null MX" if theirs["null"] else ", ".join(hosts[:4]) + more
        case "mta-sts-policy":
            return f"mode {theirs['mode']}, {theirs['max_age']} s, {', '.join(theirs['mx'])}"
        case "bimi":
            return f"a record at {theirs['location']}"
        case _:
            return "a record"


def _decisive(topic: str, theirs: Theirs, facts: DomainFacts) -> list[tuple[str, str]]:
    """Pick the questions without an answer on which the other reading rests.

    It also asks what only its remarks rest on: the retired type SPF, a CNAME beside the
    record, where reports go, the text of an explanation.
    """
    missing = [(str(name), str(rdtype)) for name, rdtype in theirs["missing"]]
    if topic == "spf":
        beside = set(theirs["has_address"])  # an IPv4 address: the term finds something
        passed_over = {"SPF", "CNAME", "PTR"}
        explanations = _explanations(facts)
        return [
            (name, rdtype)
            for name, rdtype in missing
            if rdtype not in passed_over
            and not (rdtype == "AAAA" and name in beside)
            and not (rdtype == "TXT" and name in explanations)
        ]
    if topic == "mta-sts-policy":
        return []  # read from a file
    wanted = _NAMES.get(topic, "")
    return [
        (name, rdtype)
        for name, rdtype in missing
        if (rdtype == "MX" if topic == "mx" else rdtype == "TXT" and wanted in name)
        and not (topic == "dmarc" and not name.startswith(wanted))
    ]


_NAMES = {
    "dmarc": "_dmarc.",
    "bimi": "._bimi.",
    "mta-sts": "_mta-sts.",
    "tls-rpt": "_smtp._tls.",
}


def _explanations(facts: DomainFacts) -> set[str]:
    """Name what the `exp` modifiers of the tree point to, in broken records too."""
    if not isinstance(facts.spf, Present):
        return set()
    texts = [txt.text for node in facts.spf.value.nodes for txt in heard_texts(node.answer)]
    words = [word.lower() for text in texts for word in text.split()]
    return {word[4:].rstrip(".") for word in words if word.startswith("exp=")}


def _known_spf(ours: Ours, theirs: Theirs, facts: DomainFacts) -> str | None:
    if not isinstance(facts.spf, Present):
        return None
    spf, state, error = facts.spf.value, theirs["state"], theirs.get("error", "")
    if ours.state is State.BROKEN and state == "broken":
        if spf.lookups > MAX_LOOKUPS and theirs.get("lookups") not in {None, spf.lookups}:
            return "both end in permerror; checkdmarc stops counting at the limit"
        return None
    if ours.state is State.BROKEN and state == "valid" and spf.only_void:
        return (
            "checkdmarc looks up no exists term, counts no MX host without an address, and no "
            "other term that finds addresses of one family"
        )
    if state == "absent" and not all(_is_utf8(t.octets) for t in heard_texts(spf.answer)):
        return "checkdmarc passes over a TXT record that is not UTF-8"
    if ours.state is State.VALID and state == "broken" and not _has_plain_version(theirs):
        return "checkdmarc wants v=spf1 in small letters; RFC 7208 section 4.6.1 reads any case"
    if ours.state is State.VALID and state == "broken" and "void" in error:
        return "checkdmarc counts void lookups over the whole record, whoever sends"
    macro = any(node.via is not None and "%" in node.via.text for node in spf.nodes)
    if ours.state is State.VALID and state == "valid" and macro and not _is_same(ours, theirs):
        return "checkdmarc does not follow an include or a redirect whose name holds a macro"
    return None


def _has_plain_version(theirs: Theirs) -> bool:
    return str(theirs.get("record") or "v=spf1").startswith("v=spf1")


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_DMARC_KINDS: Mapping[str, str] = {
    "MultipleDMARCRecords": "checkdmarc ends at a name with several records; RFC 9989 section "
    "4.10 discards them and goes on",
    "DMARCRecordStartsWithWhitespace": "checkdmarc ends at a text that begins with white space; "
    "for RFC 9989 section 4.10 it is no record",
    "DMARCRecordInWrongLocation": "checkdmarc ends at a record at the domain itself; receivers "
    "look below _dmarc alone",
    "InvalidDMARCReportURI": "checkdmarc refuses a record for one report address; receivers pass "
    "over the address",
}


def _known_dmarc(ours: Ours, theirs: Theirs, facts: DomainFacts) -> str | None:
    if _is_same(ours, theirs):
        return None
    kind, state, error = theirs.get("kind", ""), theirs["state"], theirs.get("error", "")
    if kind in _DMARC_KINDS:
        return _DMARC_KINDS[kind]
    if state == "absent" and "does not exist" in error and facts.dmarc.exists is False:
        return (
            "checkdmarc makes no walk for a domain that does not exist; RFC 9989 section 4.10.1 "
            "applies the policy of the domain above (np)"
        )
    policy = facts.dmarc.policy
    record = policy.value.record if isinstance(policy, Present) else None
    if record is None:
        return None
    if ours.state is State.VALID and kind == "InvalidDMARCTagValue":
        return (
            "checkdmarc refuses a record for one invalid value; by RFC 9989 sections 4.8 and "
            "4.10.1 the default takes its place, or p=none where a rua is usable"
        )
    if ours.state is State.BROKEN and state == "valid" and record.p is None:
        return (
            "checkdmarc takes a missing p for none; RFC 9989 section 4.10.1 asks for a usable rua "
            "beside it"
        )
    return None


def _known_mx(ours: Ours, theirs: Theirs, facts: DomainFacts) -> str | None:
    if _is_same(ours, theirs) or not facts.mx[facts.profile.sending].is_null:
        return None
    return (
        "checkdmarc takes one record with preference 0 alone for a null MX; what delivers mail "
        "goes by its name"
    )


def _known_policy(ours: Ours, theirs: Theirs, _facts: DomainFacts) -> str | None:
    """MTA-STS and TLS-RPT."""
    if ours.state is State.ABSENT and theirs.get("kind", "").startswith("SPFRecordFound"):
        return "checkdmarc warns of an SPF text at the name; RFC 8460 and 8461 pass it over"
    return None


def _known_file(ours: Ours, theirs: Theirs, _facts: DomainFacts) -> str | None:
    if ours.values.get("max_age") == MAX_AGE and "max_age" in theirs.get("error", ""):
        return "checkdmarc refuses a max_age over the greatest; senders take it as that one"
    return None


_KNOWN: Mapping[str, Callable[[Ours, Theirs, DomainFacts], str | None]] = {
    "spf": _known_spf,
    "dmarc": _known_dmarc,
    "mx": _known_mx,
    "mta-sts": _known_policy,
    "mta-sts-policy": _known_file,
    "tls-rpt": _known_policy,
}

"""Calls for a dnsconfig.js: records that extend a domain which it declares.

DNSControl cuts and escapes TXT texts itself, so each is one string of JavaScript.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from sendgate.dns.answers import Address, Mx, Rdata, Target, Txt
from sendgate.records.forms.common import (
    Heading,
    by_zone,
    comment,
    label_of,
    plain,
    reasons,
    removed,
    text_of,
    unfit,
)
from sendgate.records.plan import Change, RecordSet

__all__ = ["write"]


def write(changes: Iterable[Change], heading: Heading) -> str:
    """Write a ``D_EXTEND()`` for each zone."""
    lines = [f"// {comment(line)}" for line in heading.lines]
    for zone, of_zone in by_zone(changes).items():
        lines += ["", f"D_EXTEND({_string(zone.text)},"]
        for change in of_zone:
            lines += _change(change)
        lines.append(");")
    return "\n".join(lines).strip("\n") + "\n"


def _change(change: Change) -> Iterator[str]:
    if change.after is None:
        yield from (f"  // remove: {line}" for line in removed(change.one))
    yield from (f"  // {line}" for line in reasons(change))
    if change.after is not None:
        for data in change.after.data:
            yield f"  {_call(change.after, data)},"


def _call(records: RecordSet, data: Rdata) -> str:
    label = _string(label_of(records.name, records.zone))
    match data:
        case Txt():
            text = text_of(records, data, "dnscontrol")
            if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
                why = "a text there stands in quotes as a whole, which DNSControl takes off"
                raise unfit(records.name, "TXT", "dnscontrol", why)
            values = _string(text)
        case Mx():
            values = f"{data.preference}, {_string('.' if data.is_null else plain(data.exchange))}"
        case Target():
            values = _string(plain(data.name))
        case Address() if data.ip is not None:
            values = _string(str(data.ip))
        case _:
            raise unfit(records.name, records.rdtype, "dnscontrol", "its type is not written here")
    return f"{records.rdtype}({label}, {values}, TTL({records.ttl}))"


def _string(text: str) -> str:
    """Write a string of JavaScript in ASCII; line separators are escaped, too."""
    return json.dumps(text, ensure_ascii=True)

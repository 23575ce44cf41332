r"""Entries of an octoDNS zone file: every name once, with all of its types, `;` as `\;`.

octoDNS merges nothing: an entry of the zone's file with the same name and type gives way
to the one here, and a name has to stand there once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from sendgate.dns.answers import Mx, Rdata, Target, Txt
from sendgate.records.forms.common import (
    Heading,
    by_zone,
    comment,
    data_of,
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
    """Write the entries of one zone, its names in the order that octoDNS asks for."""
    lines = [f"# {comment(line)}" for line in heading.lines]
    zones = by_zone(changes)
    for zone, of_zone in zones.items():
        lines += ["---", f"# {zone}.yaml"]
        names: dict[str, list[Change]] = {}
        for change in of_zone:
            if change.after is None:
                lines += [f"# remove: {line}" for line in removed(change.one)]
                lines += [f"# {line}" for line in reasons(change)]
            else:
                names.setdefault(label_of(change.one.name, zone, ""), []).append(change)
        for label in sorted(names, key=_natural):
            lines += _entry(label, names[label])
        if not names:
            lines.append("{}")
    if not zones:
        lines += ["---", "{}"]
    return "\n".join(lines) + "\n"


def _natural(label: str) -> list[tuple[int, int, str]]:
    """Order labels as octoDNS does: numbers inside them by their value."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"([0-9]+)", label)
        if part
    ]


def _entry(label: str, changes: list[Change]) -> Iterator[str]:
    for change in changes:
        yield from (f"# {line}" for line in reasons(change))
    yield f"{_scalar(label)}:"
    one = len(changes) == 1
    for change in sorted(changes, key=lambda change: change.one.rdtype):
        lines = list(_set(change.one))
        yield from (f"  {'' if one else '- ' if i == 0 else '  '}{x}" for i, x in enumerate(lines))


def _set(records: RecordSet) -> Iterator[str]:
    yield f"ttl: {records.ttl}"
    yield f"type: {records.rdtype}"
    if records.rdtype == "CNAME":
        (data,) = records.data[:1]
        yield f"value: {_value(records, data)}"
        return
    yield "values:"
    for data in records.data:
        if isinstance(data, Mx):
            yield f"- exchange: {_scalar('.' if data.is_null else plain(data.exchange))}"
            yield f"  preference: {data.preference}"
        else:
            yield f"- {_value(records, data)}"


def _value(records: RecordSet, data: Rdata) -> str:
    if isinstance(data, Txt):
        return _scalar(_text(records, data))
    return _scalar(plain(data.name) if isinstance(data, Target) else data_of(data))


def _text(records: RecordSet, data: Txt) -> str:
    r"""Escape a text as octoDNS reads it: `\;` is `;`, quotes around the whole are taken off."""
    text = text_of(records, data, "octodns", ascii_only=True)
    if '" "' in f'"{text}"':
        raise unfit(records.name, "TXT", "octodns", 'octoDNS takes `" "` out of every text')
    if "\\;" in text:
        raise unfit(records.name, "TXT", "octodns", "octoDNS refuses a backslash before `;`")
    escaped = text.replace(";", "\\;")
    return f'"{escaped}"' if escaped[:1] == '"' else escaped


def _scalar(text: str) -> str:
    r"""Write a YAML string in double quotes, of which JSON's are a part; DEL is `\x7f`."""
    return json.dumps(text, ensure_ascii=True).replace("\x7f", "\\x7f")

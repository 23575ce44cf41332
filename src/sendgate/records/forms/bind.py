"""Lines of a master file (RFC 1035 section 5): every name absolute, every TXT in quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sendgate.dns.answers import Rdata, Txt
from sendgate.records.forms.common import (
    Heading,
    by_zone,
    comment,
    data_of,
    quoted,
    reasons,
    removed,
)
from sendgate.records.plan import Change

__all__ = ["write"]


# What people write into templates of master files; `sendgate repo` does not read these.
_PLACEHOLDER = re.compile(r"(?<!%)\{|\{(?=[{%])|<(?=%)|@(?=[@ZF])")


def write(changes: Iterable[Change], heading: Heading) -> str:
    """Write the records to publish; those to remove are comments."""
    lines = [_comment(line) for line in heading.lines]
    for zone, of_zone in by_zone(changes).items():
        lines += ["", f"; zone {zone}"]
        for change in of_zone:
            lines += _change(change)
    return "\n".join(lines).strip("\n") + "\n"


def _change(change: Change) -> Iterator[str]:
    yield ""
    if change.after is None:
        yield from (_comment(f"remove: {line}") for line in removed(change.one))
    yield from map(_comment, reasons(change))
    if change.after is not None:
        for data in change.after.data:
            name = change.after.name
            yield f"{name}. {change.after.ttl} IN {change.after.rdtype} {_data(data)}"


def _comment(text: str) -> str:
    return "; " + _PLACEHOLDER.sub(lambda m: f"\\u{ord(m[0]):04x}", comment(text))


def _data(data: Rdata) -> str:
    if not isinstance(data, Txt):
        return data_of(data)
    return _PLACEHOLDER.sub(lambda m: f"\\{ord(m[0]):03d}", quoted(data.strings))

r"""TXT values as each provider takes them, and the slips that this brings to light.

| written for            | quotes                                       | over 255 octets        |
|------------------------|----------------------------------------------|------------------------|
| Route 53, its JSON     | demanded around every string; octal escapes  | refused                |
| Route 53, by Terraform | put around the value: `\"\"` inside cuts it  | refused                |
| Cloud DNS              | none: words become strings, which are joined | refused                |
| Cloudflare             | as presentation text; none: one text         | cut, if not in quotes  |
| Azure DNS              | data                                         | cut                    |
"""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dns.answers import Txt
from sendgate.repo.readers.values import (
    MAX_STRING,
    ValueProblem,
    Word,
    chunks,
    is_wrapped,
    join,
    words,
)
from sendgate.repo.reading import SlipKind

__all__ = ["Text", "azure", "cloud_dns", "cloudflare", "route53", "route53_by_terraform"]


@dataclass(frozen=True)
class Text:
    """A TXT value: what is judged, and each slip with what is then published (None: nothing)."""

    data: Txt
    slips: tuple[tuple[SlipKind, str | None], ...] = ()


def route53(value: str) -> Text:
    """Read presentation text as Route 53's own JSON has it."""
    strings = words(value, octal=True)
    if not strings or not all(string.quoted for string in strings):
        raise ValueProblem("the TXT value stands in no quotes: Route 53 refuses it")
    return Text(join(strings), _too_long(strings))


def route53_by_terraform(value: str) -> Text:
    """Read a value that Terraform's provider puts in quotes before it sends it."""
    if value.startswith('"') and value.endswith('"'):
        inner = _all_quoted(value)
        if inner:
            return Text(join(inner), ((SlipKind.WRAPPED, None), *_too_long(inner)))
    strings = words(f'"{value}"', octal=True)
    slips = _too_long(strings)
    if not all(string.quoted for string in strings):
        slips = ((SlipKind.QUOTED, None), *slips)
    return Text(join(strings), slips)


def cloud_dns(value: str) -> Text:
    """Read a value of Google's Cloud DNS: without quotes, every space ends a string."""
    strings = words(value)
    data = join(strings)
    slips = _too_long(strings)
    if len(strings) > 1 and not all(string.quoted for string in strings):
        slips = ((SlipKind.SPLIT_BY_SPACE, data.text), *slips)
    return Text(data, slips)


def cloudflare(value: str) -> Text:
    """Read a value of Cloudflare: in quotes it is presentation text, else it is the data."""
    if value.startswith('"'):
        strings = _all_quoted(value)
        if strings:
            return Text(join(strings), _too_long(strings))
    return _plain(value)


def azure(value: str) -> Text:
    """Read a value of Azure DNS: it is the data, quotes too."""
    if is_wrapped(value):
        return Text(chunks(value[1:-1].encode()), ((SlipKind.WRAPPED, value),))
    return _plain(value)


def _plain(value: str) -> Text:
    slips = ((SlipKind.QUOTED, value),) if '"' in value else ()
    return Text(chunks(value.encode()), slips)


def _all_quoted(value: str) -> list[Word]:
    """Cut a value that consists of strings in quotes and nothing else; none where it does not."""
    try:
        strings = words(value, octal=False)
    except ValueProblem:
        return []
    return strings if all(string.quoted for string in strings) else []


def _too_long(strings: list[Word]) -> tuple[tuple[SlipKind, str | None], ...]:
    long = any(len(string) > MAX_STRING for string in strings)
    return ((SlipKind.TOO_LONG, None),) if long else ()

r"""Terraform resources for the DNS of AWS, Cloudflare, Google or Azure.

Each provider wants another text: AWS puts quotes around a value, so that `\"\"` cuts it;
Cloudflare and Google take presentation form; Azure takes the text itself. What the
configuration alone knows (ids, resource groups) is looked up by name, or is a variable.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from sendgate.dns.answers import Address, Mx, Rdata, Target, Txt
from sendgate.names import Domain
from sendgate.records.forms.common import (
    Heading,
    by_zone,
    comment,
    data_of,
    label_of,
    plain,
    quoted,
    reasons,
    removed,
    text_of,
    unfit,
)
from sendgate.records.plan import Change, RecordSet

__all__ = ["PROVIDERS", "write"]

Block = Iterator[str]


def write(provider: str, changes: Iterable[Change], heading: Heading) -> str:
    """Write the resources for one DNS provider; what is removed is a comment."""
    zone_block, set_blocks = _WRITERS[provider]
    lines = [f"# {comment(line)}" for line in heading.lines]
    for zone, of_zone in by_zone(changes).items():
        lines += ["", *zone_block(zone)]
        for change in of_zone:
            lines.append("")
            if change.after is None:
                lines += [f"# remove: {line}" for line in removed(change.one)]
            lines += [f"# {line}" for line in reasons(change)]
            if change.after is not None:
                lines += set_blocks(change.after)
    return "\n".join(_told_apart(lines)).strip("\n") + "\n"


def _told_apart(lines: Iterable[str]) -> Iterator[str]:
    """Number the blocks of one type whose names came out alike."""
    seen: Counter[str] = Counter()
    for line in lines:
        if line.startswith("resource "):
            seen[line] += 1
            if seen[line] > 1:
                yield line.removesuffix('" {') + f'_n{seen[line]}" {{'
                continue
        yield line


def string(text: str) -> str:
    r"""Write a string of HCL in ASCII: the brace of `${` and `%{` is escaped and begins nothing."""
    made = ""
    for character in text:
        code = ord(character)
        if character in '"\\':
            made += f"\\{character}"
        elif " " <= character <= "~":
            made += character
        elif character in "\n\r\t":
            made += {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
        else:
            made += f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return '"' + re.sub(r"([$%])\{", r"\1\\u007b", made) + '"'


def identifier(*parts: str) -> str:
    """Make a name of a block: letters, digits and underscores, with a letter first."""
    made = re.sub(r"[^a-z0-9]", "_", "_".join(parts).lower().replace("*", "star"))
    return made if made[:1].isalpha() else f"r{made}"


def _resource(kind: str, records: RecordSet, *lines: str, part: str = "") -> Block:
    name = identifier(*filter(None, (records.name.text.strip("_"), records.rdtype, part)))
    yield f'resource "{kind}" "{name}" {{'
    yield from (f"  {line}" for line in lines)
    yield "}"


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(string(value) for value in values) + "]"


def _aws_zone(zone: Domain) -> Block:
    yield f'data "aws_route53_zone" "{identifier(zone.text)}" {{'
    yield f"  name = {string(plain(zone))}"
    yield "}"


def _aws(records: RecordSet) -> Block:
    def value(data: Rdata) -> str:
        if not isinstance(data, Txt):
            return data_of(data)
        # The provider adds the first and the last quote; two in the middle cut the text.
        return '""'.join(quoted([one], base=8)[1:-1] for one in data.strings)

    yield from _resource(
        "aws_route53_record",
        records,
        f"zone_id = data.aws_route53_zone.{identifier(records.zone.text)}.zone_id",
        f"name    = {string(plain(records.name))}",
        f'type    = "{records.rdtype}"',
        f"ttl     = {records.ttl}",
        f"records = {_list(value(data) for data in records.data)}",
    )


def _cloudflare_zone(zone: Domain) -> Block:
    yield f'data "cloudflare_zone" "{identifier(zone.text)}" {{'
    yield f"  filter = {{ name = {string(zone.text)} }}"
    yield "}"


def _cloudflare(records: RecordSet) -> Block:
    many = len(records.data) > 1
    for number, data in enumerate(records.data, 1):
        lines = {
            "zone_id": f"data.cloudflare_zone.{identifier(records.zone.text)}.zone_id",
            "name": string(plain(records.name).removesuffix(".")),
            "type": f'"{records.rdtype}"',
            "ttl": str(records.ttl),
        }
        if isinstance(data, Txt):
            _printable(records, data, "Cloudflare")
            lines["content"] = string(quoted(data.strings))
        elif isinstance(data, Mx):
            lines["priority"] = str(data.preference)
            host = "." if data.is_null else plain(data.exchange).removesuffix(".")
            lines["content"] = string(host)
        elif isinstance(data, Target):
            lines["content"] = string(plain(data.name).removesuffix("."))
            lines["proxied"] = "false"
        elif isinstance(data, Address) and data.ip is not None:
            lines |= {"content": string(str(data.ip)), "proxied": "false"}
        else:
            raise unfit(records.name, records.rdtype, "terraform", "its type is not written here")
        width = max(map(len, lines))
        aligned = (f"{key:{width}} = {value}" for key, value in lines.items())
        part = str(number) if many else ""
        yield from _resource("cloudflare_dns_record", records, *aligned, part=part)


def _printable(records: RecordSet, data: Txt, provider: str) -> None:
    if any(not 32 <= octet < 127 for octet in data.octets):
        why = f"{provider} takes printable ASCII"
        raise unfit(records.name, "TXT", "terraform", why)


def _google_zone(zone: Domain) -> Block:
    yield f'variable "{identifier(zone.text, "managed_zone")}" {{'
    yield f"  description = {string(f'The name of the managed zone of {zone}')}"
    yield "  type        = string"
    yield "}"


def _google(records: RecordSet) -> Block:
    def value(data: Rdata) -> str:
        return quoted(data.strings) if isinstance(data, Txt) else data_of(data)

    yield from _resource(
        "google_dns_record_set",
        records,
        f"managed_zone = var.{identifier(records.zone.text, 'managed_zone')}",
        f"name         = {string(plain(records.name))}",
        f'type         = "{records.rdtype}"',
        f"ttl          = {records.ttl}",
        f"rrdatas      = {_list(value(data) for data in records.data)}",
    )


def _azure_zone(zone: Domain) -> Block:
    yield f'variable "{identifier(zone.text, "resource_group")}" {{'
    yield f"  description = {string(f'The resource group of the zone {zone}')}"
    yield "  type        = string"
    yield "}"


def _azure(records: RecordSet) -> Block:
    kinds = {"TXT": "txt", "MX": "mx", "CNAME": "cname", "NS": "ns", "A": "a", "AAAA": "aaaa"}
    if records.rdtype not in kinds:
        raise unfit(records.name, records.rdtype, "terraform", "its type is not written here")
    lines = [
        f"zone_name           = {string(records.zone.text)}",
        f"resource_group_name = var.{identifier(records.zone.text, 'resource_group')}",
        f"name                = {string(label_of(records.name, records.zone))}",
        f"ttl                 = {records.ttl}",
    ]
    if records.rdtype == "CNAME":
        lines.append(f"record              = {string(data_of(records.data[0]))}")
    elif records.rdtype in {"NS", "A", "AAAA"}:
        lines.append(f"records             = {_list(map(data_of, records.data))}")
    for data in records.data:
        if isinstance(data, Txt):
            text = text_of(records, data, "terraform")
            if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
                why = "a text there stands in quotes as a whole"
                raise unfit(records.name, "TXT", "terraform", why)
            lines += ["record {", f"  value = {string(text)}", "}"]
        elif isinstance(data, Mx):
            exchange = string("." if data.is_null else plain(data.exchange))
            lines += [
                "record {",
                f'  preference = "{data.preference}"',
                f"  exchange   = {exchange}",
                "}",
            ]
    yield from _resource(f"azurerm_dns_{kinds[records.rdtype]}_record", records, *lines)


_WRITERS: dict[str, tuple[Callable[[Domain], Block], Callable[[RecordSet], Block]]] = {
    "aws": (_aws_zone, _aws),
    "cloudflare": (_cloudflare_zone, _cloudflare),
    "google": (_google_zone, _google),
    "azurerm": (_azure_zone, _azure),
}
PROVIDERS = tuple(_WRITERS)

r"""A small reader of octoDNS repositories, enough to audit a real one in a test.

One YAML file is one zone, named by the file; it maps owner names to a record or a list of
records. Every value becomes a `ZoneRecord` at its own line. TXT values are published as
octoDNS does: ``\;`` is a semicolon, outer quotes go, ``" "`` joins, and any other quote or
backslash is data. A target is absolute with or without its final dot.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import yaml

from sendgate.dns.answers import Address, Mx, Origin, Raw, Rdata, Target, Txt
from sendgate.dns.zonefile import ZoneRecord
from sendgate.errors import SourceError
from sendgate.names import Domain

ALIAS = "Route53Provider/ALIAS"
DEFAULT_TTL = 3600

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_octodns(folder: Path) -> list[ZoneRecord]:
    """Read every zone of a folder, in the order of the file names.

    A file that configures octoDNS itself is no zone and is left out.
    """
    return [record for path in sorted(folder.glob("*.yaml")) for record in read_zone(path, folder)]


def read_zone(path: Path, folder: Path) -> Iterator[ZoneRecord]:
    """Read one zone; its records say where they stand below `folder`'s parent."""
    where = path.relative_to(folder.parent).as_posix()
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    owners = _mapping(root)
    if "providers" in owners:
        return
    zone = Domain.parse(path.stem)
    for label, node in owners.items():
        name = zone.child(label) if label else zone
        for entry in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            yield from _records(_mapping(entry), name, zone, where)


def _records(
    entry: dict[str, yaml.Node], name: Domain, zone: Domain, where: str
) -> Iterator[ZoneRecord]:
    kind = entry["type"].value
    ttl = int(entry["ttl"].value) if "ttl" in entry else DEFAULT_TTL
    given = entry["values"] if "values" in entry else entry["value"]
    for node in given.value if isinstance(given, yaml.SequenceNode) else [given]:
        line = node.start_mark.line + 1
        try:
            rdtype, data = _data(kind, node)
        except (KeyError, ValueError) as error:
            raise SourceError(f"the {kind} value cannot be read: {error}", where, line) from error
        yield ZoneRecord(name, rdtype, ttl, data, Origin("file", where, line), zone)


def _data(kind: str, node: yaml.Node) -> tuple[str, Rdata]:
    if kind == ALIAS:
        return _mapping(node)["type"].value, Address(None)
    return kind, _FIELDS[kind](node) if kind in _FIELDS else _plain(kind, node.value)


def _plain(kind: str, text: str) -> Rdata:
    match kind:
        case "A" | "AAAA":
            return Address(ipaddress.ip_address(text))
        case "CNAME" | "NS" | "PTR":
            return Target(Domain.parse(text))
        case "TXT":
            return _txt(text)
    raise ValueError(f"unknown type {kind}")


def _txt(text: str) -> Txt:
    if text.startswith('"'):
        text = text[1:-1]
    octets = text.replace('" "', "").replace("\\;", ";").encode()
    return Txt(tuple(octets[i : i + 255] for i in range(0, len(octets), 255)) or (b"",))


def _mx(node: yaml.Node) -> Mx:
    fields = _texts(node)
    preference = fields.get("preference", fields.get("priority"))
    exchange = fields.get("exchange", fields.get("value"))
    if preference is None or exchange is None:
        raise ValueError("an MX value has a preference and an exchange")
    return Mx(int(preference), Domain.parse(exchange))


def _caa(node: yaml.Node) -> Raw:
    fields = _texts(node)
    return Raw(f'{fields["flags"]} {fields["tag"]} "{fields["value"]}"')


def _srv(node: yaml.Node) -> Raw:
    fields = _texts(node)
    target = fields["target"].removesuffix(".")
    return Raw(f"{fields['priority']} {fields['weight']} {fields['port']} {target}.")


_FIELDS = {"MX": _mx, "CAA": _caa, "SRV": _srv}


def _mapping(node: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"line {node.start_mark.line + 1}: a mapping is expected")
    return {key.value: value for key, value in node.value}


def _texts(node: yaml.Node) -> dict[str, str]:
    return {key: value.value for key, value in _mapping(node).items()}

r"""One value of an octoDNS record, from its YAML node to DNS data."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from sendgate.dns.answers import Address, Mx, Raw, Rdata, Target
from sendgate.errors import DomainError
from sendgate.names import Domain, printable
from sendgate.repo.readers.yamlfiles import Node, Pair, YamlFiles, YamlProblem
from sendgate.repo.reading import SlipKind

__all__ = ["field_of", "other_data", "published_text", "quoting", "text_of", "txt_value"]

_FIELDS = {  # in the order of presentation form; "q" is quoted, "n" a name
    "CAA": ("flags", "tag", "value:q"),
    "SRV": ("priority", "weight", "port", "target:n"),
    "DS": ("key_tag", "algorithm", "digest_type", "digest"),
    "TLSA": (
        "certificate_usage", "selector", "matching_type", "certificate_association_data",
    ),
    "SSHFP": ("algorithm", "fingerprint_type", "fingerprint"),
    "NAPTR": (
        "order", "preference", "flags:q", "service:q", "regexp:q", "replacement:n",
    ),
    "URI": ("priority", "weight", "target:q"),
}  # fmt: skip
_DEFAULTS = {("CAA", "flags"): "0"}
_READ_AS = {"null": "nothing", "int": "a number", "float": "a number", "bool": "true or false"}


def txt_value(kind: str, node: Node) -> str:
    """Give the text of a TXT value; raise `YamlProblem` where YAML reads it as something else."""
    if node.kind == "str":
        return node.text
    what = _READ_AS.get(node.kind, f"a {node.kind}")
    problem = f"YAML reads this {kind} value as {what}; put it in quotes"
    raise YamlProblem(problem, node.path, node.line)


def published_text(text: str, *, escaped: bool = True) -> str:
    r"""Give what octoDNS publishes of a TXT value; `escaped`: the file writes ``\;`` for ``;``."""
    if not escaped:
        text = text.replace(";", "\\;")
    if text[:1] == '"':
        text = text[1:-1]
    return text.replace('" "', "").replace("\\;", ";")


def quoting(written: str, published: str) -> SlipKind | None:
    """Tell what went wrong with quotes and backslashes of a TXT value, if anything did."""
    if len(published) > 1 and published[0] == published[-1] == '"':
        return SlipKind.WRAPPED
    # octoDNS takes the last character for the closing quote, whatever it is.
    loses = written[:1] == '"' and not (len(written) > 1 and written[-1] == '"')
    return SlipKind.QUOTED if loses or '"' in published or "\\" in published else None


def other_data(files: YamlFiles, kind: str, node: Node) -> Rdata:
    """Read a value of any type but TXT; raise `YamlProblem`."""
    try:
        match kind:
            case "A" | "AAAA":
                return Address(_address(kind, text_of(files, node, "an address")))
            case "CNAME" | "NS" | "PTR" | "DNAME":
                return Target(Domain.parse(text_of(files, node, "a name")))
            case "MX":
                return _mx(files, node)
            case _ if kind in _FIELDS:
                return Raw(" ".join(_presented(files, kind, node)))
    except DomainError as error:
        raise YamlProblem(f"the {kind} value: {error}", node.path, node.line) from None
    return Raw(node.text or f"({kind})")


def text_of(files: YamlFiles, node: Node, what: str) -> str:
    """Give a node's text; raise `YamlProblem` where it is no text."""
    node = files.real(node)
    if not node.is_scalar or node.kind == "null" or not node.text:
        raise YamlProblem(f"{what} is expected here", node.path, node.line)
    return node.text


def field_of(files: YamlFiles, node: Node, *keys: str) -> Node:
    """Give the value of the first of the keys that a mapping has; raise `YamlProblem`."""
    fields, _ = files.mapping(node)
    for key in keys:
        if key in fields:
            return files.real(fields[key].value)
    raise YamlProblem(f"the value has no {keys[0]}", node.path, node.line)


def _address(kind: str, text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        if "%" in text:
            raise ValueError
        return ipaddress.IPv4Address(text) if kind == "A" else ipaddress.IPv6Address(text)
    except ValueError:
        number = "4" if kind == "A" else "6"
        raise DomainError(f"{printable(text[:80])} is not an IPv{number} address") from None


def _mx(files: YamlFiles, node: Node) -> Mx:
    """Read an MX value; `priority` and `value` are the old words for its fields."""
    preference = field_of(files, node, "preference", "priority")
    exchange = field_of(files, node, "exchange", "value")
    number = preference.text
    if not re.fullmatch(r"[0-9]{1,5}", number) or int(number) > 65535:
        raise YamlProblem("its preference is no number", preference.path, preference.line)
    return Mx(int(number), Domain.parse(text_of(files, exchange, "a host")))


def _presented(files: YamlFiles, kind: str, node: Node) -> Iterator[str]:
    fields: dict[str, Pair]
    fields, _ = files.mapping(node)
    for form in _FIELDS[kind]:
        key, _, how = form.partition(":")
        if key not in fields and (kind, key) in _DEFAULTS:
            yield _DEFAULTS[kind, key]
            continue
        text = field_of(files, node, key).text
        if how == "q":
            yield '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
        else:
            yield f"{Domain.parse(text)}." if how == "n" and text != "." else text

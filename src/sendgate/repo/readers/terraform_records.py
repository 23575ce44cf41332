"""One DNS record of a Terraform plan, provider by provider.

`Resource` ──► type, name below the zone, `Value`s: a text to read, data, or why not shown
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sendgate.errors import DomainError
from sendgate.names import Domain
from sendgate.repo.readers import texts
from sendgate.repo.readers.jsontext import Arr, Json, Obj, number_of, objects, text_of
from sendgate.repo.readers.route53 import route53_name
from sendgate.repo.readers.terraform_plan import Resource
from sendgate.repo.readers.values import DEFAULT_TTL, ttl_of

__all__ = [
    "LATER",
    "PROVIDERS",
    "SECRET",
    "TYPES",
    "Value",
    "name_of_record",
    "rdtype_of",
    "read_text",
    "ttl_of_record",
    "values_of",
]  # fmt: skip

LATER = "known only after terraform apply"
SECRET = "marked as sensitive, so it is not shown"
ELSEWHERE = "an alias: the DNS provider answers with the data of another resource"

_AZURE = ("a", "aaaa", "caa", "cname", "mx", "ns", "ptr", "srv", "txt")
PROVIDERS = ("aws", "azurerm", "cloudflare", "google")
TYPES = {
    "aws_route53_record", "cloudflare_record", "cloudflare_dns_record", "google_dns_record_set",
    *(f"azurerm_dns_{kind}_record" for kind in _AZURE),
}  # fmt: skip
# The parts of a value that Cloudflare and Azure take apart, in the order of presentation form.
_PARTS = {
    "CAA": ("flags", "tag", "value"),
    "DS": ("key_tag", "algorithm", "digest_type", "digest"),
    "MX": ("preference", "exchange"),
    "SRV": ("priority", "weight", "port", "target"),
    "SSHFP": ("algorithm", "type", "fingerprint"),
    "TLSA": ("usage", "selector", "matching_type", "certificate"),
}


@dataclass(frozen=True)
class Value:
    """One value: `text` as the provider takes it, or `why` it is not shown; its line."""

    line: int
    text: str | None = None
    why: str = ""
    address: bool = False  # the name has an address that the provider alone knows
    behind: str | None = None  # the target of the CNAME that the provider answers for


def rdtype_of(record: Resource) -> str | None:
    """Give the record type in upper case; None where the plan does not tell it."""
    if record.type.startswith("azurerm_dns_"):
        return record.type.removeprefix("azurerm_dns_").removesuffix("_record").upper()
    return (text_of(record.values, "type") or "").upper() or None


def ttl_of_record(record: Resource) -> int:
    """Give the TTL in seconds; Cloudflare's 1 is its automatic one."""
    seconds = number_of(record.values, "ttl")
    if seconds == 1 and record.type.startswith("cloudflare_"):
        return DEFAULT_TTL
    return ttl_of(seconds)


def name_of_record(record: Resource, zone: Domain) -> Domain:
    """Give the owner's name; raise `DomainError` where it cannot be one of the zone."""
    given = text_of(record.values, "name")
    if given is None or given in ("", "@"):
        return zone
    if record.type.startswith("azurerm_"):
        return zone.child(given)
    name = route53_name(given) if record.type.startswith("aws_") else Domain.parse(given)
    if name.is_under(zone):
        return name
    if record.type.startswith("google_") or given.endswith("."):
        raise DomainError(f"{name} does not lie in the zone {zone}")
    return Domain.from_labels((*name.wire_labels, *zone.wire_labels))


def values_of(record: Resource, rdtype: str, apex: bool) -> list[Value]:
    """List the values of a record of a type; `apex`: whether it stands at its zone's apex."""
    provider = record.type.partition("_")[0]
    if provider == "cloudflare":
        return list(_cloudflare(record, rdtype, apex))
    return list(_READERS[provider](record, rdtype))


def read_text(record: Resource) -> Callable[[str], texts.Text]:
    """Give the reader of the provider's TXT values."""
    return {
        "aws": texts.route53_by_terraform,
        "azurerm": texts.azure,
        "cloudflare": texts.cloudflare,
        "google": texts.cloud_dns,
    }[record.type.partition("_")[0]]


def _aws(record: Resource, rdtype: str) -> Iterator[Value]:
    alias = record.values.get("alias")
    if isinstance(alias, Arr) and alias:
        yield _alias(rdtype, alias.line)
    else:
        yield from _list(record, "records", rdtype)


def _google(record: Resource, rdtype: str) -> Iterator[Value]:
    policies = list(objects(record.values.get("routing_policy")))
    if not policies:
        yield from _list(record, "rrdatas", rdtype)
        return
    if record.is_sensitive("routing_policy"):
        yield Value(policies[0].line, why=SECRET)
        return
    for policy in policies:
        backups = [p for b in objects(policy.get("primary_backup")) for p in (b.get("backup_geo"),)]
        for entries in (policy.get("wrr"), policy.get("geo"), *backups):
            for entry in objects(entries):
                yield from _items(entry, "rrdatas", rdtype)
        if any(objects(policy.get("primary_backup"))):
            yield _alias(rdtype, policy.line)


def _azurerm(record: Resource, rdtype: str) -> Iterator[Value]:
    if _is_given(record, "target_resource_id"):
        yield _alias(rdtype, record.line)
    elif rdtype in {"A", "AAAA", "NS", "PTR"}:
        yield from _list(record, "records", rdtype)
    elif rdtype == "CNAME":
        yield _single(record, "record")
    elif record.is_unknown("record") or record.is_sensitive("record"):
        yield _hidden(record, "record", rdtype)
    else:
        for entry in objects(record.values.get("record")):
            text = text_of(entry, "value") if rdtype == "TXT" else _parts(entry, rdtype)
            yield Value(entry.line, text, "" if text is not None else LATER)


def _cloudflare(record: Resource, rdtype: str, apex: bool) -> Iterator[Value]:
    settings = record.values.get("settings")
    flat = isinstance(settings, Obj) and settings.get("flatten_cname") is True
    proxied = record.values.get("proxied") is True and rdtype in {"A", "AAAA", "CNAME"}
    if proxied or (rdtype == "CNAME" and (apex or flat)):
        # Cloudflare answers itself, with addresses of its own or those behind the alias.
        target = text_of(record.values, "content", "value") if rdtype == "CNAME" else None
        yield Value(record.line, address=True, behind=target)
        return
    key = next((k for k in ("content", "value") if _is_given(record, k)), None)
    if key is not None:
        value = _single(record, key)
        if rdtype == "MX" and value.text is not None:
            preference = number_of(record.values, "priority")
            value = Value(value.line, f"{preference or 0} {value.text}")
        yield value
        return
    data = record.values.get("data")
    entry = next(objects(data), None) if isinstance(data, Arr) else data
    if isinstance(entry, Obj) and not record.is_sensitive("data"):
        text = _parts(entry, rdtype)
        yield Value(entry.line, text, "" if text is not None else LATER)
    else:
        yield _hidden(record, "data", rdtype)


_READERS: dict[str, Callable[[Resource, str], Iterator[Value]]] = {
    "aws": _aws,
    "azurerm": _azurerm,
    "google": _google,
}


def _list(record: Resource, key: str, rdtype: str) -> Iterator[Value]:
    """Read a list of texts, or say why it is not there."""
    given = record.values.get(key)
    if record.is_sensitive(key) or record.is_unknown(key) or not isinstance(given, Arr):
        yield _hidden(record, key, rdtype)
        return
    yield from _items(record.values, key, rdtype)


def _items(holder: Obj, key: str, rdtype: str) -> Iterator[Value]:
    given = holder.get(key)
    if not isinstance(given, Arr):
        return
    for item, line in zip(given, given.lines, strict=True):
        if isinstance(item, str):
            yield Value(line, item)
        else:  # an item that is not known yet is null
            yield Value(line, why=LATER, address=rdtype in {"A", "AAAA"})


def _single(record: Resource, key: str) -> Value:
    line = record.values.line_at(key)
    if record.is_sensitive(key):
        return Value(line, why=SECRET)
    text = text_of(record.values, key)
    return Value(line, text, "" if text is not None else LATER)


def _hidden(record: Resource, key: str, rdtype: str) -> Value:
    line = record.values.line_at(key)
    why = SECRET if record.is_sensitive(key) else LATER
    return Value(line, why=why, address=rdtype in {"A", "AAAA"})


def _alias(rdtype: str, line: int) -> Value:
    return Value(line, why=ELSEWHERE, address=rdtype in {"A", "AAAA"})


def _is_given(record: Resource, key: str) -> bool:
    return record.is_unknown(key) or record.values.get(key) not in (None, "")


def _parts(entry: Obj, rdtype: str) -> str | None:
    """Join the parts of a value in the order of presentation form; None where one is missing."""
    found: list[str] = []
    for key in _PARTS.get(rdtype, ("value",)):
        part: Json = entry.get(key)
        number = number_of(entry, key)
        if number is not None:
            found.append(str(number))
        elif isinstance(part, str):
            quoted = '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
            found.append(quoted if (rdtype, key) == ("CAA", "value") else part)
        else:
            return None
    return " ".join(found)

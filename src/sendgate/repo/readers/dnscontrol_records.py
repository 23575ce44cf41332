"""One record of DNSControl's IR, made into what DNS publishes."""

from __future__ import annotations

from dataclasses import dataclass

from sendgate.dns.answers import Rdata, Txt
from sendgate.names import Domain, printable
from sendgate.repo.readers.jsontext import Arr, Obj, number_of, text_of
from sendgate.repo.readers.values import (
    HIDDEN_ADDRESS,
    ValueProblem,
    address_before,
    chunks,
    is_wrapped,
    other_data,
)

__all__ = ["NOT_PUBLISHED", "Made", "data_of", "name_of_record", "value_of"]

# What the provider answers with addresses of its own.
_ALIASES = {
    "ALIAS", "ANAME", "AKAMAICDN", "AKAMAITLC", "NETLIFY", "NETLIFYV6", "BUNNY_DNS_PZ",
    "BUNNY_DNS_RDR", "CLOUDNS_WR", "FRAME", "PORKBUN_URLFWD", "URL", "URL301",
}  # fmt: skip
_TYPED_ALIASES = {"R53_ALIAS": "r53_alias", "AZURE_ALIAS": "azure_alias"}
# What is a rule of the provider, or of DNSControl itself, and no record.
NOT_PUBLISHED = {
    "CF_REDIRECT", "CF_TEMP_REDIRECT", "CF_WORKER_ROUTE", "CLOUDFLAREAPI_SINGLE_REDIRECT",
    "NS1_URLFWD", "PAGE_RULE", "WORKER_ROUTE", "NAMESERVER", "NO_PURGE", "PURGE",
}  # fmt: skip
_FIELDS = {
    "CAA": ("caaflag", "caatag", "target"),
    "SRV": ("srvpriority", "srvweight", "srvport", "target"),
    "TLSA": ("tlsausage", "tlsaselector", "tlsamatchingtype", "target"),
    "SMIMEA": ("smimeausage", "smimeaselector", "smimeamatchingtype", "target"),
    "DS": ("dskeytag", "dsalgorithm", "dsdigesttype", "dsdigest"),
    "SSHFP": ("sshfpalgorithm", "sshfpfingerprint", "target"),
    "SOA": (
        "target", "soambox", "soaserial", "soarefresh", "soaretry", "soaexpire", "soaminttl",
    ),
    "NAPTR": (
        "naptrorder", "naptrpreference", "naptrflags", "naptrservice", "naptrregexp", "target",
    ),
    "HTTPS": ("svcpriority", "target", "svcparams"),
    "SVCB": ("svcpriority", "target", "svcparams"),
    "MX": ("mxpreference", "target"),
}  # fmt: skip
_WHOLE = ("zonfefilepartial", "comparable")  # the data of newer types, in presentation form
_TEXTS = {"naptrflags", "naptrservice", "naptrregexp"}  # in quotes in presentation form
_SINGLE = {"A", "AAAA", "CNAME", "DNAME", "NS", "PTR", "TXT", "SPF", "LOC", "DHCID", "OPENPGPKEY"}


@dataclass(frozen=True)
class Made:
    """What a record comes to: types with data, or a type whose data nobody can see.

    `wrapped` is the text as written where quotes around the whole were taken off.
    """

    data: tuple[tuple[str, Rdata], ...] = ()
    hidden: str | None = None
    why: str = ""
    wrapped: str | None = None


def name_of_record(record: Obj, zone: Domain) -> Domain:
    """Give the owner: `@`, a label below the zone, or a name with its final dot."""
    label = text_of(record, "name")
    if label is None:
        raise ValueProblem("the record has no name")
    if label in ("@", ""):
        return zone
    if not label.endswith("."):
        return zone.child(label)
    name = Domain.parse(label)
    if not name.is_under(zone):
        raise ValueProblem(f"{printable(label)} does not lie in the zone {zone}")
    return name


def value_of(record: Obj) -> str:
    """Give the value as one text: the joined strings of a TXT record, a target, an address."""
    strings = record.get("txtstrings")
    if isinstance(strings, Arr) and strings and all(isinstance(item, str) for item in strings):
        return "".join(str(item) for item in strings)
    return text_of(record, "target") or ""


def data_of(record: Obj, zone: Domain) -> Made | None:
    """Give what the record publishes; None for a type that is unknown here.

    Raises `ValueProblem` or `DomainError` where DNSControl would refuse it too.
    """
    rdtype = (text_of(record, "type") or "").upper()
    if rdtype in _TYPED_ALIASES:
        return _typed_alias(record, rdtype)
    if rdtype in _ALIASES or (rdtype in {"A", "AAAA", "CNAME"} and _is_proxied(record)):
        proxied = rdtype == "CNAME"
        data = address_before(text_of(record, "target") or "") if proxied else HIDDEN_ADDRESS
        return Made((("A", data), ("AAAA", data)))
    if rdtype in {"TXT", "SPF"}:
        return _text(record, rdtype)
    if rdtype not in _FIELDS and rdtype not in _SINGLE:
        whole = text_of(record, *_WHOLE)
        return Made((other_data(rdtype, whole),)) if whole and rdtype.isalnum() else None
    below = _base(record, zone)
    parts = [_part(record, key) for key in _FIELDS.get(rdtype, ("target",))]
    if rdtype in {"CNAME", "DNAME", "MX", "NS", "PTR"}:
        _check_target(parts[-1])
    if rdtype == "CAA":
        parts[-1] = _quoted(parts[-1])
    return Made((other_data(rdtype, " ".join(parts), below),))


def _text(record: Obj, rdtype: str) -> Made:
    value = value_of(record)
    if is_wrapped(value):
        return Made(((rdtype, _txt(value[1:-1])),), wrapped=value)
    return Made(((rdtype, _txt(value)),))


def _txt(text: str) -> Txt:
    return chunks(text.encode("utf-8"))


def _typed_alias(record: Obj, rdtype: str) -> Made:
    kind = (text_of(record.get(_TYPED_ALIASES[rdtype]), "type") or "").upper()
    if kind in {"A", "AAAA"}:
        return Made(((kind, HIDDEN_ADDRESS),))
    if not kind.isalnum():
        raise ValueProblem(f"{rdtype} does not say which type it is an alias for")
    return Made(hidden=kind, why=f"{rdtype}: the DNS provider copies the data of another name")


def _is_proxied(record: Obj) -> bool:
    """Whether Cloudflare answers for the name with addresses of its own."""
    return text_of(record.get("meta"), "cloudflare_proxy") in {"on", "full"}


def _base(record: Obj, zone: Domain) -> Domain:
    """Give the name that a bare target lies below: that of a `D_EXTEND()`, else the zone."""
    below = text_of(record, "subdomain")
    return zone.child(below) if below else zone


def _check_target(target: str) -> None:
    if "." in target.rstrip(".") and not target.endswith("."):
        raise ValueProblem(
            f"the target {printable(target)} has dots and no final one: DNSControl refuses it"
        )


def _part(record: Obj, key: str) -> str:
    if key == "target" or isinstance(record.get(key), str):
        text = text_of(record, key) or ""
        if not text and key == "target":
            raise ValueProblem("the record has no target")
        return _quoted(text) if key in _TEXTS else text
    number = number_of(record, key)
    if key == "mxpreference" and number is None:
        number = number_of(record.get("fields", record.get("Fields")), "Preference")
    if number is None and record.get(key) is not None:
        raise ValueProblem(f"{printable(key)} is no number")
    return '""' if key in _TEXTS else "" if key == "svcparams" else str(number or 0)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

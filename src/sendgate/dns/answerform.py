"""An `Answer` as JSON values and back, for recordings (format ``sendgate.dns/1``).

Keys at their default are left out. A TXT string is written one character an octet
(latin-1), so that every octet survives; a name is in master-file notation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sendgate.dns.answers import (
    Address,
    Alias,
    Answer,
    Failed,
    Mx,
    NoData,
    NxDomain,
    Origin,
    Question,
    Raw,
    Rdata,
    Reason,
    Record,
    Records,
    Soa,
    Target,
    Txt,
)
from sendgate.errors import DomainError
from sendgate.names import Domain, printable

__all__ = ["FormError", "answer_from", "answer_to"]

T = TypeVar("T")
Form = dict[str, Any]

_KINDS = ("resolver", "file", "recording")
_COMMON = {"name", "type", "cd", "server", "answer", "origin", "aliases"}
_OWN = {
    "records": {"records", "authentic", "wildcard"},
    "nodata": {"authentic", "zone", "wildcard", "assumed"},
    "nxdomain": {"authentic", "zone", "assumed"},
    "failed": {"reason", "detail"},
}


class FormError(Exception):
    """The JSON is not an answer; the text says what is wrong with which key."""


def answer_to(answer: Answer) -> Form:
    """Write an answer as JSON values."""
    question = answer.question
    form: Form = {"name": question.name.text, "type": question.rdtype}
    if question.checking_disabled:
        form["cd"] = True
    if question.server is not None:
        form["server"] = question.server
    form["answer"] = _KIND_OF[type(answer)]
    if answer.origin is not None:
        form["origin"] = _origin_to(answer.origin)
    if answer.aliases:
        form["aliases"] = [_alias_to(alias, answer.origin) for alias in answer.aliases]
    if isinstance(answer, Failed):
        form["reason"] = str(answer.reason)
        if answer.detail:
            form["detail"] = answer.detail
        return form
    if isinstance(answer, Records):
        form["records"] = [_record_to(record, answer.origin) for record in answer.records]
    for key in ("authentic", "assumed"):
        if getattr(answer, key, False):
            form[key] = True
    for key in ("zone", "wildcard"):
        name = getattr(answer, key, None)
        if name is not None:
            form[key] = name.text
    return form


def answer_from(form: object, where: str) -> Answer:
    """Read an answer back; raise `FormError`. `where` is the recording, for the origins."""
    if not isinstance(form, dict):
        raise FormError("an answer is an object")
    kind = _get(form, "answer", str)
    if kind not in _OWN:
        raise FormError(f'"answer" is none of {", ".join(_OWN)}')
    _no_others(form, _COMMON | _OWN[kind])
    question = Question(
        _name(form, "name"), _get(form, "type", str), _flag(form, "cd"), _maybe(form, "server")
    )
    origin = _origin_from(form["origin"], where) if "origin" in form else None
    own = origin or Origin("recording", where)
    aliases = tuple(_alias_from(alias, own, where) for alias in _list(form, "aliases"))
    if kind == "failed":
        try:
            reason = Reason(_get(form, "reason", str))
        except ValueError:
            raise FormError(f'"reason" is none of {", ".join(Reason)}') from None
        return Failed(question, reason, _maybe(form, "detail") or "", origin, aliases)
    authentic = _flag(form, "authentic")
    if kind == "records":
        records = tuple(_record_from(record, own, where) for record in _list(form, "records"))
        if not records:
            raise FormError('"records" is empty; an answer without data is "nodata"')
        wildcard = _maybe_name(form, "wildcard")
        return Records(question, records, own, aliases, authentic, wildcard)
    zone, assumed = _maybe_name(form, "zone"), _flag(form, "assumed")
    if kind == "nxdomain":
        return NxDomain(question, own, aliases, authentic, zone, assumed)
    wildcard = _maybe_name(form, "wildcard")
    return NoData(question, own, aliases, authentic, zone, wildcard, assumed)


_KIND_OF: Mapping[type[Answer], str] = {
    Records: "records",
    NoData: "nodata",
    NxDomain: "nxdomain",
    Failed: "failed",
}


def _origin_to(origin: Origin) -> Form:
    form: Form = {"kind": origin.kind, "where": origin.where}
    if origin.line is not None:
        form["line"] = origin.line
    return form


def _origin_from(form: object, where: str) -> Origin:
    """Read an origin: a file's stays, any other becomes the recording itself."""
    if not isinstance(form, dict):
        raise FormError('"origin" is an object')
    _no_others(form, {"kind", "where", "line"})
    kind, place = _get(form, "kind", str), _get(form, "where", str)
    if kind not in _KINDS:
        raise FormError(f'"kind" is none of {", ".join(_KINDS)}')
    if kind != "file":
        return Origin("recording", where)
    return Origin("file", place, _number(form, "line") if "line" in form else None)


def _alias_to(alias: Alias, origin: Origin | None) -> Form:
    form: Form = {"name": alias.name.text, "target": alias.target.text, "ttl": alias.ttl}
    if alias.origin != origin:
        form["origin"] = _origin_to(alias.origin)
    if alias.beside:
        form["beside"] = list(alias.beside)
    if alias.others:
        form["others"] = [name.text for name in alias.others]
    return form


def _alias_from(form: object, origin: Origin, where: str) -> Alias:
    if not isinstance(form, dict):
        raise FormError("an alias is an object")
    _no_others(form, {"name", "target", "ttl", "origin", "beside", "others"})
    return Alias(
        _name(form, "name"),
        _name(form, "target"),
        _number(form, "ttl"),
        _origin_from(form["origin"], where) if "origin" in form else origin,
        tuple(_text(beside, "beside") for beside in _list(form, "beside")),
        tuple(_domain(other, "others") for other in _list(form, "others")),
    )


def _record_to(record: Record, origin: Origin) -> Form:
    form: Form = {"ttl": record.ttl, **_rdata_to(record.data)}
    if isinstance(record.data, Address) and record.data.behind is not None:
        form["behind"] = record.data.behind.text
    if record.origin != origin:
        form["origin"] = _origin_to(record.origin)
    return form


def _record_from(form: object, origin: Origin, where: str) -> Record:
    if not isinstance(form, dict):
        raise FormError("a record is an object")
    _no_others(form, {"ttl", "origin", "behind", *_RDATA})
    kinds = [key for key in form if key in _RDATA]
    if len(kinds) != 1:
        raise FormError(f"a record has exactly one of {', '.join(_RDATA)}")
    data = _RDATA[kinds[0]](form[kinds[0]])
    if "behind" in form:
        if not isinstance(data, Address):
            raise FormError('only an "address" has a name "behind" it')
        data = Address(data.ip, _name(form, "behind"))
    return Record(
        data,
        _number(form, "ttl"),
        _origin_from(form["origin"], where) if "origin" in form else origin,
    )


def _rdata_to(data: Rdata) -> Form:
    match data:
        case Txt(strings):
            return {"txt": [string.decode("latin-1") for string in strings]}
        case Mx(preference, exchange):
            return {"mx": [preference, exchange.text]}
        case Address(ip):
            return {"address": None if ip is None else str(ip)}
        case Target(name):
            return {"target": name.text}
        case Soa(mname, rname, serial, minimum):
            return {"soa": [mname.text, rname.text, serial, minimum]}
        case Raw(text):
            return {"raw": text}


def _txt(value: object) -> Txt:
    try:
        strings = tuple(_text(s, "txt").encode("latin-1") for s in _items(value, "txt"))
    except UnicodeEncodeError:
        raise FormError('"txt" holds one character an octet, none above U+00FF') from None
    return Txt(strings)


def _mx(value: object) -> Mx:
    match value:
        case [int(preference), str(exchange)]:
            return Mx(preference, _domain(exchange, "mx"))
    raise FormError('"mx" is a preference and a name')


def _address(value: object) -> Address:
    if value is None:
        return Address(None)
    try:
        return Address(ipaddress.ip_address(_text(value, "address")))
    except ValueError:
        raise FormError(f'"address": {printable(str(value))} is no IP address') from None


def _soa(value: object) -> Soa:
    match value:
        case [str(mname), str(rname), int(serial), int(minimum)]:
            return Soa(_domain(mname, "soa"), _domain(rname, "soa"), serial, minimum)
    raise FormError('"soa" is two names, the serial and the minimum')


_RDATA: Mapping[str, Callable[[object], Rdata]] = {
    "txt": _txt,
    "mx": _mx,
    "address": _address,
    "target": lambda value: Target(_domain(value, "target")),
    "soa": _soa,
    "raw": lambda value: Raw(_text(value, "raw")),
}


def _get(form: Form, key: str, kind: type[T]) -> T:
    value = form.get(key)
    if not isinstance(value, kind):
        raise FormError(f'"{key}" is missing' if key not in form else f'"{key}" has a wrong type')
    return value


def _maybe(form: Form, key: str) -> str | None:
    return _get(form, key, str) if form.get(key) is not None else None


def _flag(form: Form, key: str) -> bool:
    return _get(form, key, bool) if key in form else False


def _number(form: Form, key: str) -> int:
    value = _get(form, key, int)
    if isinstance(value, bool) or value < 0:
        raise FormError(f'"{key}" is no number')
    return value


def _list(form: Form, key: str) -> list[object]:
    return _items(form.get(key, []), key)


def _items(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise FormError(f'"{key}" is a list')
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise FormError(f'"{key}" holds texts')
    return value


def _domain(value: object, key: str) -> Domain:
    try:
        return Domain.parse(_text(value, key))
    except DomainError as error:
        raise FormError(f'"{key}": {error}') from None


def _name(form: Form, key: str) -> Domain:
    return _domain(_get(form, key, str), key)


def _maybe_name(form: Form, key: str) -> Domain | None:
    return _name(form, key) if form.get(key) is not None else None


def _no_others(form: Form, known: set[str]) -> None:
    for key in form:
        if key not in known:
            raise FormError(f"unknown key {printable(key)}")

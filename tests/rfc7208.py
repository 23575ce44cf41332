"""The openspf.org suite for RFC 7208: its tests, and each scenario's DNS as a source."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    Rdata,
    Reason,
    Record,
    Records,
    Target,
    Txt,
)
from sendgate.names import ROOT, Domain

ORIGIN = Origin("resolver", "suite")
MAX_ALIASES = 8


def domain(text: str) -> Domain:
    """A name as the suite writes it: no escapes, with or without the final dot."""
    body = text.removesuffix(".")
    return Domain.from_labels(tuple(body.encode("latin-1").split(b"."))) if body else ROOT


def rdata(rdtype: str, value: Any) -> Rdata:
    match rdtype:
        case "TXT":
            strings = value if isinstance(value, list) else [value]
            return Txt(tuple(text.encode("latin-1") for text in strings))
        case "MX":
            return Mx(value[0], domain(value[1]))
        case "A" | "AAAA":
            return Address(ipaddress.ip_address(value))
        case _:
            return Target(domain(value))


class SuiteDns:
    """One scenario's DNS, by the suite's conventions for drivers."""

    def __init__(self, zonedata: dict[str, list[Any]]) -> None:
        self.data: dict[tuple[Domain, str], list[Rdata]] = {}
        self.silent: set[Domain] = set()
        self.exists: set[Domain] = set()
        for text, entries in zonedata.items():
            name = domain(text)
            self.exists |= {name, *name.ancestors}
            pairs = [next(iter(entry.items())) for entry in entries if entry != "TIMEOUT"]
            if len(pairs) < len(entries):
                self.silent.add(name)
            has_txt = any(rdtype == "TXT" for rdtype, _ in pairs)
            for rdtype, value in pairs:
                if rdtype == "SPF" and has_txt:
                    continue  # type SPF counts as TXT only where there is no TXT at all
                kind = "TXT" if rdtype == "SPF" else rdtype
                kept = self.data.setdefault((name, kind), [])
                if value != "NONE":
                    kept.append(rdata(kind, value))

    async def ask(self, question: Question) -> Answer:
        name, aliases = question.name, ()  # type: Domain, tuple[Alias, ...]
        while (name, "CNAME") in self.data and len(aliases) < MAX_ALIASES:
            target = self.data[name, "CNAME"][0]
            assert isinstance(target, Target)
            aliases = (*aliases, Alias(name, target.name, 60, ORIGIN))
            name = target.name
        if len(aliases) == MAX_ALIASES:
            return Failed(question, Reason.ALIAS_LOOP, aliases=aliases)
        found = self.data.get((name, question.rdtype))
        if found:
            records = tuple(Record(data, 60, ORIGIN) for data in found)
            return Records(question, records, ORIGIN, aliases)
        if name in self.silent:  # NONE there too: the value says no data, the bare item no reply
            return Failed(question, Reason.TIMEOUT)
        kind = NoData if name in self.exists else NxDomain
        return kind(question, ORIGIN, aliases)


def cases() -> Iterator[Any]:
    folder = os.environ.get("SENDGATE_SUITES")
    if not folder:
        return
    text = Path(folder, "spf", "rfc7208-tests.yml").read_text(encoding="utf-8")
    for scenario in yaml.safe_load_all(text):
        for name, test in scenario["tests"].items():
            yield pytest.param(scenario["zonedata"], test, id=name)


CASES = list(cases())

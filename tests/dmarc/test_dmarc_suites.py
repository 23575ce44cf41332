"""The conformance vectors for DMARC: one test a vector."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sendgate.dmarc.discover import discover
from sendgate.dmarc.facts import facts_from
from sendgate.dmarc.record import parse
from sendgate.dmarc.suffixes import registrable_text
from sendgate.dmarc.walk import policy_name, walk_names
from sendgate.dns.answers import Address, Mx, Question, Rdata, Reason, Txt
from sendgate.dns.double import DnsDouble
from sendgate.names import Domain
from sendgate.render.checks import discovery_json

Vector = dict[str, Any]


def vectors(name: str) -> list[Any]:
    """The vectors of one file; a single one that skips, saying why, where there are none."""
    folder = os.environ.get("SENDGATE_SUITES")
    if not folder:
        return [pytest.param(None, marks=pytest.mark.skip(reason="SENDGATE_SUITES is not set"))]
    read = json.loads((Path(folder) / "dmarc" / name).read_text())
    found = read["vectors"] if isinstance(read, dict) else read
    return [pytest.param(v, id=str(v.get("id") or v.get("line") or i)) for i, v in enumerate(found)]


def dns_of(vector: Vector, suffix: str = "") -> DnsDouble:
    table: dict[tuple[str, str], list[Rdata] | Reason] = {
        (name, "TXT"): [Txt(((text + suffix).encode(),)) for text in texts]
        for name, texts in vector["zone"].items()
    }
    for entry in vector.get("existing_names", []):
        name, rdtype = entry.split()
        data: Rdata = Address(ipaddress.ip_address("192.0.2.1"))
        table[name, rdtype] = [Mx(10, Domain("mx.example.com")) if rdtype == "MX" else data]
    return DnsDouble(table)


@pytest.mark.parametrize("vector", vectors("treewalk_vectors.json"))
async def test_tree_walk(vector: Vector) -> None:
    """Queries, organizational domain, policy domain, policy and existence are as demanded."""
    found = await discover(Domain.parse(vector["start"]), None, None, dns_of(vector))
    shown = discovery_json(found)
    seen = {
        "queries": shown["queries"],
        "org_domain": shown["organizational_domain"],
        "policy_domain": shown["policy_domain"],
        "applied_policy": shown["effective_policy"],
        "exists": found.facts.exists,
    }
    assert {k: v for k, v in seen.items() if k in vector} == {
        k: vector[k] for k in seen if k in vector
    }
    assert found.unknown == ()


@pytest.mark.parametrize("vector", vectors("treewalk_vectors.json"))
async def test_alignment(vector: Vector) -> None:
    """Each identifier aligns relaxed, and strict, as demanded, whichever mechanism gave it."""
    author = Domain.parse(vector["start"])
    for key, wanted in vector.get("alignment", {}).items():
        mechanism, _, text = key.partition(":")
        name = Domain.parse(text)
        for mode, suffix in (("relaxed", ""), ("strict", "; adkim=s; aspf=s")):
            if mode not in wanted:
                continue
            spf = name if mechanism in {"spf", "id"} else None
            dkim = name if mechanism in {"dkim", "id"} else None
            found = await discover(author, spf, dkim, dns_of(vector, suffix))
            verdict = "aligned" if wanted[mode] else "unaligned"
            given = [v for n, v in ((spf, found.spf), (dkim, found.dkim)) if n is not None]
            assert given == [verdict] * len(given), (key, mode)
        if "org" in wanted:
            double = dns_of(vector)
            answers = [
                (domain, await double.ask(Question(owner, "TXT")))
                for domain in walk_names(name)
                if (owner := policy_name(domain)) is not None
            ]
            assert str(facts_from(name, answers).organizational) == wanted["org"]


@pytest.mark.parametrize("vector", vectors("psl_vectors.json"))
def test_public_suffix_list(vector: Vector) -> None:
    """The registrable part is as the list's own test has it; U-labels are A-labels."""
    wanted = vector["registrable"]
    assert registrable_text(vector["input"]) == (wanted and Domain.parse(wanted).text)


@pytest.mark.parametrize("name", ["mox_parse_vectors.json", "opendmarc_parse_vectors.json"])
def test_parse_vector_files_are_not_empty(name: str, suites: Path) -> None:
    """A moved file must not pass for one whose vectors all hold."""
    assert (suites / "dmarc" / name).is_file()


@pytest.mark.parametrize(
    "vector", [*vectors("mox_parse_vectors.json"), *vectors("opendmarc_parse_vectors.json")]
)
def test_policy_of_a_published_text(vector: Vector) -> None:
    """The policy that applies to the publishing domain under RFC 9989 is one of those allowed."""
    read = parse(vector["record"])
    policy = None if read is None else read.policy_when_published()
    wanted = vector["rfc9989_policy"]
    assert policy in (wanted if isinstance(wanted, list) else [wanted])
    assert read is None or str(read) == vector["record"]

"""The texts of MTA-STS, read by the grammar and printed back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.mtasts.record import (
    MAX_AGE,
    Mode,
    Policy,
    StsRecord,
    parse_policy,
    parse_record,
)
from sendgate.names import Domain
from sendgate.versioned import Malformed, choose


def test_all_vectors_of_records_and_policies(suites: Path) -> None:
    """18 records and 24 policies, each valid or not by the grammar with its errata."""
    vectors = json.loads((suites / "mtasts" / "vectors.json").read_text("utf-8"))["vectors"]
    readers = {"record": parse_record, "policy": parse_policy}
    wrong = [
        (vector["line"], vector["why"])
        for vector in vectors
        if isinstance(readers[vector["kind"]](vector["record"]), StsRecord | Policy)
        is not vector["valid"]
    ]
    assert wrong == []
    assert len(vectors) == 42


def test_a_record_prints_itself_back() -> None:
    """The id and unknown fields survive; the layout is the standard's own."""
    record = parse_record("v=STSv1 ;id=2026a; more=x")
    assert record == StsRecord("2026a", (("more", "x"),))
    assert str(record) == "v=STSv1; id=2026a; more=x;"
    assert parse_record(str(record)) == record


def test_other_texts_at_the_name_do_not_count() -> None:
    """A stray text beside the record is passed over; two records are none."""
    assert choose(["google-site-verification=x", "v=STSv1; id=1;"], parse_record) == StsRecord("1")
    assert choose(["v=STSv2; id=1;", "v=stsv1; id=1"], parse_record) is None
    assert isinstance(choose(["v=STSv1; id=1;", "v=STSv1; id=2;"], parse_record), Malformed)
    assert isinstance(choose(["v=STSv1; id=1;", "v=STSv1; id=;"], parse_record), Malformed)


def test_a_policy_prints_itself_back() -> None:
    """Names in lower case, repeated patterns once, the first of a repeated field."""
    policy = parse_policy(
        "version: STSv1\nmode: enforce\nmode: none\nmx: MX.example.com\nmx: mx.example.com\n"
        "mx: *.example.net\nmax_age: 99999999\n\n"
    )
    assert policy == Policy(Mode.ENFORCE, MAX_AGE, ("mx.example.com", "*.example.net"))
    assert parse_policy(str(policy)) == policy


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("mx.example.com", True),
        ("mx2.example.com", False),
        ("a.example.net", True),
        ("example.net", False),
        ("a.b.example.net", False),
        ("aexample.net", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, covered: bool) -> None:
    """RFC 8461 section 4.1."""
    policy = Policy(Mode.ENFORCE, 86400, ("mx.example.com", "*.example.net"))
    assert policy.covers(Domain(host)) is covered


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    """DNS and web servers can say anything; what is read prints itself as what reads the same."""
    for record in (parse_record(text), parse_record(f"v=STSv1; id=1; {text}")):
        if isinstance(record, StsRecord):
            assert parse_record(str(record)) == record
    for policy in (
        parse_policy(text),
        parse_policy(f"version: STSv1\nmode: enforce\nmax_age: 1\nmx: {text}"),
    ):
        if isinstance(policy, Policy):
            assert parse_policy(str(policy)) == policy

"""The TLS-RPT record, read by the grammar of RFC 8460 and printed back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.tlsrpt.record import TlsrptRecord, is_meant, parse_record
from sendgate.versioned import Malformed, choose

CONTESTED = {29, 31}  # accepted, and told of as doubts: white space at the end, and at the start


def test_all_vectors(suites: Path) -> None:
    """20 records, each valid or not; the two contested ones are accepted, with a doubt."""
    vectors = json.loads((suites / "tlsrpt" / "vectors.json").read_text("utf-8"))["vectors"]
    read = {vector["line"]: parse_record(vector["record"]) for vector in vectors}
    wrong = [
        (vector["line"], vector["why"])
        for vector in vectors
        if isinstance(read[vector["line"]], TlsrptRecord) is not vector["valid"]
    ]
    assert wrong == []
    assert len(vectors) == 20
    assert {vector["line"] for vector in vectors if vector.get("contested")} == CONTESTED
    doubted = {
        n for n, record in read.items() if isinstance(record, TlsrptRecord) and record.doubts
    }
    assert doubted == CONTESTED


def test_a_record_prints_itself_back() -> None:
    """Addresses in their order, once each, and unknown fields."""
    record = parse_record("v=TLSRPTv1;rua=mailto:a@example.com , https://b.example/x;more=1")
    assert record == TlsrptRecord(("mailto:a@example.com", "https://b.example/x"), (("more", "1"),))
    assert str(record) == ("v=TLSRPTv1; rua=mailto:a@example.com,https://b.example/x; more=1;")
    assert parse_record(str(record)) == record


def test_other_texts_at_the_name_do_not_count() -> None:
    """A stray text is passed over; two records are none; another case is no record."""
    one = "v=TLSRPTv1; rua=mailto:a@example.com"
    assert isinstance(choose(["verification=1", one], parse_record), TlsrptRecord)
    assert isinstance(choose([one, one + ";"], parse_record), Malformed)
    assert choose(["v=tlsrptv1; rua=mailto:a@example.com"], parse_record) is None
    assert is_meant(" v=tlsrptv1;")
    assert not is_meant("verification=1")


@pytest.mark.parametrize("scheme", ["mailto", "https", "HTTPS"])
def test_a_scheme_that_nobody_reports_to_is_told(scheme: str) -> None:
    """The record stays one; which addresses are of use is for the rules."""
    record = parse_record(f"v=TLSRPTv1; rua={scheme}:x,ftp://example.com")
    assert isinstance(record, TlsrptRecord)
    assert record.unusable == ("ftp://example.com",)


@given(st.text(max_size=80) | st.text(max_size=40).map(lambda text: f"v=TLSRPTv1; rua={text}"))
def test_any_text_is_read(text: str) -> None:
    """Hostile text is a record, a malformed one or none, and what was read reads the same."""
    record = parse_record(text)
    if isinstance(record, TlsrptRecord):
        again = parse_record(str(record))
        assert isinstance(again, TlsrptRecord)
        assert (again.rua, again.extensions) == (record.rua, record.extensions)

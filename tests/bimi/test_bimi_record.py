"""A BIMI record is read as published, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.bimi.record import BimiRecord, location_of, parse


def read(text: str) -> BimiRecord:
    record = parse(text.encode())
    assert record is not None
    return record


def test_a_whole_record() -> None:
    record = read(
        "v=BIMI1; l=https://a.example/l.svg; a=https://a.example/c.pem; avp=brand; lps=a, b"
    )
    assert record.is_bimi
    assert record.location == "https://a.example/l.svg"
    assert record.evidence_location == "https://a.example/c.pem"
    assert record.avatar_preference == "brand"
    assert record.local_part_selectors == ("a", "b")
    assert not record.declines


@pytest.mark.parametrize("text", ["v=BIMI1; l=; a=;", "v=BIMI1;a=;l=", "v=BIMI1; l="])
def test_a_declination_has_an_empty_l_and_no_a(text: str) -> None:
    assert read(text).declines


@pytest.mark.parametrize("text", ["v=BIMI1", "v=BIMI1; a=;", "v=BIMI1; l=; a=https://a.example/c"])
def test_what_is_no_declination(text: str) -> None:
    assert not read(text).declines


@pytest.mark.parametrize(
    "text", ["v=bimi1; l=", "l=; v=BIMI1", "v=BIMI2; l=", "l=https://a.example"]
)
def test_a_wrong_version_is_meant_as_bimi_and_does_not_count(text: str) -> None:
    assert not read(text).is_bimi


@pytest.mark.parametrize("text", ["", "v=spf1 -all", "v=DMARC1; p=none", "p=reject", "hello"])
def test_other_texts_are_not_ours(text: str) -> None:
    assert parse(text.encode()) is None


def test_white_space_around_the_version_is_allowed() -> None:
    assert read(" v = BIMI1 ;l=").is_bimi


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://www.example.com/l.svg", True),
        ("HTTPS://www.example.com", True),
        ("http://www.example.com/l.svg", False),
        ("https:///l.svg", False),
        ("https://[::1/l.svg", False),
        ("www.example.com/l.svg", False),
        ("https://www.example.com/l logo.svg", False),
        ("self", False),
    ],
)
def test_only_https_with_a_host_is_a_location(uri: str, good: bool) -> None:
    assert (location_of(uri) is not None) is good


@given(st.binary(max_size=60))
def test_any_octets_are_read_without_an_error(octets: bytes) -> None:
    record = parse(b"v=BIMI1;" + octets)
    assert record is not None
    assert str(record).encode("latin-1") == b"v=BIMI1;" + octets

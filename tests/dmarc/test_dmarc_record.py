"""DMARC records: what a receiver acts on, and which oddities are kept for the publisher."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.dmarc.record import DmarcRecord, Policy, UriFault, meant_as_dmarc, parse


def record(text: str) -> DmarcRecord:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    ["v=DMARC1", "v=DMARC1;p=none", "v = DMARC1 ; p=none", "V=DMARC1; p=none", " v=DMARC1; p=none"],
)
def test_first_tag_makes_it_a_record(text: str) -> None:
    """The version may have white space around its equals sign; its name has no case."""
    assert parse(text) is not None


@pytest.mark.parametrize(
    "text",
    ["", "v=dmarc1; p=none", "v=DMARC1x", "v=DMARC1 p=none", "p=none; v=DMARC1", ";v=DMARC1"],
)
def test_any_other_first_tag_makes_it_none(text: str) -> None:
    """The value is exact and case-sensitive, and nothing may stand before it."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("nv=DMARC1; p=none", True),
        ("v=dmarc1; p=none", True),
        ("p=reject; rua=mailto:a@example.com", True),
        ("v=spf1 -all", False),
        ("policy=none", False),
        ("", False),
    ],
)
def test_void_text_is_told_from_foreign_text(text: str, meant: bool) -> None:
    """Text with DMARC1 in it, or that begins with p=, was meant as a record."""
    assert meant_as_dmarc(text) is meant


def test_values_have_no_case_and_defaults_fill_in() -> None:
    """Policies are read in any case; what is absent or wrong has its default."""
    read = record("v=DMARC1; p=Reject; adkim=S; aspf=strict; psd=maybe; t=Y")
    assert (read.p, read.sp, read.np) == (Policy.REJECT, None, None)
    assert (read.adkim, read.aspf, read.psd, read.testing, read.fo) == ("s", "r", "u", True, "0")
    assert [part.text for part in read.ignored] == ["aspf=strict", "psd=maybe"]


@pytest.mark.parametrize(
    ("text", "p", "sp", "np"),
    [
        ("p=reject", "reject", "reject", "reject"),
        ("p=reject; sp=none", "reject", "none", "none"),
        ("p=reject; np=quarantine", "reject", "reject", "quarantine"),
        ("sp=reject; rua=mailto:a@example.com", "none", "none", "none"),
        ("p=reject; sp=no; rua=mailto:a@example.com", "none", "none", "none"),
        ("p=reject; np=no", None, None, None),
        ("p=reject; p=reject", None, None, None),
        ("rua=a@example.com", None, None, None),
    ],
)
def test_policy_by_tag(text: str, p: str | None, sp: str | None, np: str | None) -> None:
    """Absent np means sp, absent sp means p; unusable ones count as none, or for nothing."""
    read = record(f"v=DMARC1; {text}")
    assert read.policy_when_published("p") == p
    assert read.policy_when_published("sp") == sp
    assert read.policy_when_published("np") == np


@pytest.mark.parametrize(
    ("policy", "requested"),
    [("reject", "quarantine"), ("quarantine", "none"), ("none", "none")],
)
def test_testing_lowers_the_policy_by_one(policy: str, requested: str) -> None:
    """With t=y receivers are asked for the next weaker handling."""
    assert record(f"v=DMARC1; p={policy}; t=y").requested() == requested


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("mailto:a@example.com", None),
        ("MAILTO:a@example.com!10m", None),
        ("mailto:a%21b@example.com", None),
        ("mailto:a@example.com?subject=x", None),
        ("a@example.com", UriFault.NO_SCHEME),
        ("mailto:", UriFault.NO_SCHEME),
        ("mailto:a!b@example.com", UriFault.UNENCODED),
        ("mailto:a@example.com!10p", UriFault.UNENCODED),
        ("mailto: a@example.com", UriFault.BAD_CHARACTER),
        ("mailto:<a@example.com>", UriFault.BAD_CHARACTER),
        ("https://example.com/dmarc", UriFault.SCHEME),
        ("mailto://example.com", UriFault.NO_MAILBOX),
        ("mailto:a@exa_mple.com", UriFault.NO_MAILBOX),
    ],
)
def test_report_addresses(item: str, fault: UriFault | None) -> None:
    """An item takes reports if it is a mailto: URI with a mailbox; else it says why not."""
    (uri,) = record(f"v=DMARC1; p=none; rua={item}").rua
    assert uri.fault is fault
    assert (uri.domain is not None) is (fault is None)


def test_report_size_is_read_and_obsolete() -> None:
    """A size after an exclamation mark is set aside, with rf and ri, as obsolete."""
    read = record("v=DMARC1; p=none; ri=86400; rua=mailto:a@example.com!10M , mailto:b@example.net")
    assert [uri.mailbox for uri in read.rua] == ["a@example.com", "b@example.net"]
    assert read.old_parts == ("ri=86400", "!10M")


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("0", True),
        ("1:d:s", True),
        ("s:d:0", True),
        ("D", True),
        ("0:1", False),
        ("d:d", False),
        ("", False),
        ("1:x", False),
        ("1,d", False),
    ],
)
def test_failure_options(value: str, valid: bool) -> None:
    """0 and 1 exclude each other; d and s stand at most once."""
    assert record(f"v=DMARC1; p=none; fo={value}").fo_is_valid is valid


def test_ignored_parts_name_the_nearest_tag() -> None:
    """What receivers pass over is listed in order, a misspelt tag with the one it resembles."""
    read = record("v=DMARC1; p=none; adkin=s; rua; x=1; pct=50;; ")
    assert [(part.text, part.nearest) for part in read.ignored] == [
        ("adkin=s", "adkim"),
        ("rua", None),
        ("x=1", None),
    ]


def test_upper_case_tags_are_read_and_repeats_seen_across_case() -> None:
    """Receivers fold the case of tag names, so P and p are one tag."""
    assert record("v=DMARC1; P=reject").p is Policy.REJECT
    assert record("v=DMARC1; P=reject; p=none").repeated == ("p",)


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_read_without_error_and_prints_itself_back(text: str, prefix: bool) -> None:
    """No text raises, and a record is given back character for character."""
    whole = f"v=DMARC1;{text}" if prefix else text
    read = parse(whole)
    if read is not None:
        assert str(read) == whole
        assert isinstance(read.ignored, tuple)
        read.requested("np")

"""The public suffix list's answers, default rule and odd names included."""

from __future__ import annotations

import re

import pytest

from sendgate.dmarc.suffixes import (
    is_icann_suffix,
    is_public_suffix,
    list_date,
    public_suffix,
    registrable,
    registrable_text,
)
from sendgate.names import ROOT, Domain


@pytest.mark.parametrize(
    ("name", "suffix", "found"),
    [
        ("www.example.co.uk", "co.uk", "example.co.uk"),
        ("co.uk", "co.uk", None),
        ("_dmarc.example.com", "com", "example.com"),
        ("a.b.example.test", "test", "example.test"),
        ("test", "test", None),
        ("a.example.github.io", "github.io", "example.github.io"),
        (r"odd\@name.example.com", "com", "example.com"),
        (r"a\.b.ck", r"a\.b.ck", None),
    ],
)
def test_suffix_and_one_label_more(name: str, suffix: str, found: str | None) -> None:
    """Unlisted TLDs are suffixes; characters that mean something in a URL mean nothing here."""
    domain = Domain.parse(name)
    assert public_suffix(domain).text == suffix
    answer = registrable(domain)
    assert (None if answer is None else answer.text) == found


def test_registrys_and_company_suffixes_are_told_apart() -> None:
    """github.io is a suffix by the private part of the list only."""
    github = Domain.parse("github.io")
    assert is_public_suffix(github)
    assert not is_icann_suffix(github)
    assert is_icann_suffix(Domain.parse("co.uk"))
    assert not is_public_suffix(Domain.parse("example.co.uk"))


def test_root_has_no_registrable_part() -> None:
    """The root is no suffix and lies under none."""
    assert public_suffix(ROOT) == ROOT
    assert registrable(ROOT) is None
    assert not is_public_suffix(ROOT)


def test_list_names_its_date() -> None:
    """The report can say how old the list is."""
    assert re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", list_date())


@pytest.mark.parametrize("text", [None, "", ".com", "a..com"])
def test_text_that_is_no_name_has_no_registrable_part(text: str | None) -> None:
    """No name, a leading dot or an empty label: nothing to find."""
    assert registrable_text(text) is None

"""Macro strings: expansion by the examples of RFC 7208 section 7.4, and what is refused."""

from __future__ import annotations

import pytest

from sendgate.errors import DomainError
from sendgate.spf.macro import (
    DomainSpecError,
    MacroError,
    parse_domain_spec,
    parse_explanation,
    parse_macro_string,
    to_domain,
)

VALUES = {
    "s": "strong-bad@email.example.com",
    "l": "strong-bad",
    "o": "email.example.com",
    "d": "email.example.com",
    "i": "192.0.2.3",
    "p": "mx.example.org",
    "v": "in-addr",
    "h": "mx.example.org",
}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("a%%b%_c%-d", "a%b c%20d"),
        ("%{d99999999999}", "email.example.com"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    """Letters, digits, reversal, delimiters, upper case and escapes."""
    macro = parse_macro_string(text)
    assert macro.expand(VALUES) == expanded


def test_letters_are_told() -> None:
    """What a macro string needs values for is known before it is expanded."""
    assert parse_macro_string("%{D2}.x.%{ir}").letters == {"d", "i"}


@pytest.mark.parametrize(
    "text", ["%", "%a", "%{", "%{}", "%{dd}", "%{d-2}", "%{t}", "%{d0}", "a b"]
)
def test_broken_macros(text: str) -> None:
    """A percent sign begins a macro or an escape, and nothing else."""
    with pytest.raises(MacroError):
        parse_macro_string(text)


def test_explanations_allow_more() -> None:
    """Spaces and the letters c, r and t are for explanation texts only."""
    text = parse_explanation("%{c} at %{r}, %{t}")
    assert text.expand({"c": "192.0.2.3", "r": "mx", "t": "0"}) == "192.0.2.3 at mx, 0"


@pytest.mark.parametrize("text", ["", "museum", "museum.", "a.1", "%{d}x", "a.b-", "a..com"])
def test_no_domain(text: str) -> None:
    """A domain-spec ends in a macro or a top-level domain behind a dot, and can be asked for."""
    with pytest.raises(DomainSpecError):
        parse_domain_spec(text)


def test_names_are_cut_from_the_left() -> None:
    """A name over 253 characters loses labels until it fits; other bad names are refused."""
    label = "x" * 49
    assert to_domain(".".join([label] * 6)).text == ".".join([label] * 5)
    assert to_domain("Foo.Example.com.").text == "foo.example.com"
    assert to_domain("a b\\c.example.com").wire_labels[0] == b"a b\\c", "no escapes in SPF"
    for bad in ("", "a..b", "y" * 64 + ".example.com"):
        with pytest.raises(DomainError):
            to_domain(bad)

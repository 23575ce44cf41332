"""Domain names: two spellings of one name are one value; what is no name is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.errors import DomainError
from sendgate.names import ROOT, Domain, read_domain

LABEL = st.binary(min_size=1, max_size=63)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("*.example.com", "*.example.com"),
        (r"a\.b.example", r"a\.b.example"),
        (r"a\032b.example", r"a\032b.example"),
        (".", "."),
    ],
)
def test_spellings_of_one_name_are_one_value(text: str, name: str) -> None:
    """Case, final dot and script do not make another name."""
    assert str(Domain.parse(text)) == name


@pytest.mark.parametrize(
    "text", ["", "a..b", ".a", "a" * 64 + ".com", "a." * 127 + "com", r"a\999.b", "\\"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    """Empty and overlong labels, overlong names and broken escapes raise."""
    with pytest.raises(DomainError):
        Domain.parse(text)


@given(st.lists(LABEL, max_size=3).map(tuple))
def test_every_wire_name_prints_itself_back(labels: tuple[bytes, ...]) -> None:
    """Any octets that DNS can carry survive being printed and read again."""
    name = Domain.from_labels(labels)
    assert Domain.parse(str(name)) == name
    assert name.wire_labels == tuple(label.lower() for label in labels)


def test_a_name_of_255_octets_is_the_longest() -> None:
    """Three labels of 63 octets and one of 61 fill a name; one octet more is refused."""
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(Domain.parse(longest).wire_labels) == 4
    with pytest.raises(DomainError, match="255"):
        Domain.parse(longest + "b")


def test_below_means_at_a_label_boundary() -> None:
    """notexample.com is not below example.com."""
    example = Domain.parse("example.com")
    assert Domain.parse("a.example.com").is_under(example)
    assert example.is_under(example)
    assert not Domain.parse("notexample.com").is_under(example)
    assert example.is_under(ROOT)
    assert Domain.parse("a.b.example.com").ancestors == tuple(
        map(Domain.parse, ["b.example.com", "example.com", "com"])
    )


@pytest.mark.parametrize(
    ("text", "name", "remarked"),
    [
        ("https://News.Example.com/x?y", "news.example.com", True),
        ("news.example.com/path", "news.example.com", True),
        ("  news.example.com ", "news.example.com", False),
        ("bücher.example", "xn--bcher-kva.example", False),
    ],
)
def test_a_person_may_paste_a_url(text: str, name: str, remarked: bool) -> None:
    """A URL gives its host, and that is said."""
    domain, remark = read_domain(text)
    assert str(domain) == name
    assert (remark is not None) == remarked


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a@example.com", "example.com"),
        ("192.0.2.1", "IP address"),
        ("2001:db8::1", "IP address"),
        ("exa mple.com", "labels"),
        ("a..example.com", "empty label"),
        ("", "empty"),
        ("https://", "no host"),
        ("-a.example", "labels"),
        ("\x1b[31m.example", "labels"),
    ],
)
def test_other_texts_are_refused_with_a_hint(text: str, told: str) -> None:
    """The error says what is wrong; no control character of the text gets through."""
    with pytest.raises(DomainError) as error:
        read_domain(text)
    assert told.split()[0] in str(error.value)
    assert str(error.value).isprintable()

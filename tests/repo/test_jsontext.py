"""JSON with lines: what it holds, where it stands, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import result_or

from sendgate.errors import SourceError
from sendgate.repo.readers.jsontext import (
    Arr,
    Obj,
    line_of,
    lines_of,
    number_of,
    objects,
    read_json,
    text_of,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_reads_what_the_standard_library_writes(
    value: object, indent: int | None, plain: bool
) -> None:
    """Every value comes back, pretty or not, escaped or not."""
    octets = json.dumps(value, indent=indent, ensure_ascii=not plain).encode()
    assert read_json(octets, "x.json") == value


def test_every_value_knows_its_line() -> None:
    """Members by key, items by number, containers by their bracket."""
    text = b'\n{\n "a": [\n  1,\n  {"b":\n "c"}\n ],\n "d": null\n}\n'
    whole = read_json(text, "x.json")
    assert isinstance(whole, Obj)
    assert whole.line == 2
    assert whole.lines == {"a": 3, "d": 8}
    items = whole["a"]
    assert isinstance(items, Arr)
    assert items.lines == [4, 5]
    inner = next(objects(items))
    assert inner.lines == {"b": 6}
    assert lines_of(inner) == (5, 6)
    assert lines_of(whole) == (2, 8)
    assert line_of(whole, "z", "d") == 8
    assert line_of(whole, "z") == 2


def test_the_last_of_two_equal_keys_counts() -> None:
    """As it does for the tools whose files these are."""
    whole = read_json(b'{"a": 1,\n"a": 2}', "x.json")
    assert isinstance(whole, Obj)
    assert whole == {"a": 2}
    assert whole.line_at("a") == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"", 1),
        (b'{"a": 1,\n', 2),
        (b'{"a": "half', 1),
        (b'{"a":\n\n  "b"', 3),
        (b"[1, 2", 1),
        (b"[1 2]", 1),
        (b"[1,]", 1),
        (b'{"a" 1}', 1),
        (b"{1: 2}", 1),
        (b'{"a": 1 "b": 2}', 1),
        (b'{"a": }', 1),
        (b"[]\n[]", 2),
        (b"[NaN]", 1),
        (b"[-Infinity]", 1),
        (b"[01]", 1),
        (b"[1.]", 1),
        (b"[truely]", 1),
        (b'["\\q"]', 1),
        (b'["\x01"]', 1),
        (b"\n[\xff]", 2),
        (b"\x00\x01\x02", 1),
        (b"[" * 100_000, 1),
        (b'{"a":' * 100_000, 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: bytes, line: int) -> None:
    """A file that ends half-way, NaN, control characters, nesting without end."""
    with pytest.raises(SourceError) as caught:
        read_json(text, "x.json")
    assert caught.value.where == "x.json"
    assert caught.value.line == line


@given(st.binary())
def test_no_octets_do_more_than_be_refused(octets: bytes) -> None:
    """Whatever a file holds, it is read or it is a `SourceError`."""
    read = result_or(SourceError, lambda: read_json(octets, "x.json"))
    if isinstance(read, SourceError):
        assert read.where == "x.json"
        assert 1 <= (read.line or 1) <= octets.count(b"\n") + 1
    else:
        assert read == json.loads(octets)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """UTF-8 with a mark, and the UTF-16 that PowerShell's redirection writes."""
    assert read_json(b"\xef\xbb\xbf[1]", "x.json") == [1]
    assert read_json("[1]".encode("utf-16"), "x.json") == [1]


def test_half_a_surrogate_pair_is_replaced() -> None:
    """It is no character, and could not be written out again."""
    assert read_json(b'["\\ud800"]', "x.json") == ["\ufffd"]


def test_huge_numbers_are_no_whole_numbers() -> None:
    """They are read, and asked for as a count they are not there."""
    whole = read_json(b'{"a": 1e999, "b": ' + b"9" * 10_000 + b', "c": 10.0, "d": "7"}', "x")
    assert isinstance(whole, Obj)
    assert whole["a"] == math.inf
    assert [number_of(whole, key) for key in "abcde"] == [None, None, 10, 7, None]
    assert text_of(whole, "a", "d") == "7"
    assert text_of(None, "a") is None


@pytest.mark.parametrize("text", [" ", "[ ", '{"a":', '{"a": [],', '"\\"', "1e", "-", '["', "[,"])
def test_a_text_full_of_open_ends_takes_one_pass(text: str) -> None:
    """Were each of them looked for up to the end, this would not end today."""
    with pytest.raises(SourceError):
        read_json(b"[" + text.encode() * (300_000 // len(text)), "x.json")

"""Logos, judged by the profile SVG Tiny PS."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.bimi.svg import MAX_OCTETS, Fault, Kind, Logo, digest_of, read_logo

ROOT = '<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps"'
HEAD = f'{ROOT} viewBox="0 0 64 64">\n<title>Example</title>\n'
GOOD = HEAD + '<rect width="64" height="64" fill="#07c"/>\n</svg>\n'


def read(text: str) -> Logo:
    return read_logo(text.encode())


def said(text: str, kind: Kind) -> list[tuple[str, int | None]]:
    return [(fault.text, fault.line) for fault in read(text).faults if fault.kind is kind]


def errors(logo: Logo) -> list[Fault]:
    """The faults that break the profile: not advice on size and shape, nor an empty title."""
    advice = {Kind.SIZE, Kind.SHAPE}
    return [fault for fault in logo.faults if fault.kind not in advice and not fault.minor]


def test_all_logo_cases(suites: Path) -> None:
    """35 logos, of which 4 hold to the profile."""
    cases = json.loads((suites / "bimi" / "svg_cases.json").read_text("utf-8"))
    wrong = [
        (case["name"], case["why"])
        for case in cases
        if (not errors(read(case["svg"]))) is not case["valid"]
    ]
    assert wrong == []
    assert len(cases) == 35
    assert sum(case["valid"] for case in cases) == 4


def test_a_good_logo_has_no_fault() -> None:
    """Its size and digest are those of the file, packed or not, whatever the line ends."""
    plain = read(GOOD)
    assert plain == Logo(len(GOOD), False, digest_of(GOOD.encode()), ())
    packed = read_logo(gzip.compress(GOOD.encode()))
    assert packed == Logo(len(GOOD), True, plain.digest, ())
    assert read(GOOD.replace("\n", "\r\n")).digest == plain.digest
    assert read(GOOD.replace("07c", "08c")).digest != plain.digest


@pytest.mark.parametrize(
    ("text", "kind", "words", "line"),
    [
        (GOOD.replace("1.2", "1.1"), Kind.FILE, 'has version="1.1" on the root', 1),
        (GOOD.replace('"tiny-ps"', '"tiny"'), Kind.FILE, 'has baseProfile="tiny"', 1),
        (GOOD.replace("<svg ", '<svg zoomAndPan="magnify" '), Kind.FILE, "zoomAndPan", 1),
        (GOOD.replace("2000/svg", "1999/svg"), Kind.FILE, "namespace", 1),
        (GOOD.replace("</svg>", "</g>"), Kind.FILE, "mismatched tag", 4),
        (GOOD.replace("<title>Example</title>\n", ""), Kind.TITLE, "no title", 1),
        (GOOD.replace("<title>", "<desc/>\n<title>"), Kind.TITLE, 'the first is "desc"', 1),
        (GOOD.replace("Example", " "), Kind.TITLE, "empty title", 2),
        (GOOD.replace("rect", "image"), Kind.ELEMENT, 'the element "image"', 3),
        (GOOD.replace("<rect", "<svg/><rect"), Kind.ELEMENT, 'the element "svg"', 3),
        (GOOD.replace("<rect", "<style/><rect"), Kind.ELEMENT, 'the element "style"', 3),
        (GOOD.replace("<rect", '<x xmlns="x:y"/><rect'), Kind.ELEMENT, 'the element "x"', 3),
        (GOOD.replace("rect ", 'rect style="" '), Kind.REFERENCE, "style attribute", 3),
        (GOOD.replace("rect ", 'rect onload="a()" '), Kind.REFERENCE, '"onload"', 3),
        (GOOD.replace("<rect", '<use href="a.svg#b"/><rect'), Kind.REFERENCE, "a.svg#b", 3),
        (GOOD.replace("rect ", 'rect opacity="1" '), Kind.ATTRIBUTE, '"opacity"', 3),
        (GOOD.replace("<svg ", '<svg data-name="a" '), Kind.ATTRIBUTE, '"data-name"', 1),
        (GOOD.replace("rect ", 'rect FILL="#07c" '), Kind.ATTRIBUTE, '"FILL"', 3),
        (
            GOOD.replace("<rect", "<g data-name='a'/>" * 500 + "<rect"),
            Kind.ATTRIBUTE,
            '"data-name"',
            3,
        ),
        (GOOD.replace("#07c", "url(//a/b#c)"), Kind.REFERENCE, "url(//a/b#c)", 3),
        ("<!DOCTYPE svg SYSTEM 'a'>\n" + GOOD, Kind.REFERENCE, "a DOCTYPE", 1),
        ("<?xml-stylesheet href='a'?>\n" + GOOD, Kind.REFERENCE, "style sheet", 1),
        (GOOD.replace("<svg ", '<svg x="0" '), Kind.POSITION, 'x="0" on the root', 1),
        (GOOD.replace(' viewBox="0 0 64 64"', ""), Kind.SHAPE, "no viewBox", 1),
        (GOOD.replace("0 0 64 64", "0 0 64 65"), Kind.SHAPE, "not square", 1),
        (GOOD.replace("0 0 64 64", "0,0,64,64"), Kind.SHAPE, "commas", 1),
        (GOOD.replace("0 0 64 64", "0 0 64 64px"), Kind.SHAPE, "not four numbers", 1),
        (GOOD.replace("</svg>", f"<!--{'a' * 33000}--></svg>"), Kind.SIZE, "32768", None),
    ],
)
def test_each_fault_is_one_and_has_its_line(
    text: str, kind: Kind, words: str, line: int | None
) -> None:
    """A fault is told once, in words that name it, at the line where it stands."""
    faults = read(text).faults
    assert [fault.kind for fault in faults] == [kind], faults
    assert words in faults[0].text
    assert faults[0].line == line


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("rect ", 'rect fill-opacity="0.5" stroke="url(#a)" '),
        GOOD.replace("<rect", '<use href="#a"/><rect'),
        GOOD.replace("<svg ", '<svg xmlns:x="http://www.w3.org/1999/xlink" ').replace(
            "<rect", '<use x:href="#a"/><rect'
        ),
        GOOD.replace("<rect", '<metadata><r:R xmlns:r="r:" r:about="" href="x"/></metadata><rect'),
        GOOD.replace("<svg", "<s:svg xmlns:s='http://www.w3.org/2000/svg'").replace(
            "</svg", "</s:svg"
        ),
        GOOD.replace("0 0 64 64", "-1.5 0 6.4e1 64.0"),
        GOOD.replace("<rect ", '<rect xmlns:i="urn:editor" i:label="a" xml:space="preserve" '),
        GOOD.replace("<rect", '<font><glyph unicode="a" d="M0 0"/></font><rect'),
        "\ufeff" + GOOD,
    ],
)
def test_what_the_profile_allows_is_no_fault(text: str) -> None:
    """Local references, foreign metadata, prefixes, a byte order mark."""
    assert read(text).faults == ()


def test_attributes_outside_of_the_profile_break_no_logo() -> None:
    """Receivers differ on them, so however many there are, they are minor."""
    names = " ".join(f'a{n}="1"' for n in range(2000))
    faults = read(GOOD.replace("rect ", f"rect {names} ")).faults
    assert len(faults) == 11
    assert all(fault.minor and fault.kind is Kind.ATTRIBUTE for fault in faults)


BOMB = (
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>\n"
    + GOOD.replace("Example", "&j;")
)
OUTSIDE = '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + GOOD.replace("E", "&a;")


@pytest.mark.parametrize("text", [BOMB, OUTSIDE], ids=["a billion laughs", "a file"])
def test_no_entity_is_expanded(text: str) -> None:
    """A DOCTYPE with declarations is told, and nothing behind it is read."""
    tracemalloc.start()
    faults = read(text).faults
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [fault.text for fault in faults] == ["has a DOCTYPE with declarations of its own"]
    assert peak < 1_000_000


def test_a_hundred_thousand_nodes_take_bounded_time_and_memory() -> None:
    """They are read, faults are counted, and the report stays short."""
    text = HEAD + "<g><image/></g>" * 100_000 + "</svg>"
    tracemalloc.start()
    begin = process_time()
    faults = read(text).faults
    took = process_time() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    told = [fault.text for fault in faults if fault.kind is Kind.ELEMENT]
    assert told == ['has the element "image"'] * 10 + ["has 99990 more faults of this kind"]
    assert took < 20
    assert peak < 30_000_000


def test_more_elements_than_any_logo_has_are_not_read() -> None:
    """Nor is nesting of any depth a danger."""
    depth = 300_000
    assert said(HEAD + "<g>" * depth, Kind.FILE) == [
        ("has more than 250000 elements and was not read on", 3)
    ]


def test_a_packed_bomb_is_not_unpacked() -> None:
    """10 MB of zeros in 10 kB: unpacked no further than the limit, and told."""
    logo = read_logo(gzip.compress(b" " * 10_000_000))
    assert [fault.text for fault in logo.faults] == [
        f"has more than {MAX_OCTETS} octets unpacked and was not read"
    ]
    assert read_logo(b"\x1f\x8b broken").faults[0].kind is Kind.FILE
    assert "ends too early" in read_logo(gzip.compress(GOOD.encode())[:-9]).faults[0].text
    assert "was not read" in read_logo(b" " * (MAX_OCTETS + 1)).faults[0].text


@given(
    st.binary() | st.text().map(lambda text: (HEAD + text + "</svg>").encode("utf-8", "replace"))
)
def test_no_file_breaks_the_reader(octets: bytes) -> None:
    """A logo can be anything; the reading ends with a logo and its faults."""
    assert read_logo(octets).size >= 0

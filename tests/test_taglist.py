"""Tag lists keep what they read and name what is outside the grammar."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sendgate.taglist import TagFault, parse_tags, without_space


def faults(text: str) -> list[TagFault]:
    return [problem.fault for problem in parse_tags(text).problems]


def test_tags_keep_their_order_and_spelling() -> None:
    read = parse_tags("v=DKIM1; K = RSA ;\tp = AB CD; p2=x=y")
    assert [(t.name, t.value) for t in read.tags] == [
        ("v", "DKIM1"),
        ("K", "RSA"),
        ("p", "AB CD"),
        ("p2", "x=y"),
    ]
    assert read.get("k") is None
    assert read.get("K") == "RSA"
    assert "p" in read
    assert "P" not in read
    assert read.problems == ()


def test_a_final_semicolon_and_space_after_it_are_no_problem() -> None:
    assert faults("v=DKIM1; p=;") == []
    assert faults("v=DKIM1; p=; \t") == []


def test_an_empty_part_inside_is_a_problem() -> None:
    assert faults("v=DMARC1;; p=none") == [TagFault.EMPTY]
    assert faults("v=DMARC1;;") == [TagFault.EMPTY]
    assert faults("; v=DMARC1") == [TagFault.EMPTY]


def test_an_empty_text_has_no_tag_and_no_problem() -> None:
    assert parse_tags("").tags == ()
    assert parse_tags("").first is None
    assert faults("") == []


def test_parts_that_are_no_tags_are_kept_and_named() -> None:
    assert faults("v=DMARC1; none") == [TagFault.NO_EQUALS]
    assert faults('v=DKIM1; ""p=AB') == [TagFault.BAD_NAME]
    assert faults("=x") == [TagFault.BAD_NAME]
    assert str(parse_tags("none").problems[0]) == "a part without an equals sign: none"


def test_a_repeated_tag_is_named_once_and_both_values_are_kept() -> None:
    read = parse_tags("p=a; p=b; p=c")
    assert read.repeated == ("p",)
    assert read.all("p") == ("a", "b", "c")
    assert read.get("p") == "a"
    assert [problem.fault for problem in read.problems] == [TagFault.REPEATED]


def test_tags_that_differ_in_case_are_different_tags() -> None:
    assert parse_tags("v=1; V=2").repeated == ()


def test_a_value_may_hold_any_visible_ascii_and_inner_space() -> None:
    assert faults("n=a~b !c\r\n d") == []
    assert faults("n=caf\u00e9") == [TagFault.BAD_VALUE]
    assert faults("n=a\x00b") == [TagFault.BAD_VALUE]


def test_the_first_part_counts_as_first_tag_only_when_it_is_a_tag() -> None:
    first = parse_tags(" v=BIMI1; l=").first
    assert first is not None
    assert (first.name, first.value) == ("v", "BIMI1")
    assert parse_tags("x; v=BIMI1").first is None


def test_white_space_is_taken_out_of_base64() -> None:
    assert without_space(" A B\tC\r\n D ") == "ABCD"


@given(st.text(alphabet=st.sampled_from('vp=; \t\r\n"\\a1_é')))
def test_every_text_prints_itself_back(text: str) -> None:
    assert str(parse_tags(text)) == text

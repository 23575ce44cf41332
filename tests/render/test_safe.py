"""safe: nothing that DNS can hold is more than text on a page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sendgate.render.page import Page
from sendgate.render.safe import safe, shorten


def test_controls_and_escapes_are_shown() -> None:
    """Terminal escapes, line breaks, NUL and DEL become visible."""
    assert safe("a\x1b[31mb\r\nc\x00\x7f\t") == r"a\x1b[31mb\x0d\x0ac\x00\x7f\x09"


def test_octets_above_ascii_are_shown_as_octets() -> None:
    """TXT data is octets: none is guessed to be a letter."""
    assert safe("\xe4\x9b") == r"\xe4\x9b"


def test_a_users_own_letters_stay() -> None:
    """File names and reasons keep their letters, but no override of direction."""
    assert safe("März \u202egnp.exe", letters=True) == r"März \u{202e}gnp.exe"
    assert safe("\u202e") == r"\u{202e}"


def test_runner_commands_are_disarmed() -> None:
    """A CI runner must not obey what a TXT record says; an IPv6 address stays readable."""
    assert safe("::error file=x::boo") == r"\x3a\x3aerror file=x::boo"
    assert safe("x ::set-output name=a::b") == r"x \x3a\x3aset-output name=a::b"
    assert safe("##[error]x ##vso[task]") == r"\x23\x23[error]x \x23\x23vso[task]"
    assert safe("::1 ::ffff:192.0.2.1 ip6:::1") == "::1 ::ffff:192.0.2.1 ip6:::1"


@given(st.text(), st.booleans())
def test_what_is_safe_is_one_printable_line(text: str, letters: bool) -> None:
    """Whatever goes in, one line of printable characters comes out."""
    shown = safe(text, letters=letters)
    assert shown.isprintable()
    assert letters or shown.isascii()
    assert len(shown.splitlines()) <= 1


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays(text: str) -> None:
    """Printable ASCII is left alone, but for what a CI runner would obey."""
    if "::" not in text and "##" not in text:
        assert safe(text) == text


def test_long_values_lose_their_middle_and_say_so() -> None:
    """Both ends of a long value are kept, with its whole length."""
    text = "v=DKIM1; p=" + "A" * 500 + "Z"
    cut = shorten(text, 72, 512)
    assert len(cut) == 72
    assert cut.startswith("v=DKIM1; p=A")
    assert cut.endswith("AZ")
    assert "[...512 octets...]" in cut
    assert shorten("short", 72, 5) == "short"


def test_a_page_wraps_at_words_and_keeps_long_names_whole() -> None:
    """Texts wrap below themselves; a name is never broken."""
    page = Page(width=40)
    page.entry("fix", "word " * 20)
    page.entry("at", "n" * 60)
    lines = page.text().splitlines()
    assert all(len(line) <= 40 for line in lines[:-1])
    assert lines[1].startswith("       word")
    assert lines[-1].endswith("n" * 60)


def test_colour_changes_no_word() -> None:
    """A painted page without its colours is the plain page, markup and all."""
    import re

    page = Page()
    page.line(("[bold]x[/bold] :smile: ", "error"), "http://a.example 192.0.2.1 'q'")
    page.blank()
    page.entry("fix", "x" * 200, style="note")
    painted = page.text(colour=True)
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == page.text()

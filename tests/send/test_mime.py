"""MIME: every text comes back as it was, in lines that no mail system changes."""

from __future__ import annotations

import email
import email.policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.errors import RenderError
from sendgate.send.address import Address, Mailbox
from sendgate.send.mime import encode_part, field, mailbox_field, multipart, text_field

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400)
WORDS = st.lists(
    st.text(st.sampled_from("abc=?_ é用\t\"\\"), max_size=30), max_size=12
).map(" ".join)  # fmt: skip
ADDRESS = Address.parse("hello@news.example.com")


def parsed(text: str | bytes) -> EmailMessage:
    raw = text.encode() if isinstance(text, str) else text
    return email.message_from_bytes(raw, policy=email.policy.default)


def well_formed(text: str | bytes, longest: int = 78) -> None:
    """ASCII lines within the bound, each ended by CRLF, no other CR or LF, no empty line in it."""
    raw = text.encode() if isinstance(text, str) else text
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    lines = raw[:-2].split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert max(map(len, lines)) <= longest


@given(TEXT | WORDS)
def test_a_text_field_comes_back_as_it_was(value: str) -> None:
    """Or is refused; whatever it holds, it is one field."""
    try:
        written = text_field("Subject", value)
    except RenderError:
        assert any(ord(c) < 32 or ord(c) == 127 for c in value)
        return
    well_formed(written)
    assert all(line.startswith((" ", "Subject: ")) for line in written.splitlines())
    message = parsed(written + "\r\n")
    assert message.keys() == ["Subject"]
    assert _decoded(written) == value.strip()


def _decoded(written: str) -> str:
    """Read a field as RFC 5322 and RFC 2047 say, without the leniency of a parser."""
    from email.header import decode_header

    unfolded = written.removeprefix("Subject: ").replace("\r\n", "")
    return "".join(
        raw if isinstance(raw, str) else raw.decode(charset or "ascii")
        for raw, charset in decode_header(unfolded)
    )


@pytest.mark.parametrize(
    "bad", ["\r\nBcc: x@example.com", "\n", "\r", "\0", "\x0b", "\x1b[2J", "\x7f"]
)
def test_what_could_make_a_field_is_refused(bad: str) -> None:
    """At the start, in the middle and at the end of the text."""
    for value in (bad + "a", f"a{bad}b", "a" + bad):
        with pytest.raises(RenderError, match=r"U\+00"):
            text_field("Subject", value)
    with pytest.raises(RenderError, match="D800"):
        text_field("Subject", "\ud800")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Hello Joe", "Subject: Hello Joe\r\n"),
        ("Grüße", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"),
        ("用户你好", "Subject: =?utf-8?b?55So5oi35L2g5aW9?=\r\n"),
        ("=?utf-8?q?x?=", "Subject: =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=\r\n"),
        ("word " * 16, f"Subject: {'word ' * 13}\r\n word word word\r\n".replace(" \r\n", "\r\n")),
    ],
)
def test_a_text_field_is_written_plainly_where_it_can_be(value: str, written: str) -> None:
    """Encoded only where it must be: Latin script stays readable, others do not grow."""
    assert text_field("Subject", value) == written


@given(TEXT.filter(lambda t: not any(ord(c) < 32 or ord(c) == 127 for c in t)))
def test_a_mailbox_field_keeps_name_and_address(name: str) -> None:
    """Whatever the name is, it is a name, and there is one address."""
    written = mailbox_field("From", Mailbox(ADDRESS, name))
    well_formed(written, 998)
    header = cast("AddressHeader", parsed(written + "\r\n")["From"])
    assert [a.addr_spec for a in header.addresses] == [str(ADDRESS)]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("", "From: hello@news.example.com\r\n"),
        ("Example News", "From: Example News <hello@news.example.com>\r\n"),
        ('News, "daily"', 'From: "News, \\"daily\\"" <hello@news.example.com>\r\n'),
        ("Bücher", "From: =?utf-8?q?B=C3=BCcher?= <hello@news.example.com>\r\n"),
        ("N" * 60, f"From: {'N' * 60}\r\n <hello@news.example.com>\r\n"),
    ],
)
def test_a_mailbox_is_written_plainly_where_it_can_be(name: str, written: str) -> None:
    """Atoms, a quoted string, encoded words; folded before the address."""
    assert mailbox_field("From", Mailbox(ADDRESS, name)) == written


def test_a_long_field_folds_after_its_name() -> None:
    """As an address of an unsubscribe endpoint may be long."""
    assert field("List-Unsubscribe", f"<https://{'a' * 80}>") == (
        f"List-Unsubscribe:\r\n <https://{'a' * 80}>\r\n"
    )


@given(TEXT | st.text(st.sampled_from("abc. =\t\r\n-_é用"), max_size=400))
def test_a_part_comes_back_as_it_was(text: str) -> None:
    """In any encoding, with its line breaks as CRLF and one at its end."""
    part = encode_part(text, "plain")
    well_formed(part.fields + "\r\n")
    well_formed(part.body)
    assert b"=_" not in part.body
    message = parsed(part.fields.encode() + b"\r\n" + part.body)
    octets = cast("bytes", message.get_payload(decode=True))
    charset = message.get_content_charset() or ""
    normal = text.replace("\r\n", "\n").replace("\r", "\n")
    wanted = normal if normal.endswith("\n") else normal + "\n"
    assert octets.decode(charset).replace("\r\n", "\n") == wanted


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello\nJoe\n", "7bit"),
        ("x" * 76, "7bit"),
        ("x" * 77, "quoted-printable"),
        ("blank at the end \n", "quoted-printable"),
        ("a boundary? =_x", "quoted-printable"),
        ("Grüße aus Köln", "quoted-printable"),
        ("用户你好" * 20, "base64"),
    ],
)
def test_a_part_is_encoded_no_more_than_it_must(text: str, encoding: str) -> None:
    """7bit where nothing needs more; base64 where quoting would more than double it."""
    assert f"Content-Transfer-Encoding: {encoding}\r\n" in encode_part(text, "plain").fields


def test_no_message_holds_nul() -> None:
    """Nor half a character."""
    with pytest.raises(RenderError, match="NUL"):
        encode_part("a\0b", "plain")
    with pytest.raises(RenderError, match="surrogate"):
        encode_part("a\ud800b", "plain")


@given(TEXT, TEXT)
def test_alternatives_are_two_parts_whatever_they_hold(plain: str, html: str) -> None:
    """The boundary occurs in neither, so the structure is ours."""
    boundary = "=_boundary"
    whole = multipart(
        (encode_part(f"{plain}\n--{boundary}--\n", "plain"), encode_part(html, "html")), boundary
    )
    message = parsed(f"MIME-Version: 1.0\r\n{whole.fields}\r\n".encode() + whole.body)
    assert message.get_content_type() == "multipart/alternative"
    parts = [cast("EmailMessage", p) for p in message.iter_parts()]
    assert [p.get_content_type() for p in parts] == ["text/plain", "text/html"]
    assert not message.defects
    assert not any(p.defects for p in parts)

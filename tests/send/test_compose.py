"""Compose: a message is the same at every attempt, and no data changes its structure."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
from campaigns import CAMPAIGN, campaign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendgate.errors import InputError, RenderError
from sendgate.names import Domain
from sendgate.send.address import Address, Mailbox
from sendgate.send.campaign import Campaign, Kind
from sendgate.send.compose import Composed, Composer
from sendgate.send.tokens import Ticket, Tokens

TOKENS = Tokens(b"a key that is long enough")
DATE = datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)
JOE = Address.parse("joe@example.net")
FIELDS = ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Unsubscribe",
          "List-Unsubscribe-Post", "MIME-Version", "Content-Type"]  # fmt: skip


def compose(
    made: Campaign, fields: dict[str, object], address: Address = JOE, number: int = 70
) -> Composed:
    return Composer(made, TOKENS, 3).compose(number, address, fields, DATE)


def parsed(composed: Composed) -> EmailMessage:
    return email.message_from_bytes(composed.data, policy=email.policy.default)


def bodies(message: EmailMessage) -> list[str]:
    parts = [cast("EmailMessage", part).get_content() for part in message.iter_parts()]
    return [part.replace("\r\n", "\n") for part in parts]


def test_a_marketing_message_has_all_it_needs(tmp_path: Path) -> None:
    """Its fields once each, a one-click link of its own, both parts, a signed return path."""
    composed = compose(campaign(tmp_path), {"first_name": "Joé"})
    message = parsed(composed)
    assert message.keys() == FIELDS
    assert message["From"] == "Example News <hello@news.example.com>"
    assert message["To"] == "joe@example.net"
    assert message["Reply-To"] == "support@example.com"
    assert message["Subject"] == "Hello Joé"
    assert message["Date"].datetime == DATE
    link = f"https://www.example.com/u/{TOKENS.unsubscribe(Ticket(3, 70))}"
    assert message["List-Unsubscribe"].strip() == f"<{link}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, html = bodies(message)
    assert plain == f"Hello Joé\n\nStop: {link}"
    assert html == f'<p>Hello Joé</p>\n<p><a href="{link}">Stop</a></p>'
    assert TOKENS.read_return_path(composed.return_path) == Ticket(3, 70)
    assert composed.return_path.endswith("@12345m.example.com")
    assert composed.message_id == message["Message-ID"]
    assert composed.message_id.endswith("@news.example.com>")
    assert (composed.smtputf8, composed.eight_bit) == (False, False)


def test_a_message_is_the_same_at_every_attempt(tmp_path: Path) -> None:
    """To the byte, by another composer too; another recipient's is another."""
    made = campaign(tmp_path)
    first = compose(made, {"first_name": "Joe"})
    assert compose(made, {"first_name": "Joe"}) == first
    other = compose(made, {"first_name": "Joe"}, number=71)
    assert other.message_id != first.message_id
    assert other.return_path != first.return_path


def test_other_mail_has_no_list_fields(tmp_path: Path) -> None:
    """Transactional mail may link to the endpoint, and says nothing in its head."""
    made = replace(campaign(tmp_path), kind=Kind.TRANSACTIONAL)
    message = parsed(compose(made, {"first_name": "Joe"}))
    assert "List-Unsubscribe" not in message
    assert "https://www.example.com/u/" in bodies(message)[0]


def test_a_post_is_offered_at_an_https_address_alone(tmp_path: Path) -> None:
    """A link by mail or in the clear takes no one-click POST (RFC 8058)."""
    made = replace(campaign(tmp_path), unsubscribe_url="mailto:stop+{token}@example.com")
    message = parsed(compose(made, {"first_name": "Joe"}))
    assert message["List-Unsubscribe"].strip().startswith("<mailto:stop+")
    assert "List-Unsubscribe-Post" not in message


def test_a_single_part_stands_alone(tmp_path: Path) -> None:
    """No multipart around one alternative."""
    made = campaign(tmp_path, CAMPAIGN.replace('html = "news.html.j2"', ""))
    message = parsed(compose(made, {"first_name": "Joe"}))
    assert message.get_content_type() == "text/plain"
    assert message.get_content().startswith("Hello Joe\r\n")


def test_styles_are_inlined_and_nothing_is_fetched(tmp_path: Path) -> None:
    """Rules become attributes, media queries stay, linked sheets are left alone."""
    (tmp_path / "local.css").write_text("p { color: green }")
    html = (
        f'<html><head><link rel="stylesheet" href="{tmp_path}/local.css">'
        "<style>p { color: red } @media (max-width: 9px) { p { color: blue } }</style></head>"
        "<body><p>{{ first_name }}</p></body></html>"
    )
    made = campaign(tmp_path, html=html)
    part = bodies(parsed(compose(made, {"first_name": "<i>"})))[1]
    assert '<p style="color: red;">&lt;i&gt;</p>' in part
    assert "@media" in part
    assert "green" not in part


def test_templates_are_checked_against_the_columns(tmp_path: Path) -> None:
    """What sendgate gives itself needs no column; without an endpoint there is no link."""
    composer = Composer(campaign(tmp_path, html="{{ email }}{{ city }}"), TOKENS, 3)
    assert composer.needs == {"first_name", "city"}
    composer.check(["first_name", "city"])
    with pytest.raises(InputError, match=r"news\.html\.j2:1: no column gives 'city'"):
        composer.check(["email", "first_name"])
    without = replace(campaign(tmp_path), unsubscribe_url=None)
    with pytest.raises(InputError, match=r"news\.txt\.j2:3: no column gives 'unsubscribe_url'"):
        Composer(without, TOKENS, 3).check(["first_name", "email"])


def test_the_link_is_ours_whatever_the_list_says(tmp_path: Path) -> None:
    """A column cannot pass for the address or the unsubscribe link."""
    made = campaign(tmp_path, text="{{ unsubscribe_url }} {{ email }}")
    data: dict[str, object]
    data = {"first_name": "Joe", "unsubscribe_url": "https://evil.example", "email": "x@y.example"}
    assert "evil" not in str(bodies(parsed(compose(made, data))))
    assert "joe@example.net" in bodies(parsed(compose(made, data)))[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"first_name": "x\r\nBcc: eve@example.com"}, "Subject holds a control character"),
        ({"first_name": "x\n\nbody"}, "Subject holds a control character"),
        ({"first_name": "\0"}, "NUL character"),
        ({}, "message.subject:1: 'first_name' is undefined"),
    ],
)
def test_a_row_that_cannot_be_made_is_refused(
    tmp_path: Path, data: dict[str, object], said: str
) -> None:
    """With its reason; the campaign's other messages are not touched."""
    with pytest.raises(RenderError, match=said):
        compose(campaign(tmp_path), data)


def test_an_empty_subject_is_refused(tmp_path: Path) -> None:
    """Where a cell that makes it is empty."""
    made = campaign(tmp_path, CAMPAIGN.replace("Hello {{ first_name }}", "{{ first_name }}"))
    with pytest.raises(RenderError, match="subject is empty"):
        compose(made, {"first_name": " "})


def test_an_address_beyond_ascii_asks_for_smtputf8(tmp_path: Path) -> None:
    """It stands in To as it is; an IDN domain alone stands as A-labels and asks for nothing."""
    composed = compose(campaign(tmp_path), {"first_name": "x"}, Address.parse("josé@example.net"))
    assert (composed.smtputf8, composed.eight_bit) == (True, True)
    assert "To: <josé@example.net>\r\n".encode() in composed.data
    idn = compose(campaign(tmp_path), {"first_name": "x"}, Address.parse("joe@bücher.example"))
    assert (idn.smtputf8, idn.eight_bit) == (False, False)


def test_the_date_is_the_callers(tmp_path: Path) -> None:
    """In whatever zone it is given."""
    date = DATE.astimezone(timezone(timedelta(hours=2)))
    composed = Composer(campaign(tmp_path), TOKENS, 3).compose(1, JOE, {"first_name": "x"}, date)
    assert b"Date: Mon, 23 Nov 2026 12:00:05 +0200\r\n" in composed.data


def test_the_longest_names_still_make_lines_that_may_be_sent(tmp_path: Path) -> None:
    """An address, a return path and a subject at their bounds; 998 octets a line at most."""
    domain = Domain(".".join(["a" * 63] * 3))
    made = campaign(tmp_path)
    author = Mailbox(Address("x" * 61, domain), "N" * 300 + "é")
    made = replace(made, sending=domain, message=replace(made.message, author=author))
    composed = compose(made, {"first_name": "word " * 2000}, Address("y" * 61, domain))
    assert max(map(len, composed.data.split(b"\r\n"))) <= 998
    assert parsed(composed)["Subject"] == "Hello " + ("word " * 2000).strip()
    assert parsed(composed)["To"].addresses[0].domain == domain.text


ANYTHING = st.text(max_size=60) | st.sampled_from([
    "\r\n.\r\n", "\r\nSubject: x\r\n\r\n", "--=_", "</p></body>", "<style>p{}</style>",
    "=?utf-8?q?=0D=0ABcc:_x?=", "\u2028", "\x85", "{{ 1 }}", "=_" * 30, ".",
])  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANYTHING, ANYTHING)
def test_no_data_breaks_a_message(tmp_path: Path, name: str, city: str) -> None:
    """Fields stay the same ones, parts stay two, lines stay lines: or the row is refused."""
    made = campaign(
        tmp_path, html="<style>p{color:red}</style><p>{{ city }}</p>", text="{{ city }}"
    )
    try:
        composed = compose(made, {"first_name": name, "city": city})
    except RenderError:
        bad = [c for c in name + city if ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000]
        assert bad, "only what no message may hold is refused"
        return
    message = parsed(composed)
    assert message.keys() == FIELDS
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert not message.defects
    assert composed.data.isascii()
    assert composed.data.endswith(b"\r\n")
    lines = composed.data[:-2].split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert str(message["Subject"]) == f"Hello {name}".strip() or not name.isprintable()

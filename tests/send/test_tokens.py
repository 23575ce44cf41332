"""Tokens: what we made is read back, anything else is nobody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendgate.errors import InputError
from sendgate.names import Domain
from sendgate.send.tokens import MAX_NUMBER, Ticket, Tokens

TOKENS = Tokens(b"a key that is long enough")
DOMAIN = Domain("12345m.example.com")
NUMBER = st.integers(min_value=0, max_value=MAX_NUMBER)
TICKET = st.builds(Ticket, NUMBER, NUMBER)


@given(TICKET)
def test_what_was_made_is_read_back(ticket: Ticket) -> None:
    """Both kinds of token name their recipient, whatever its number."""
    assert TOKENS.read_unsubscribe(TOKENS.unsubscribe(ticket)) == ticket
    assert TOKENS.read_return_path(TOKENS.return_path(ticket, DOMAIN)) == ticket


@given(TICKET)
def test_a_return_path_fits_into_an_envelope(ticket: Ticket) -> None:
    """Its local part has at most 64 octets, and a mail system may change its case."""
    path = TOKENS.return_path(ticket, DOMAIN)
    local, _, domain = path.partition("@")
    assert len(local) <= 64
    assert domain == "12345m.example.com"
    assert TOKENS.read_return_path(f"<{path.upper()}>") == ticket


@given(TICKET, st.integers(min_value=0), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_token_is_nobodys(ticket: Ticket, place: int, letter: str) -> None:
    """Any other letter at any place, the unused last bits included, makes it worthless."""
    token = TOKENS.unsubscribe(ticket)
    place %= len(token)
    forged = token[:place] + letter + token[place + 1 :]
    assert TOKENS.read_unsubscribe(forged) == (ticket if forged == token else None)


@given(st.text(max_size=100))
def test_no_other_text_is_a_token(text: str) -> None:
    """Text of any kind is read without an error, and names nobody."""
    assert TOKENS.read_unsubscribe(text) is None
    assert TOKENS.read_return_path(text) is None
    assert TOKENS.read_return_path(f"bounce-{text}@example.com") is None


def test_a_token_serves_one_use_and_one_key() -> None:
    """A return path unsubscribes nobody, and another store's tokens are not ours."""
    ticket = Ticket(3, 70_000)
    local = TOKENS.return_path(ticket, DOMAIN).partition("@")[0].removeprefix("bounce-")
    assert TOKENS.read_unsubscribe(local) is None
    assert TOKENS.read_return_path(f"bounce-{TOKENS.unsubscribe(ticket)}@a.example") is None
    assert Tokens(b"another key, also long").read_unsubscribe(TOKENS.unsubscribe(ticket)) is None


def test_message_ids_and_boundaries_are_stable_and_apart() -> None:
    """The same recipient has the same Message-ID at every attempt, another one another."""
    domain = Domain("news.example.com")
    first, again = (Tokens(b"a key that is long enough") for _ in range(2))
    assert first.message_id(Ticket(1, 2), domain) == again.message_id(Ticket(1, 2), domain)
    names = {first.message_id(Ticket(c, r), domain) for c in range(20) for r in range(300)}
    assert len(names) == 6000
    assert all(name.startswith("<") and name.endswith("@news.example.com>") for name in names)
    assert first.boundary(Ticket(1, 2)) == again.boundary(Ticket(1, 2))
    assert len(first.boundary(Ticket(1, 2))) <= 70  # RFC 2046 section 5.1.1


def test_a_short_secret_is_refused() -> None:
    """A secret that can be guessed signs nothing."""
    with pytest.raises(InputError, match="at least 16"):
        Tokens(b"short")


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1])
def test_a_number_no_store_gives_is_refused(number: int) -> None:
    """Only row numbers make tokens."""
    with pytest.raises(ValueError, match="no number"):
        TOKENS.unsubscribe(Ticket(number, 1))

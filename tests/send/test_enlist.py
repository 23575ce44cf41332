"""Enlisting: what a store is given of a list of contacts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from campaigns import CAMPAIGN, CONTACTS, campaign

from sendgate.errors import InputError, SourceError
from sendgate.send.campaign import Campaign
from sendgate.send.compose import Composer
from sendgate.send.contacts import Problem
from sendgate.send.eligibility import Known, Tally
from sendgate.send.enlist import enlist
from sendgate.send.store.rows import Exclusion, NewRecipient
from sendgate.send.tokens import Tokens

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
Row = NewRecipient | Exclusion | Problem


def enlisted(made: Campaign, known: Known | None = None) -> tuple[list[Row], Tally]:
    composer = Composer(made, Tokens(b"a key that is long enough"), 1)
    with enlist(made, composer, NOW, known) as rows:
        return list(rows), rows.tally


def test_each_row_ends_as_one_thing(tmp_path: Path) -> None:
    """A recipient with what the templates name, an exclusion with its code, or a problem."""
    contacts = (
        CONTACTS
        + "Ann@EXAMPLE.net,Ann,2026-05-01,form,x,no\n"
        + "bob,Bob,2026-05-01,form,x,yes\n"
        + "bad,row\n"
        + "JOE@example.net,Joe,2026-05-01,form,x,yes\n"
    )
    rows, tally = enlisted(campaign(tmp_path, contacts=contacts))
    assert rows[0] == NewRecipient("joe@example.net", "example.net", {"first_name": "Joe"}, 2)
    assert [(r.address, r.code, r.line) for r in rows if isinstance(r, Exclusion)] == [
        ("Ann@example.net", "not_direct", 3),
        ("bob", "invalid_address", 4),
        ("JOE@example.net", "duplicate", 6),
    ]
    assert rows[3] == Problem(5, "has 2 fields; the header has 6")
    assert (tally.eligible, tally.problems, tally.excluded.total()) == (1, 1, 3)


@pytest.mark.parametrize("name", ["contacts.csv", "contacts.jsonl"])
def test_a_later_row_that_opts_out_counts_for_an_earlier_one(tmp_path: Path, name: str) -> None:
    """In CSV, and in JSON Lines whose first object has no such key."""
    if name.endswith("csv"):
        contacts = "email,first_name,opted_out_at\na@a.example,A,\nA@a.example,A,2020-01-01\n"
    else:
        contacts = (
            '{"email": "a@a.example", "first_name": "A"}\n'
            '{"email": "A@a.example", "first_name": "A", "opted_out_at": "2020-01-01"}\n'
        )
    text = CAMPAIGN.replace("contacts.csv", name).replace('"marketing"', '"one-to-one"')
    (tmp_path / name).write_text(contacts)
    rows, tally = enlisted(campaign(tmp_path, text, **{name: contacts, "contacts": contacts}))
    assert tally.eligible == 0
    assert [r.code for r in rows if isinstance(r, Exclusion)] == ["opted_out", "opted_out"]


def test_what_is_known_beyond_the_list_counts(tmp_path: Path) -> None:
    """As the suppression list does."""
    _, tally = enlisted(campaign(tmp_path), Known(suppressed=lambda _: True))
    assert tally.excluded_by["suppressed"] == 1


def test_nothing_is_given_where_the_list_does_not_fit(tmp_path: Path) -> None:
    """A missing column, or one that a template names and nobody gives, is said at once."""
    with pytest.raises(SourceError, match="no column direct"):
        enlisted(campaign(tmp_path, contacts=CONTACTS.replace(",direct", ",di")))
    with pytest.raises(InputError, match=r"news\.html\.j2:1: no column gives 'town'"):
        enlisted(campaign(tmp_path, html="{{ town }}"))
    text = CAMPAIGN.replace('unengaged-after = ""', 'unengaged-after = "6 months"')
    with pytest.raises(SourceError, match="no column last_engaged_at"):
        enlisted(campaign(tmp_path, text))

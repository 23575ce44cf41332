"""Enlist: a campaign's list of contacts as the rows that a store takes.

    contacts ─► checked against the templates ─► judged ─► NewRecipient | Exclusion | Problem

Of each contact only what the templates name is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sendgate.send.campaign import Campaign
from sendgate.send.compose import Composer
from sendgate.send.contacts import Contact, Problem, open_contacts
from sendgate.send.eligibility import (
    Eligible,
    Excluded,
    Known,
    Policy,
    Tally,
    Withdrawals,
    judge_all,
)
from sendgate.send.store.rows import Exclusion, NewRecipient

__all__ = ["Enlisting", "enlist"]

_WITHDRAWN = {"opted_out_at", "spam_reported_at"}


@dataclass
class Enlisting:
    """The rows of one list, one at a time; `tally` counts those that have been given."""

    rows: Iterator[NewRecipient | Exclusion | Problem]
    tally: Tally = field(default_factory=Tally)

    def __iter__(self) -> Iterator[NewRecipient | Exclusion | Problem]:
        return self.rows


@contextmanager
def enlist(
    campaign: Campaign, composer: Composer, now: datetime, known: Known | None = None
) -> Iterator[Enlisting]:
    """Open a campaign's contacts, and give each as a recipient, an exclusion or a problem.

    Before the first row, raises `SourceError` where a column is missing or the list cannot
    be read, and `InputError` where a template names what no column gives. `known.withdrawn`
    is set to what the list itself says.
    """
    required = Policy(campaign.kind, campaign.unengaged_after).required_columns
    with open_contacts(campaign.contacts, required) as contacts:
        composer.check(contacts.columns)
        policy = Policy.of(campaign, contacts.columns)
        known = known or Known()
        if not contacts.has_header or not _WITHDRAWN.isdisjoint(contacts.columns):
            with open_contacts(campaign.contacts, required) as again:
                known = replace(known, withdrawn=Withdrawals(again))
        tally = Tally()
        judged = judge_all(contacts, policy, now, known)
        yield Enlisting(_rows(judged, composer.needs, tally), tally)


def _rows(
    judged: Iterator[tuple[Contact, Eligible | Excluded] | Problem],
    needs: frozenset[str],
    tally: Tally,
) -> Iterator[NewRecipient | Exclusion | Problem]:
    for row in judged:
        if isinstance(row, Problem):
            tally.add(row)
            yield row
            continue
        contact, verdict = row
        tally.add(verdict)
        if isinstance(verdict, Excluded):
            address = str(verdict.address or contact.email)
            yield Exclusion(address, verdict.code, contact.line, verdict.detail)
            continue
        kept = {name: contact.fields[name] for name in needs if name in contact.fields}
        address = str(verdict.address)
        yield NewRecipient(address, verdict.address.domain.text, kept, contact.line)

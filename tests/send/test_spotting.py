"""What of a message a contact's data can change, as far as the rules look at it: the subject."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from campaigns import CAMPAIGN, campaign
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendgate.audit.judge import Policy, run_rules
from sendgate.errors import AddressError, RenderError
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.record import parse
from sendgate.message.rules import RULES, claimed_reply
from sendgate.profile import Receiver
from sendgate.send.address import Address
from sendgate.send.campaign import Campaign
from sendgate.send.compose import Composer
from sendgate.send.tokens import Tokens
from sendgate.vocabulary import Severity

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUBJECT = "{{ first_name }}{% if city %}: {{ city }}{% endif %}"
HTML = "{% if city %}<style>p{color:red}</style><p>{{ city|safe }}</p>{% endif %}{{ first_name }}"
TEXT = "{% if city %}{{ city }}{% else %}{{ first_name * 30 }}{% endif %}"


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Campaign, Composer]:
    """A campaign all of whose parts branch, and insert what contacts hold."""
    folder: Path = tmp_path_factory.mktemp("campaign")
    toml = CAMPAIGN.replace('"Hello {{ first_name }}"', f'"{SUBJECT}"')
    contacts = (
        "email,first_name,city,consent_at,consent_source,consent_proof,direct\n"
        "joe@example.net,Joe,,2026-05-01,form,https://crm.example/1,yes\n"
    )
    read = campaign(folder, toml, html=HTML, text=TEXT, contacts=contacts)
    read = replace(read, sender=replace(read.sender, receivers=(Receiver.GOOGLE_BULK,)))
    return read, Composer(read, Tokens(b"a secret of thirty-two octets..."), 1)


_TEXTS = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        ["Re", "Re: you", "FW", "Antw: x", "a" * 1200, "\r\nBcc: x@y.example", "=?", ""]
    ),
    st.text(alphabet="Re: aä\t\n=?", max_size=1500),
)
_LOCALS = st.one_of(st.just("joe"), st.text(min_size=1, max_size=64))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_TEXTS, _TEXTS, _LOCALS)
def test_nothing_but_a_subject_can_break_a_rule(
    composer: tuple[Campaign, Composer], first_name: str, city: str, local: str
) -> None:
    """Whatever a contact holds, the rules at error find what its subject alone tells, or nothing.

    So it is enough for the gate to judge a few messages, and the subjects of all.
    """
    read, made = composer
    address = Address.parse("joe@example.net")
    with contextlib.suppress(AddressError):
        address = Address.parse(f"{local}@example.net")
    fields = {"first_name": first_name, "city": city}
    try:
        message = made.compose(0, address, fields, NOW)
    except RenderError:
        return  # nobody gets it
    facts = MessageFacts(
        message=parse(message.data),
        where="the message",
        kind=MessageKind.MARKETING,
        results=(),
        bulk=True,
        envelope=read.return_path,
        smtputf8=message.smtputf8,
    )
    found = run_rules(facts, RULES, Policy(), read.sending, NOW.date()).findings
    errors = {finding.rule.id for finding in found if finding.severity is Severity.ERROR}
    unsigned = {"UNS003"}  # these messages are not signed; signing is the same for all
    claims = claimed_reply(made.subject(str(address), fields)) is not None
    assert errors - unsigned == ({"MSG006"} if claims else set())

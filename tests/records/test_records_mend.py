"""For every provider: publishing what is proposed makes the audit pass, in each form.

The zones are those of `fixtures/providers`: set up wrong in the provider's typical way, and
with nothing of the sender's in them. What belongs to the account is given as the provider's
page shows it, for nobody could guess it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audits import REVERSE, SEED, TIME, options_of
from hypothesis import given, settings
from hypothesis import strategies as st
from records_back import FORMS, NODE, as_read, as_records, laid_over, read_back, written

from sendgate.audit.infer import build_profile
from sendgate.audit.report import Verdict
from sendgate.audit.run import audit
from sendgate.cli.schema import read_schema
from sendgate.dmarc.suffixes import is_suffix_or_above
from sendgate.dns.answers import Origin
from sendgate.dns.overlay import NowhereSource, OverlaySource
from sendgate.dns.source import DnsSource, RunSource
from sendgate.dns.zonefile import ZoneRecord
from sendgate.dns.zones import ZoneSource
from sendgate.errors import InputError
from sendgate.names import Domain
from sendgate.profile import Profile
from sendgate.records.plan import Proposal, Shown, Supplied, text_data
from sendgate.records.work import propose
from sendgate.render.records import document, heading

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "providers"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))
OWN = Domain("example.com")
SCHEMA = jsonschema.Draft202012Validator(json.loads(read_schema("records")))
KEPT = {"example.com", "ns1.example.com", "www.example.com", "mail.example.com"}


@pytest.fixture(autouse=True, scope="module")
def _node() -> Iterator[None]:
    yield
    NODE.end()


@dataclass
class Case:
    """One provider's fixture: who sends, and the zones around it."""

    folder: Path

    @property
    def profile(self) -> Profile:
        case: dict[str, Any] = tomllib.loads((self.folder / "case.toml").read_text())
        return build_profile(Domain.parse(case["domain"]), options_of(case["options"]))

    def zone(self, half: str) -> list[ZoneRecord]:
        return list(ZoneSource.from_files([self.folder / f"{half}.zone"]).records())

    def current(self, state: str) -> list[ZoneRecord]:
        """What is published: the sender's part of it, and the provider's own names as they are."""
        provider = [r for r in self.zone("right") if r.zone != OWN or not r.name.is_under(OWN)]
        known = {r.name for r in provider}
        provider += [
            r for r in self.zone("wrong") if not r.name.is_under(OWN) and r.name not in known
        ]
        if state == "empty":
            return [*provider, *(r for r in self.zone("right") if r.name.text in KEPT)]
        return [*provider, *(r for r in self.zone(state) if r.name.is_under(OWN))]

    @property
    def account(self) -> tuple[Shown, ...]:
        """What the provider's page shows: the records of the right zone at the sender's names."""
        roles = self.profile.mail_names
        return tuple(
            Shown(r.name, r.rdtype, r.data)
            for r in self.zone("right")
            if any(r.name.is_under(role) for role in roles) and r.zone == OWN
        )


def source(records: list[ZoneRecord]) -> DnsSource:
    """These records and nothing else, but for the reverse names of declared addresses."""
    every = [*records, *ZoneSource.from_files([REVERSE]).records()]
    return RunSource(OverlaySource(ZoneSource(every), NowhereSource(is_suffix_or_above)))


async def proposal(case: Case, state: str, *, shown: bool = True) -> Proposal:
    supplied = Supplied(case.account if shown else (), rua=("dmarc@example.com",))
    return await propose(case.profile, source(case.current(state)), supplied, time=TIME, seed=SEED)


@pytest.mark.parametrize("state", ["wrong", "empty"])
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_published_in_any_form_the_audit_passes(folder: Path, state: str) -> None:
    """The current zone, with what the form says laid over it, passes the audit."""
    case = Case(folder)
    made = await proposal(case, state)
    # What stands below a delegation is seen only once it is published.
    delegated = any(records.rdtype == "NS" for records in made.records)
    assert made.exit_code == (3 if delegated else 0), (heading(made), made.unseen)
    SCHEMA.validate(document(made))
    for form in FORMS:
        read = (
            read_back(form, written(form, made.changes, *heading(made))) if made.records else None
        )
        records = () if read is None else read.records
        assert read is None or not (read.unread or read.slips or read.hidden)
        assert as_read(records) == as_records(made.records), form
        after = source(laid_over(case.current(state), records))
        report = await audit(case.profile, after, time=TIME, seed=SEED)
        assert report.verdict is Verdict.PASS, (form, [f.message for f in report.findings])


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_a_healthy_zone_needs_nothing(folder: Path) -> None:
    """Of what is set up right nothing is changed, with the provider's page at hand or without."""
    for shown in (True, False):
        made = await proposal(Case(folder), "right", shown=shown)
        assert made.changes == ()
        assert made.exit_code == 0


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
async def test_nothing_of_the_account_is_made_up(folder: Path) -> None:
    """In an empty zone every value is the catalogue's, and what is not is needed."""
    case = Case(folder)
    made = await proposal(case, "empty", shown=False)
    right = {(r.name, r.rdtype, str(r.data)) for r in case.zone("right")}
    for change in made.changes:
        if change.one.rdtype == "CNAME":
            assert (change.one.name, "CNAME", str(change.one.data[0])) in right
        assert not any("12345" in str(data) for data in change.one.data)
    account = [s for s in case.account if "12345" in str(s.data) or "p=" in str(s.data)]
    if account:
        assert made.needed
        assert document(made)["needed"]
    assert all(need.where for need in made.needed)


async def test_each_change_says_why() -> None:
    """A reason always, and the rules whose findings go away."""
    made = await proposal(Case(FOLDER / "hubspot"), "wrong", shown=False)
    assert [c.mends for c in made.changes] == [("TOP032",), ("TOP032",)]
    assert all(c.why for c in made.changes)


HOSTILE = st.lists(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300)
    | st.sampled_from(
        ['"', "\\", ";", "${x}", "%{x}", "*/", "// x", "##[x", "{{ x }}", '" "', "x" * 600]
    ),
    min_size=1, max_size=3, unique=True,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    folder=st.sampled_from(CASES), state=st.sampled_from(["wrong", "empty"]), texts=HOSTILE,
    form=st.sampled_from(FORMS),
)  # fmt: skip
async def test_hostile_texts_beside_the_records_come_through(
    folder: Path, state: str, texts: list[str], form: str
) -> None:
    """What others publish at the names of the roles is kept to the octet, or refused as a whole."""
    case = Case(folder)
    current = [r for r in case.current(state) if r.rdtype != "CNAME" or r.name.is_under(OWN)]
    aliases = {r.name for r in current if r.rdtype == "CNAME"}
    for name in set(case.profile.mail_names) - aliases:
        current += [
            ZoneRecord(name, "TXT", 300, text_data(t), Origin("file", "x", 1), OWN) for t in texts
        ]  # fmt: skip
    supplied = Supplied(case.account)
    made = await propose(case.profile, source(current), supplied, time=TIME, seed=SEED)
    try:
        text = written(form, made.changes, *heading(made))
    except InputError:
        assert form in {"octodns", "dnscontrol", "terraform azurerm"}
        assert any('"' in text or "\\;" in text for text in texts)
        return
    if made.records:
        assert as_read(read_back(form, text).records) == as_records(made.records)

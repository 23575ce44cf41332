"""Eligibility: each condition of each kind of mail, by its code; nobody is mailed twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from campaigns import CAMPAIGN, campaign

from sendgate.names import Domain
from sendgate.send.address import Address
from sendgate.send.campaign import Kind
from sendgate.send.contacts import MARKETING_COLUMNS, Contact, Problem
from sendgate.send.eligibility import (
    Eligible,
    Excluded,
    Exclusion,
    Known,
    Policy,
    Tally,
    Withdrawals,
    judge,
    judge_all,
)
from sendgate.send.span import Span

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
GOOD = Contact(
    line=2,
    email="joe@example.net",
    fields={},
    consent_at=datetime(2020, 1, 1, tzinfo=UTC),
    consent_source="form",
    consent_proof="https://crm.example/1",
    direct=True,
    last_mailed_at=datetime(2026, 10, 1, tzinfo=UTC),
    last_engaged_at=datetime(2026, 10, 2, tzinfo=UTC),
)
MARKETING = Policy(Kind.MARKETING)
LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)

# Each way to be excluded, in the order of the codes: what is wrong, and what is known.
FAULTS: dict[Exclusion, tuple[dict[str, object], dict[str, object]]] = {
    Exclusion.NO_CONSENT: ({"consent_proof": ""}, {}),
    Exclusion.NOT_DIRECT: ({"direct": None}, {}),
    Exclusion.OPTED_OUT: ({"opted_out_at": LONG_AGO}, {}),
    Exclusion.SPAM_REPORTED: ({"spam_reported_at": LONG_AGO}, {}),
    Exclusion.NOT_MAILED_IN_12_MONTHS: ({"last_mailed_at": LONG_AGO}, {}),
    Exclusion.SUPPRESSED: ({}, {"suppressed": lambda _: True}),
    Exclusion.INVALID_ADDRESS: ({"email": "joe"}, {}),
    Exclusion.DUPLICATE: ({}, {"seen": lambda _: True}),
    Exclusion.NULL_MX_DOMAIN: ({}, {"domain_fault": lambda _: Exclusion.NULL_MX_DOMAIN}),
    Exclusion.NO_SUCH_DOMAIN: ({}, {"domain_fault": lambda _: Exclusion.NO_SUCH_DOMAIN}),
    Exclusion.UNENGAGED: ({"last_engaged_at": None}, {}),
}
ALL = set(FAULTS)
ONE_TO_ONE = ALL - {
    Exclusion.NO_CONSENT, Exclusion.NOT_DIRECT, Exclusion.NOT_MAILED_IN_12_MONTHS,
    Exclusion.UNENGAGED,
}  # fmt: skip
COUNT = {
    Kind.MARKETING: ALL,
    Kind.ONE_TO_ONE: ONE_TO_ONE,
    Kind.TRANSACTIONAL: ONE_TO_ONE - {Exclusion.OPTED_OUT},
}


def code(contact: Contact, policy: Policy = MARKETING, **known: object) -> Exclusion | None:
    verdict = judge(contact, policy, NOW, Known(**known))  # type: ignore[arg-type]
    return verdict.code if isinstance(verdict, Excluded) else None


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_kind_of_mail_has_its_conditions(kind: Kind, fault: Exclusion) -> None:
    """A fault excludes with its own code where the kind knows it, and else does nothing."""
    wrong, known = FAULTS[fault]
    policy = Policy(kind, Span(months=6))
    assert code(replace(GOOD, **wrong), policy, **known) == (  # type: ignore[arg-type]
        fault if fault in COUNT[kind] else None
    )
    assert policy.applies(fault) == (fault in COUNT[kind])


def test_the_first_reason_of_the_order_counts() -> None:
    """Of all faults at once, the codes come in the order of the list, one after the other."""
    order = [code for code in Exclusion if code in FAULTS]
    policy = Policy(Kind.MARKETING, Span(months=6))
    for i, first in enumerate(order):
        wrong: dict[str, object] = {}
        known: dict[str, object] = {}
        for later in reversed(order[i:]):
            if first is not Exclusion.INVALID_ADDRESS and later is Exclusion.INVALID_ADDRESS:
                continue  # an address that is none is on no list
            wrong |= FAULTS[later][0]
            known |= FAULTS[later][1]
        assert code(replace(GOOD, **wrong), policy, **known) is first  # type: ignore[arg-type]


def test_a_good_contact_is_eligible_for_all_mail() -> None:
    """And its address is the normalized one."""
    for kind in Kind:
        contact = replace(GOOD, email=" Joe@EXAMPLE.net ")
        assert judge(contact, Policy(kind), NOW) == Eligible(Address.parse("Joe@example.net"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"consent_at": None}, "consent_at empty"),
        ({"consent_source": "", "consent_proof": ""}, "consent_source, consent_proof empty"),
        ({"consent_at": NOW + timedelta(days=2)}, "yet to come"),
    ],
)
def test_consent_needs_date_source_and_proof(wrong: dict[str, object], said: str) -> None:
    """What is missing is named; a consent of the day after tomorrow is none."""
    verdict = judge(replace(GOOD, **wrong), MARKETING, NOW)  # type: ignore[arg-type]
    assert isinstance(verdict, Excluded)
    assert verdict.code is Exclusion.NO_CONSENT
    assert said in verdict.detail


@pytest.mark.parametrize(
    ("mailed", "consented", "expected"),
    [
        (datetime(2025, 11, 23, tzinfo=UTC), LONG_AGO, None),
        (datetime(2025, 11, 22, 23, 59, tzinfo=UTC), LONG_AGO, Exclusion.NOT_MAILED_IN_12_MONTHS),
        (None, datetime(2025, 11, 23, tzinfo=UTC), None),
        (None, datetime(2025, 11, 22, tzinfo=UTC), Exclusion.NOT_MAILED_IN_12_MONTHS),
        (NOW + timedelta(days=30), LONG_AGO, Exclusion.NOT_MAILED_IN_12_MONTHS),
        (NOW + timedelta(hours=12), LONG_AGO, None),
    ],
)
def test_a_contact_within_twelve_months_is_a_mail_or_a_consent(
    mailed: datetime | None, consented: datetime, expected: Exclusion | None
) -> None:
    """The day twelve months ago counts; a date that is yet to come does not."""
    assert code(replace(GOOD, last_mailed_at=mailed, consent_at=consented)) is expected


def test_the_unengaged_are_counted_unless_the_campaign_excludes_them() -> None:
    """Declared, they are excluded after that time; else they are marked after six months."""
    quiet = replace(GOOD, last_engaged_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert judge(quiet, MARKETING, NOW) == Eligible(Address.parse(GOOD.email), unengaged=True)
    assert code(quiet, Policy(Kind.MARKETING, Span(months=6))) is Exclusion.UNENGAGED
    assert code(quiet, Policy(Kind.MARKETING, Span(months=9))) is None
    fresh = replace(quiet, last_engaged_at=None, consent_at=NOW - timedelta(days=3))
    assert judge(fresh, MARKETING, NOW) == Eligible(Address.parse(GOOD.email))
    unknown = Policy(Kind.MARKETING, knows_engagement=False)
    assert judge(quiet, unknown, NOW) == Eligible(Address.parse(GOOD.email))


def test_a_policy_names_the_columns_it_needs(tmp_path: Path) -> None:
    """Marketing needs the four conditions' columns, and engagement where it is judged."""
    assert Policy(Kind.MARKETING).required_columns == MARKETING_COLUMNS
    assert Policy(Kind.TRANSACTIONAL, Span(months=6)).required_columns == ("email",)
    text = CAMPAIGN.replace('unengaged-after = ""', 'unengaged-after = "6 months"')
    policy = Policy.of(campaign(tmp_path, text), ("email",))
    assert policy == Policy(Kind.MARKETING, Span(months=6), knows_engagement=False)
    assert policy.required_columns == (*MARKETING_COLUMNS, "last_engaged_at")


def test_the_second_row_of_a_recipient_is_a_duplicate() -> None:
    """In any spelling; but a row that is excluded takes nobody's place."""
    rows: list[Contact | Problem] = [
        replace(GOOD, line=2, direct=None),
        Problem(3, "bad"),
        replace(GOOD, line=4),
        replace(GOOD, line=5, email="JOE@Example.NET"),
        replace(GOOD, line=6, email="ann@example.net"),
    ]
    tally, codes = Tally(), []
    for result in judge_all(rows, MARKETING, NOW, Known()):
        tally.add(result if isinstance(result, Problem) else result[1])
        if not isinstance(result, Problem):
            verdict = result[1]
            codes.append(verdict.code if isinstance(verdict, Excluded) else None)
    assert codes == [Exclusion.NOT_DIRECT, None, Exclusion.DUPLICATE, None]
    assert (tally.eligible, tally.problems, tally.unengaged) == (2, 1, 0)
    assert list(tally.excluded_by) == [c.value for c in Exclusion]
    assert {k: v for k, v in tally.excluded_by.items() if v} == {"not_direct": 1, "duplicate": 1}


@pytest.mark.parametrize("digest", [lambda n: n, lambda n: n << 48, lambda n: n % 3])
def test_each_of_many_recipients_is_remembered(
    monkeypatch: pytest.MonkeyPatch, digest: Callable[[int], int]
) -> None:
    """Hundreds of them, each twice, whatever their digests have in common."""
    count = 700
    monkeypatch.setattr(
        "sendgate.send.eligibility._digest", lambda address: digest(int(address.local)) % 2**64
    )
    rows = [replace(GOOD, email=f"{n % count}@example.net") for n in range(2 * count)]
    results = judge_all(rows, MARKETING, NOW, Known())
    verdicts = [r[1] for r in results if not isinstance(r, Problem)]
    each = len({digest(n) or 1 for n in range(count)})  # 0 and 1 are one
    assert sum(isinstance(verdict, Eligible) for verdict in verdicts) == each
    assert not any(isinstance(verdict, Eligible) for verdict in verdicts[count:])


def test_recipients_of_an_earlier_run_are_duplicates_too() -> None:
    """What the store has seen counts beside what this run has."""
    known = Known(seen=lambda address: address.local == "ann")
    rows = [GOOD, replace(GOOD, email="ann@example.net")]
    verdicts = [r[1] for r in judge_all(rows, MARKETING, NOW, known) if not isinstance(r, Problem)]
    assert [isinstance(verdict, Eligible) for verdict in verdicts] == [True, False]


def test_an_opt_out_in_any_row_counts_for_all_rows() -> None:
    """Another row of the same recipient may know what this one does not."""
    rows: list[Contact | Problem] = [
        GOOD,
        replace(GOOD, email="JOE@example.net", opted_out_at=LONG_AGO),
        replace(GOOD, email="ann@example.net"),
        replace(GOOD, email="ann@example.net", spam_reported_at=LONG_AGO),
        replace(GOOD, email="no address", opted_out_at=LONG_AGO),
        replace(GOOD, email="eve@example.net"),
        Problem(9, "bad"),
    ]
    known = Known(withdrawn=Withdrawals(rows))
    assert code(GOOD, withdrawn=known.withdrawn) is Exclusion.OPTED_OUT
    assert code(replace(GOOD, email="ann@example.net"), withdrawn=known.withdrawn) is (
        Exclusion.SPAM_REPORTED
    )
    assert code(GOOD, Policy(Kind.TRANSACTIONAL), withdrawn=known.withdrawn) is None
    assert code(replace(GOOD, email="eve@example.net"), withdrawn=known.withdrawn) is None
    assert Withdrawals([GOOD])(Address.parse(GOOD.email)) == ()


def test_domains_are_asked_by_name() -> None:
    """The domain's fault is looked up as an A-label."""
    asked: list[Domain] = []

    def fault(domain: Domain) -> None:
        asked.append(domain)

    assert code(replace(GOOD, email="joe@bücher.example"), domain_fault=fault) is None
    assert asked == [Domain("xn--bcher-kva.example")]

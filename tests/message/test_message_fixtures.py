"""Every message rule has its proof: a message in which it speaks, and one in which it does not.

Messages are signed here, with keys of this run; each must yield exactly the ids of its case.
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from message.signing import NOW, ed_signer, pem, published, rsa_signer

from sendgate.audit.catalogue import RULES as AUDIT_RULES
from sendgate.audit.judge import Policy, run_rules
from sendgate.message.adapter import sign_field
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.record import parse
from sendgate.message.rules import RULES
from sendgate.message.sign import sign
from sendgate.message.verify import verify

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "messages"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))


def read(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "case.toml").read_text())


def signed(octets: bytes, how: Any) -> bytes:
    """Sign as the case says: not at all, by ourselves, or over the fields that it names."""
    if how is False:
        return octets
    signers = [rsa_signer(), ed_signer()]
    if how is True:
        return sign(octets, signers, NOW)
    if how.get("length"):
        import dkim  # ours never signs a part of the body

        return dkim.sign(
            octets, b"s1", b"news.example.com", pem(),
            include_headers=[name.encode() for name in how["fields"]], length=True,
        ) + octets  # fmt: skip
    field = sign_field(
        parse(octets), [("news.example.com", "s1", rsa_signer().key.secret)], how["fields"], NOW
    )
    return field + octets


def facts_of(folder: Path, half: str) -> tuple[MessageFacts, list[str]]:
    case = read(folder)
    expected = case[half]
    octets = (folder / f"{half}.eml").read_bytes().replace(b"\n", b"\r\n")
    octets = signed(octets, expected.get("sign", True))
    if "change" in expected:
        old, new = (text.encode() for text in expected["change"])
        assert old in octets
        octets = octets.replace(old, new)
    message = parse(octets)
    now = NOW + timedelta(minutes=5)
    if b"; l=" in octets:
        now = datetime.now(UTC)  # dkimpy's own clock
    results = verify(message, published([rsa_signer(), ed_signer()]), now)
    facts = MessageFacts(
        message, f"{half}.eml", MessageKind(case["kind"]), results, bulk=case.get("bulk", False)
    )
    return facts, expected["findings"]


@pytest.mark.parametrize("half", ["bad", "good"])
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_message_yields_exactly_the_expected_ids(folder: Path, half: str) -> None:
    """The rules find in a message what its case names: nothing more, nothing less."""
    facts, expected = facts_of(folder, half)
    said = run_rules(facts, RULES, Policy(), facts.domain, NOW.date())
    shown = {f"{f.rule.id}: {f.message}" for f in said.findings}
    assert sorted({f.rule.id for f in said.findings}) == expected, shown
    assert said.unknown == ()
    for finding in said.findings:
        assert finding.evidence, "the first piece of evidence names the subject"
        assert not finding.message.endswith(".")
        assert len(finding.message) < 300


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_case_shows_its_own_rule(folder: Path) -> None:
    """The bad half has the rule that the folder is named for, the good half has not."""
    rule_id = folder.name.partition("-")[0]
    case = read(folder)
    assert rule_id in case["bad"]["findings"]
    assert rule_id not in case["good"]["findings"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_catalogue_is_whole(rule: Any) -> None:
    """A rule says what is wrong, what then happens, what to do, where it is written."""
    assert re.fullmatch(r"[A-Z]+[0-9]{3}", rule.id)
    assert rule.summary.endswith("."), "the docstring's first line is a sentence"
    assert len(rule.explanation) > 40, "the docstring says what a receiver then does"
    assert rule.remedy.endswith(".")
    assert rule.citation.url.startswith("https://")
    assert (FOLDER / f"{rule.id}-{rule.name}" / "case.toml").is_file(), "the rule has no fixture"


def test_ids_and_names_are_unique_among_all_rules() -> None:
    """One id says one thing, in audits of domains and of messages together."""
    rules = [*AUDIT_RULES, *RULES]
    assert len({rule.id for rule in rules}) == len(rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_no_fixture_without_a_rule() -> None:
    """A fixture folder is named for a rule that exists."""
    assert {folder.name for folder in CASES} == {f"{rule.id}-{rule.name}" for rule in RULES}

"""Every message rule has its proof: a message in which it speaks, and one in which it does not.

Messages are signed here, with keys of this run; each must yield exactly the ids of its case.

A case has `kind` and `bulk`, and of each half `findings`, `sign` and `change`: what is replaced
after signing. `sign` is true (as the product signs), false, or names the `fields` that one
signature covers, with `length` for l=; or the `keys`, their `domain`, and `tags` that are added
to their records. The message is `bad.eml` or `good.eml`, else `message.eml`. With a `dns.zone`
it is judged as a received one, that came in `session`; without, as one that is yet to leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audits import offline
from message.receiving import session
from message.signing import NOW, key_of, pem, published, rsa_signer, txt_answer
from rule_cases import assert_is_whole, assert_shows_its_own_rule, read

from sendgate.audit.catalogue import RULES as AUDIT_RULES
from sendgate.audit.judge import Judgement, Policy, run_rules
from sendgate.dns.answers import Answer, Question
from sendgate.dns.source import DnsSource
from sendgate.message.adapter import sign_field
from sendgate.message.collect import examine
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.judge import RULES as RECEIVED_RULES
from sendgate.message.judge import judge_message
from sendgate.message.record import parse
from sendgate.message.rules import RULES
from sendgate.message.sign import Signer, sign
from sendgate.message.verify import verify
from sendgate.names import Domain

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "messages"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))
SELECTORS = {"rsa-2048": "s1", "rsa-1024": "short", "ed25519": "ed1"}
USUAL = {"keys": ["rsa-2048", "ed25519"]}


class Published:
    """The keys of this run before a zone."""

    def __init__(self, keys: Mapping[Question, Answer], zone: DnsSource) -> None:
        self.keys, self.zone = keys, zone

    async def ask(self, question: Question) -> Answer:
        """Answer one question."""
        return self.keys.get(question) or await self.zone.ask(question)


def signers(how: Mapping[str, Any]) -> list[Signer]:
    """The signers of a case, by the names of their keys."""
    domain = Domain.parse(how.get("domain", "news.example.com"))
    made = []
    for name in how.get("keys", USUAL["keys"]):
        kind, _, bits = name.partition("-")
        made.append(Signer(domain, SELECTORS[name], key_of(kind, int(bits or 2048))))
    return made


def keys(how: Mapping[str, Any]) -> dict[Question, Answer]:
    """What DNS has of the signers' keys."""
    if "tags" not in how:
        return published(signers(how))
    return dict(
        txt_answer(f"{s.selector}._domainkey.{s.domain}", f"{s.key.record_text}; {how['tags']}")
        for s in signers(how)
    )


def signed(octets: bytes, how: Mapping[str, Any]) -> bytes:
    """Sign as the case says: by ourselves, or over the fields that it names."""
    if "fields" not in how:
        return sign(octets, signers(how), NOW)
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


def message_of(folder: Path, half: str, how: Mapping[str, Any] | None) -> bytes:
    """The octets of one half, signed and changed as its case says."""
    path = folder / f"{half}.eml"
    path = path if path.exists() else folder / "message.eml"
    octets = path.read_bytes().replace(b"\n", b"\r\n")
    if how is not None:
        octets = signed(octets, how)
    change = read(folder)[half].get("change")
    if change:
        old, new = (text.encode() for text in change)
        assert old in octets
        octets = octets.replace(old, new)
    return octets


def judged(folder: Path, half: str) -> Judgement:
    """Judge one half of a case by every rule that is for such a message."""
    case = read(folder)
    given = case[half].get("sign", True)
    how = None if given is False else USUAL if given is True else given
    octets = message_of(folder, half, how)
    message, kind, bulk = parse(octets), MessageKind(case["kind"]), case.get("bulk", False)
    known = keys(how or USUAL)
    # dkimpy has a clock of its own.
    now = datetime.now(UTC) if b"; l=" in octets else NOW + timedelta(minutes=5)
    if not (folder / "dns.zone").exists():
        results = verify(message, known, now)
        facts = MessageFacts(message, f"{half}.eml", kind, results, bulk=bulk)
        return run_rules(facts, RULES, Policy(), facts.domain, NOW.date())
    came = case[half].get("session")
    came = None if came is None else session(came["ip"], came.get("mail-from"), came.get("helo"))
    source = Published(known, offline(folder / "dns.zone"))
    facts = asyncio.run(
        examine(
            message, source, where=f"{half}.eml", kind=kind, connection=came, bulk=bulk, now=now
        )
    )
    return judge_message(facts, Policy(), now, today=NOW.date()).said


@pytest.mark.parametrize("half", ["bad", "good"])
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_message_yields_exactly_the_expected_ids(folder: Path, half: str) -> None:
    """The rules find in a message what its case names: nothing more, nothing less."""
    said = judged(folder, half)
    shown = {f"{f.rule.id}: {f.message}" for f in said.findings}
    assert sorted({f.rule.id for f in said.findings}) == read(folder)[half]["findings"], shown
    assert said.unknown == ()
    for finding in said.findings:
        assert finding.evidence, "the first piece of evidence names the subject"
        assert not finding.message.endswith(".")
        assert len(finding.message) < 300


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_case_shows_its_own_rule(folder: Path) -> None:
    """The bad half has the rule that the folder is named for, the good half has not."""
    assert_shows_its_own_rule(folder)


@pytest.mark.parametrize("rule", RECEIVED_RULES, ids=lambda rule: rule.id)
def test_catalogue_is_whole(rule: Any) -> None:
    """A rule says what is wrong, what then happens, what to do, where it is written."""
    assert_is_whole(rule, FOLDER)


def test_ids_and_names_are_unique_among_all_rules() -> None:
    """One id says one thing, in audits of domains and of messages together."""
    rules = [*AUDIT_RULES, *RULES]
    assert len({rule.id for rule in rules}) == len(rules)
    assert len({rule.name for rule in rules}) == len(rules)


def test_no_fixture_without_a_rule() -> None:
    """A fixture folder is named for a rule that exists."""
    assert {folder.name for folder in CASES} == {f"{r.id}-{r.name}" for r in RECEIVED_RULES}

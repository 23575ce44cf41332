"""What the composer makes and the signer signs is clean by every rule, and verifies."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaigns import CAMPAIGN, campaign
from message.signing import NOW, ed_signer, published, rsa_signer

from sendgate.audit.judge import Policy, run_rules
from sendgate.message.facts import MessageFacts, MessageKind
from sendgate.message.record import parse
from sendgate.message.rules import RULES
from sendgate.message.sign import sign
from sendgate.message.verify import verify
from sendgate.send.address import Address
from sendgate.send.compose import Composer
from sendgate.send.tokens import Tokens


@pytest.mark.parametrize("name", ["Joe", "Joé", "李", "x" * 300, "a, b; c: d", "Re"])
@pytest.mark.parametrize("kind", list(MessageKind))
def test_a_composed_message_is_clean(tmp_path: Path, name: str, kind: MessageKind) -> None:
    """For every kind of mail and any name: no finding, and both signatures pass."""
    made = campaign(tmp_path, CAMPAIGN.replace('kind = "marketing"', f'kind = "{kind}"'))
    composer = Composer(made, Tokens(b"a key that is long enough"), 3)
    composed = composer.compose(70, Address.parse("joe@example.net"), {"first_name": name}, NOW)
    signers = [rsa_signer(), ed_signer()]
    message = parse(sign(composed.data, signers, NOW))
    results = verify(message, published(signers), NOW)
    assert [result.reason for result in results] == ["", ""]
    facts = MessageFacts(message, "the message", MessageKind(made.kind.value), results, bulk=True)
    if kind is MessageKind.ONE_TO_ONE:
        facts = MessageFacts(message, "the message", kind, results)
    found = run_rules(facts, RULES, Policy(), facts.domain, NOW.date())
    assert {f.rule.id: f.message for f in found.findings} == {}
    assert found.unknown == ()

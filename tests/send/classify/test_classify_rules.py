"""Every rule is tried with its own examples and near misses, and the rule book refuses nonsense."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from sendgate.errors import InternalError
from sendgate.send.classify import (
    Classification,
    Rule,
    Scope,
    Stage,
    classify,
    load_classifier,
    normalise,
    read_diagnostic,
    read_rules,
)
from sendgate.send.outcome import Phase

RULES = load_classifier().book.rules


def judged(example: Mapping[str, str]) -> Classification:
    diagnostic = read_diagnostic(example["text"])
    phase = Phase(example["phase"]) if "phase" in example else diagnostic.phase
    return classify(diagnostic.reply, phase, example.get("mx"))


def name(rule: Rule) -> str:
    return rule.id


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_every_example_is_classified_by_its_own_rule(rule: Rule) -> None:
    """No other rule comes first: the specific stand before the general."""
    for example in rule.examples:
        found = judged(example)
        assert found.rule_id == rule.id, example["text"]
        assert (found.category, found.scope) == (rule.category.name, rule.category.scope)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.near], ids=name)
def test_near_misses_are_not_classified_by_the_rule(rule: Rule) -> None:
    """A code is read to its end: 5.1.1 is not the start of 5.1.10."""
    for example in rule.near:
        assert judged(example).rule_id != rule.id, example["text"]


@pytest.mark.parametrize(
    ("text", "phase", "mx", "category"),
    [
        # provider before general text, at its own MX hosts only
        ("550 5.5.0 Requested action not taken: mailbox unavailable", "rcpt",
         "example-com.mail.protection.outlook.com", "unknown_user"),
        ("550 spam detected", "dot", "mx1.free.fr", "spam"),
        ("550 5.2.1 The user is receiving mail at a rate", None, None, "throttled"),
        # text before the status code
        ("550 5.7.1 user unknown", "rcpt", None, "unknown_user"),
        ("550 5.1.1 mailbox full", "rcpt", None, "mailbox_full"),
        # the sender's address is not the recipient's
        ("550 5.1.0 <a@example.com>: Sender address rejected: User unknown in virtual alias table",
         "rcpt", None, "auth_other"),
        # the status code before words that leave doubt
        ("550 5.2.1 mailbox unavailable", "rcpt", None, "mailbox_disabled"),
        ("554 5.7.1 access denied", "rcpt", None, "policy"),
        # rate before the range of authentication, reverse DNS by its text, DMARC by its text
        ("421 4.7.28 sorry", "dot", None, "throttled"),
        ("550 5.7.28 sorry", "dot", None, "throttled"),
        ("550 5.7.25 sorry", "mail", None, "ip_reputation"),
        ("550 5.7.25 no PTR record for 192.0.2.1", "mail", None, "auth_other"),
        ("550 5.7.26 rejected by DMARC policy", "dot", None, "auth_dmarc"),
        ("550 5.7.26 Gmail requires all senders to authenticate", "dot", None, "auth_other"),
        # before RCPT nothing is about the recipient
        ("550 5.1.1 user unknown", "mail", None, "policy"),
        ("550 5.1.1 user unknown", "banner", None, "policy"),
        ("550 5.2.2 mailbox full", "mail", None, "policy"),
        ("551 moved", "connect", None, "policy"),
        # who replies has answered
        ("421 4.4.2 timeout", "rcpt", None, "temporary"),
        ("4.4.1 connection timed out", None, None, "no_answer"),
    ],
)  # fmt: skip
def test_the_stronger_evidence_wins(
    text: str, phase: str | None, mx: str | None, category: str
) -> None:
    """The order of stages, and the overlaps of codes that several reasons share."""
    found = classify(read_diagnostic(text).reply, Phase(phase) if phase else None, mx)
    assert found.category == category, found.rule_id


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 The user or domain that you are sending to (or from) has a policy",
        "550-Callout verification failed:\n550 Response: 550 <pm@example.com>: user unknown",
        "550 Sender unknown",
        "550 5.1.0 sender rejected",
        "553 5.1.7 Bad sender's mailbox address syntax",
        "501 bad sender address syntax",
        "550 invalid return path",
        "550 sending server domain name does not exist",
        "553 your domain (example.com) not found",
        "550 5.7.1 Sender address not found",
        "554 5.7.1 <mail.example.com>: Helo command rejected: Host not found",
        "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]",
        "535 authentication failed: invalid user or password",
        "554 Too many invalid recipients",
        "550 5.7.1 blocked: high rate of unknown users from 192.0.2.1",
        "550 5.7.1 You are not authorized to send mail to this recipient",
        "550 5.7.1 Your email address has been blocked",
        "550 5.7.1 Messages missing a valid address in From: header are not accepted",
        "450 4.1.1 <a@example.com>: Recipient address rejected: unverified address: host not found",
        "554 5.7.1 <a@example.com>: Recipient address rejected: Access denied",
        "550 The group you tried to contact may not exist, or you may not have permission",
        "552 5.2.3 Your message exceeds the size that this user may receive",
        "550 5.7.1 no PTR record found for your address",
        "554 5.7.1 sender IP not found in SPF record",
        "554 Transaction failed",
        "550 No",
    ],
)
def test_the_faults_of_others_never_cost_a_contact(text: str) -> None:
    """What speaks of the sender, the message or the moment is no hard bounce."""
    diagnostic = read_diagnostic(text)
    assert not classify(diagnostic.reply, Phase.RCPT).hard
    assert not classify(diagnostic.reply, None).hard


def test_stages_stand_in_the_order_of_evidence() -> None:
    """Provider, text, status codes, words in doubt, fields, commands, and the class at the end."""
    order = list(Stage)
    places = [order.index(rule.stage) for rule in RULES]
    assert places == sorted(places)
    assert set(places) == set(range(len(order)))


def test_what_is_hard_is_about_the_recipient_alone() -> None:
    """Only an address that is wrong suppresses its contact at once; scope says who is at fault."""
    hard = {rule.category.name for rule in RULES if rule.category.hard_after == 1}
    assert hard == {"unknown_user", "moved", "bad_domain"}
    assert all(r.category.scope is Scope.RECIPIENT for r in RULES if r.category.hard_after)


@pytest.mark.parametrize(
    ("category", "scope", "hard_after", "hubspot"),
    [
        ("unknown_user", "recipient", 1, "UNKNOWN_USER"),
        ("moved", "recipient", 1, "UNKNOWN_USER"),
        ("bad_domain", "recipient", 1, "DNS_FAILURE"),
        ("mailbox_disabled", "recipient", 2, "UNKNOWN_USER"),
        ("mailbox_full", "recipient", 3, "MAILBOX_FULL"),
        ("recipient_filtered", "recipient", None, "FILTERED"),
        ("recipient_restricted", "recipient", None, "SENDING_DOMAIN_MISCONFIGURATION"),
        ("spam", "message", None, "SPAM"),
        ("content", "message", None, "CONTENT"),
        ("too_large", "message", None, "CONTENT"),
        ("ip_reputation", "sender", None, "IP_REPUTATION"),
        ("domain_reputation", "sender", None, "DOMAIN_REPUTATION"),
        ("auth_dmarc", "sender", None, "DMARC"),
        ("auth_other", "sender", None, "SENDING_DOMAIN_MISCONFIGURATION"),
        ("policy", "sender", None, "POLICY"),
        ("throttled", "transient", None, "THROTTLED"),
        ("greylisted", "transient", None, "GREYLISTING"),
        ("temporary", "transient", None, "TEMPORARY_PROBLEM"),
        ("misconfigured_host", "transient", None, "ISP_MISCONFIGURATION"),
        ("dns_failure", "transient", None, "DNS_FAILURE"),
        ("uncategorized", "transient", None, "UNCATEGORIZED"),
    ],
)
def test_the_vocabulary(category: str, scope: str, hard_after: int | None, hubspot: str) -> None:
    """Each category has its scope, HubSpot's name, and the campaigns until suppression."""
    found = load_classifier().book.categories[category]
    assert (found.scope, found.hard_after, found.hubspot) == (scope, hard_after, hubspot)


VOCABULARY = """
[category]
gone = { scope = "recipient", hubspot = "UNKNOWN_USER", hard-after = 1 }
other = { scope = "transient" }
[provider-mx]
sample = ["mx.example.com"]
[[class]]
id = "rest"
pattern = ''
category = "other"
source = "here"
examples = ["550 x"]
"""
GOOD = """
[[text]]
id = "gone"
pattern = 'gone'
category = "gone"
source = "here"
examples = ["550 gone"]
"""


def test_a_sound_rule_book_is_read() -> None:
    """The base of the broken ones below is sound."""
    assert [rule.id for rule in read_rules([VOCABULARY, GOOD]).rules] == ["gone", "rest"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('category = "gone"', 'category = "lost"', "unknown category 'lost'"),
        ('category = "gone"', 'category = "gone"\nprovider = "sample"', "provider belongs"),
        ("[[text]]", '[[provider]]\nprovider = "nobody"', "unknown provider 'nobody'"),
        ("[[text]]", "[[provider]]", "provider belongs"),
        ("[[text]]", "[[words]]", "unknown table 'words'"),
        ("'gone'", "'gone('", "pattern that is none"),
        ("'gone'", "'<nowhere>'", "unknown word 'nowhere'"),
        ("'gone'", "'Gone'", "never stands"),
        ("'gone'", "'550 gone'", "not anchored"),
        ("'gone'", r"'\b550\b gone'", "no near miss"),
        ("'gone'", r"'5\.1\.1\b'", "not anchored"),
        ("'gone'", r"'\b5\.1\.1'", "not anchored"),
        ("'gone'", r"'\b550'", "not anchored"),
        ("pattern = 'gone'", 'enhanced = ["5.1.1"]', "no near miss"),
        ("pattern = 'gone'", 'enhanced = ["5.1"]', "no code"),
        ("pattern = 'gone'", 'code = ["55"]', "no code"),
        ("pattern = 'gone'", "", "asks for nothing"),
        ("pattern = 'gone'", "pattern = 'gone'\nphase = [\"quit\"]", "quit"),
        ("pattern = 'gone'", "pattern = 'gone'\nscope = \"nobody\"", "scope"),
        ("pattern = 'gone'", "pattern = 'gone'\nscope = \"sender\"", "hard"),
        ("pattern = 'gone'", "pattern = 'gone'\nfoo = 1", "unknown key 'foo'"),
        ('source = "here"', 'source = ""', "source"),
        ('["550 gone"]', "[]", "no example"),
        ('["550 gone"]', '[{ text = "550 gone", host = "x" }]', "unknown key 'host'"),
        ('id = "gone"', 'id = "rest"', "two rules"),
        ("[[text]]", "[[text", "no TOML"),
    ],
)
def test_a_broken_rule_book_is_refused(old: str, new: str, named: str) -> None:
    """What cannot be meant is an internal error that names the place."""
    assert old in GOOD
    with pytest.raises(InternalError, match=named):
        read_rules([VOCABULARY, GOOD.replace(old, new, 1)])


def test_a_rule_book_without_a_last_rule_is_refused() -> None:
    """Some rule must apply to every reply."""
    with pytest.raises(InternalError, match="class"):
        read_rules([VOCABULARY.partition("[[class]]")[0], GOOD])


def test_words_stand_for_their_alternatives() -> None:
    """A list under [word] is written once and used by name; two of one name are refused."""
    words = "[word]\naway = ['gone', 'left']\n"
    rules = read_rules([VOCABULARY, GOOD.replace("'gone'", "'<away> for good'"), words]).rules
    assert rules[0].pattern is not None
    assert rules[0].pattern.search("left for good")
    with pytest.raises(InternalError, match="two words"):
        read_rules([VOCABULARY, GOOD, words, words])


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.pattern], ids=name)
def test_no_pattern_takes_long_over_a_text_made_to_match_it_almost(rule: Rule) -> None:
    """The beginnings of a rule's own examples, said a hundred times, are searched in a moment."""
    assert rule.pattern is not None
    for example in rule.examples:
        text = normalise(read_diagnostic(example["text"]).reply).text
        start = time.process_time()
        rule.pattern.search((" ".join(text.split()[:3]) + " ") * 100)
        assert time.process_time() - start < 0.5, example["text"]


def test_a_suffix_has_one_owner() -> None:
    """Two providers cannot claim one MX site."""
    claims = '[provider-mx]\nother = ["mx.example.com"]\n'
    with pytest.raises(InternalError, match="two providers"):
        read_rules([VOCABULARY, claims, GOOD])


def test_mx_hosts_belong_to_providers_at_label_boundaries() -> None:
    """A name that only ends in the same letters is somebody else's."""
    book = load_classifier().book
    assert book.provider("ASPMX.L.Google.com.") == "google"
    assert book.provider("mx.notgoogle.com") is None
    assert book.provider("mta7.am0.yahoodns.net") == "yahoo"
    assert book.provider(None) is None


REGISTRY = {1: 10, 2: 4, 3: 6, 4: 7, 5: 6, 6: 11, 7: 30}  # the highest detail of each subject


@pytest.mark.parametrize("status_class", [4, 5])
@pytest.mark.parametrize("subject", REGISTRY)
def test_every_registered_status_code_has_a_category(status_class: int, subject: int) -> None:
    """IANA's registry of enhanced status codes, whatever the words around them."""
    for detail in range(REGISTRY[subject] + 1):
        text = f"{status_class}50 {status_class}.{subject}.{detail} sorry"
        found = judged({"text": text})
        assert found.category != "uncategorized", text


@pytest.mark.parametrize(
    ("text", "category", "hard"),
    [
        ("550 example.com From: Domain is invalid. Provide a valid From.", "auth_other", False),
        ("550 The user does not accept email in non-Latin letters", "recipient_filtered", False),
        ("X-Unix; 255", "misconfigured_host", False),
        ("x-unix; user unknown", "unknown_user", True),
        ("550 Error: MAIL FROM is mismatched with the From header", "auth_other", False),
        ("550 5.0.0 <user@example.com>... No permit", "policy", False),
        (
            '550-"The recipient cannot be verified. Please check all recipients',
            "unknown_user",
            True,
        ),
    ],
)
def test_what_is_easily_mistaken(text: str, category: str, hard: bool) -> None:
    """A sender's domain is no recipient's, and the end of a program is no SMTP code."""
    found = judged({"text": text})
    assert (found.category, found.hard) == (category, hard)

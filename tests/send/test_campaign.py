"""CAMPAIGN.toml: what it may say, what it refuses, and when two are one campaign."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest
from campaigns import CAMPAIGN, CONTACTS, HTML, campaign, config, written

from sendgate.audit.infer import SenderOptions
from sendgate.errors import InputError, SourceError
from sendgate.names import Domain
from sendgate.profile import SenderKind
from sendgate.send.address import Address, Mailbox
from sendgate.send.campaign import DkimKey, Kind, TlsPolicy, Transport
from sendgate.send.campaign_file import load_campaign
from sendgate.send.span import Span

SMALL = """
name = "small"
kind = "transactional"
[message]
from = "hello@news.example.com"
subject = "Hello"
text = "news.txt.j2"
[contacts]
file = "contacts.csv"
"""


def refused(folder: Path, text: str, **files: str) -> str:
    with pytest.raises(InputError) as caught:
        campaign(folder, text, **files)
    return str(caught.value)


def test_every_key_ends_as_a_typed_value(tmp_path: Path) -> None:
    """The example of the README, with its paths beside the file."""
    read = campaign(tmp_path)
    assert (read.name, read.kind, read.sender_name) == (
        "november-news", Kind.MARKETING, "newsletter",
    )  # fmt: skip
    assert read.sending == Domain("news.example.com")
    assert read.return_path == Domain("12345m.example.com")
    assert read.sender == SenderOptions(
        return_path=Domain("12345m.example.com"), sender=SenderKind.OWN
    )
    assert read.message.author == Mailbox(Address.parse("hello@news.example.com"), "Example News")
    assert read.message.reply_to == Mailbox(Address.parse("support@example.com"))
    assert read.message.subject == "Hello {{ first_name }}"
    assert (read.message.html, read.message.text) == ("news.html.j2", "news.txt.j2")
    assert read.message.sources["news.html.j2"] == HTML
    assert read.contacts == tmp_path / "contacts.csv"
    assert read.unsubscribe_url == "https://www.example.com/u/{token}"
    assert read.dkim_keys == (DkimKey(Domain("news.example.com"), "s1", tmp_path / "s1.pem"),)
    assert read.transport == Transport(
        25, Domain("mail.example.com"), (ipaddress.ip_address("192.0.2.10"),),
        TlsPolicy.OPPORTUNISTIC,
    )  # fmt: skip
    assert (read.recheck, read.rate, read.unengaged_after) == (timedelta(hours=1), 100.0, None)
    assert read.store is None


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """Only name, kind, message and contacts are needed; the sender is the one of From's domain."""
    read = campaign(tmp_path, SMALL, text="Hello")
    assert read.sender_name == "newsletter"
    assert read.transport == Transport()
    assert (read.recheck, read.rate, read.unsubscribe_url) == (timedelta(hours=1), None, None)
    assert (read.dkim_keys, read.message.html, read.message.reply_to) == ((), None, None)
    alone = load_campaign(written(tmp_path, SMALL), config(tmp_path, ""), lambda _: None)
    assert (alone.sender, alone.return_path) == (SenderOptions(), Domain("news.example.com"))


def test_a_sender_may_stand_in_the_campaign(tmp_path: Path) -> None:
    """An inline [sender] has the keys of a [[sender]]; `from` may be left to the message."""
    text = CAMPAIGN.replace('sender = "newsletter"', "")
    read = campaign(tmp_path, text + '[sender]\nips = ["192.0.2.1"]\nreceivers = ["google-bulk"]')
    assert read.sender.ips == (ipaddress.ip_address("192.0.2.1"),)
    said = refused(tmp_path, text + '[sender]\nretrun-path = "a.example"')
    assert "campaign.toml: [sender]: unknown key 'retrun-path'; did you mean 'return-path'?" in said


def test_a_store_is_named_beside_the_file(tmp_path: Path) -> None:
    """A relative path is relative to the file, an absolute one stays."""
    at = f'store = "sqlite:///send.db"\n{CAMPAIGN}'
    assert campaign(tmp_path, at).store == tmp_path / "send.db"
    at = f'store = "sqlite:////var/lib/send.db"\n{CAMPAIGN}'
    assert campaign(tmp_path, at).store == Path("/var/lib/send.db")


def replaced(old: str, new: str) -> str:
    assert old in CAMPAIGN
    return CAMPAIGN.replace(old, new)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = [", "not a TOML file"),
        (f"knd = 1\n{CAMPAIGN}", "unknown key 'knd'; did you mean 'kind'?"),
        (replaced("reply-to", "replyto"), "[message]: unknown key 'replyto'; did you mean 'reply-"),
        (replaced("recheck", "re-check"), "[gate]: unknown key 're-check'; did you mean 'recheck"),
        (replaced("selector =", "selektor ="), "unknown key 'selektor'; did you mean 'selector'?"),
        (
            replaced('kind = "direct"', 'kind = "relay"'),
            "transport.kind: expected 'direct', got the text 'relay'",
        ),
        (replaced('"marketing"', '"marketting"'), "expected one of marketing, transactional, one-"),
        (replaced('"marketing"', "1"), "kind: expected one of marketing, transactional"),
        (replaced('name = "november-news"', ""), "name is missing"),
        (replaced('"november-news"', '" "'), "name: expected a text, got an empty text"),
        (replaced('"november-news"', '"a\\nb"'), "printable characters"),
        (replaced('"newsletter"', '"newslettr"'), "did you mean 'newsletter'?"),
        (replaced('"newsletter"', "3"), "expected the name of a [[sender]] or a table"),
        (replaced("hello@news.example.com", "hello@example.com"), "but the sender is news.example"),
        (replaced("hello@news.example.com", "hello"), "message.from: 'hello' has no @"),
        (replaced("Example News", "{{ name }}"), "message.from: is the same for everybody"),
        (replaced("support@", "sup\\r\\nport@"), "message.reply-to: "),
        (replaced("hello@", "hellö@"), "ASCII local part"),
        (replaced("Hello {{ first_name }}", "a\\nb"), "a subject is one line"),
        (replaced('"Hello {{ first_name }}"', "7"), "message.subject: expected a text, got the n"),
        (replaced('html = "news.html.j2"\ntext = "news.txt.j2"', ""), "needs html or text"),
        (replaced("contacts.csv", "gone.csv"), "contacts.file: "),
        (replaced('file = "contacts.csv"', ""), "contacts.file is missing"),
        (replaced("/u/{token}", "/u/"), "expected {token} in it once"),
        (replaced("/u/{token}", "/u/{token}/{token}"), "expected {token} in it once"),
        (replaced("/u/{token}", "/u/{token}/{x}"), "a character no URL may have"),
        (replaced("/u/{token}", f"/{'u' * 800}/{{token}}"), "expected at most 800 characters"),
        (replaced("/u/{token}", "/u/ä{token}"), "a character no URL may have"),
        (replaced("https://www.example.com/u/", "www.example.com/"), "expected an https address"),
        (replaced("https://www.example.com/u/", "ftp://a.example/"), "expected an https address"),
        (replaced("www.example.com/u/{token}", "{token}.example.com/"), "behind the host's name"),
        (
            replaced(
                '"s1.pem" }]',
                '"s1.pem" }, { domain = "news.example.com", selector = "S1", file = "x" }]',
            ),
            "two keys have one domain and selector",
        ),
        (replaced('"s1.pem" }]', '"s1.pem" }, 3]'), "dkim.keys: expected a list of tables"),
        (replaced('selector = "s1"', 'selector = "s1._domainkey"'), "is not a selector"),
        (replaced(', file = "s1.pem"', ""), "dkim.keys 1.file is missing"),
        (replaced("port = 25", "port = 0"), "port: expected a whole number from 1 to 65535"),
        (replaced("port = 25", "port = true"), "port: expected a whole number"),
        (replaced("mail.example.com", "mail..example.com"), "transport.helo: "),
        (replaced('["192.0.2.10"]', '"192.0.2.10"'), "expected a list of texts"),
        (replaced('["192.0.2.10"]', '["mail"]'), "'mail' is not an IP address"),
        (replaced('"opportunistic"', '"none"'), "tls: expected one of opportunistic, required"),
        (replaced('"1h"', '"soon"'), "gate.recheck: 'soon' is not a duration"),
        (replaced('"1h"', "3600"), "expected a duration such as '1h', got the number 3600"),
        (replaced('"1h"', '"2d"'), "gate.recheck: expected between 1s and 1d"),
        (replaced('"100/s"', '"100"'), "limits.rate: '100' is not a rate"),
        (replaced('unengaged-after = ""', 'unengaged-after = "soon"'), "is not a span"),
        (f"message = 3\n{CAMPAIGN.partition('[message]')[0]}", "message: expected a table"),
        (f'store = "postgresql://db"\n{CAMPAIGN}', "store: 'postgresql://db' is not supported"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    """File, key, what was expected, what was found; an unknown key with the nearest."""
    message = refused(tmp_path, text)
    assert said in message
    assert "campaign.toml" in message
    assert message.isprintable()


def test_unengaged_after_is_a_span(tmp_path: Path) -> None:
    """Empty means: only report them."""
    text = replaced('unengaged-after = ""', 'unengaged-after = "6 months"')
    assert campaign(tmp_path, text).unengaged_after == Span(months=6)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A campaign, or a template, that cannot be read."""
    with pytest.raises(SourceError, match=r"gone\.toml: cannot be read: no such file"):
        load_campaign(tmp_path / "gone.toml", config(tmp_path), lambda _: None)
    with pytest.raises(SourceError, match=r"gone\.j2: the template cannot be read"):
        campaign(tmp_path, replaced("news.html.j2", "gone.j2"))


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (replaced("november-news", "december-news"), {}),
        (replaced("Hello {{", "Good day {{"), {}),
        (replaced("support@", "help@"), {}),
        (replaced("/u/", "/unsubscribe/"), {}),
        (replaced('"marketing"', '"one-to-one"'), {}),
        (CAMPAIGN, {"html": HTML + " "}),
        (CAMPAIGN, {"contacts": CONTACTS + "ann@example.net,Ann,2026-05-01,form,x,yes\n"}),
        (CAMPAIGN, {"html": '{% include "part.j2" %}' + HTML, "part.j2": "other"}),
    ],
)
def test_what_is_sent_makes_the_campaign(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    """A change of content, contacts, or of an included template makes it another."""
    included = {"html": '{% include "part.j2" %}' + HTML, "part.j2": "one"}
    before = campaign(tmp_path, CAMPAIGN, **(included if "part.j2" in files else {})).fingerprint
    assert campaign(tmp_path, text, **files).fingerprint != before


@pytest.mark.parametrize(
    "text",
    [
        CAMPAIGN,
        "# a remark\n" + CAMPAIGN,
        replaced('"100/s"', '"10/s"'),
        replaced('"1h"', '"30m"'),
        replaced("192.0.2.10", "192.0.2.11"),
        replaced("s1.pem", "s2.pem"),
    ],
)
def test_how_it_is_sent_may_change(tmp_path: Path, text: str) -> None:
    """Pace, transport and keys may change while a campaign runs."""
    before = campaign(tmp_path).fingerprint
    assert campaign(tmp_path, text).fingerprint == before


def test_the_folder_makes_no_other_campaign(tmp_path: Path) -> None:
    """The same files elsewhere are the same campaign."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert campaign(tmp_path / "a").fingerprint == campaign(tmp_path / "b").fingerprint


def test_contacts_that_change_are_noticed(tmp_path: Path) -> None:
    """A list that is written anew while it is read is not what was hashed."""
    found = campaign(tmp_path)
    found.check_contacts()
    found.contacts.write_text("email\n", "utf-8")
    with pytest.raises(InputError, match="the contacts changed while they were read"):
        found.check_contacts()
    found.contacts.unlink()
    with pytest.raises(InputError, match="the contacts changed while they were read"):
        found.check_contacts()

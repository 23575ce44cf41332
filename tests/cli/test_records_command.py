"""`sendgate records`: what is printed where, the exit codes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from send_setup import rsa_key

from sendgate.cli.schema import read_schema

Run = Callable[..., Any]

ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  MX 10 mail
ns1 A 192.0.2.53
mail A 192.0.2.25
news MX 10 mail
"""


@pytest.fixture
def zone(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a zone with some lines more, and give the arguments that read it alone."""

    def write(*lines: str) -> list[str]:
        (tmp_path / "x.zone").write_text(ZONE + "\n".join(lines) + "\n", encoding="utf-8")
        return ["--zone", "x.zone", "--offline"]

    return write


Zone = Callable[..., list[str]]


def document(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(json.loads(read_schema("records"))).validate(found)
    return found


def test_a_healthy_sender_needs_nothing(sendgate: Run, healthy: list[str]) -> None:
    """Nothing to publish, exit 0, in each form and as JSON."""
    for form in ("bind", "octodns", "dnscontrol", "terraform", "route53"):
        done = sendgate("records", *healthy, "--as", form)
        assert done.exit_code == 0, done.stderr
        assert "nothing to publish; the audit passes as it is" in done.stdout
    found = document(sendgate("records", *healthy, "--format", "json"))
    assert [found["add"], found["change"], found["remove"], found["needed"]] == [[], [], [], []]
    assert found["verdict"] == {"before": "pass", "after": "pass"}


def test_the_records_are_alone_on_stdout(sendgate: Run, zone: Zone, tmp_path: Path) -> None:
    """The reasons go to stderr, and to the comments of the form."""
    (tmp_path / "s1.pem").write_bytes(rsa_key())
    arguments = ["news.example.com", "--return-path", "bounce.example.com", "--sender", "own",
                 "--ip", "192.0.2.25", "--dkim-key", "s1=s1.pem", "--rua", "d@example.com",
                 "--shown", "bounce.example.com MX 10 mail.example.com"]  # fmt: skip
    done = sendgate("records", *arguments, *zone())
    assert "PRIVATE" not in done.output
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(";")]
    assert [line.split()[:4] for line in lines] == [
        ["_dmarc.example.com.", "3600", "IN", "TXT"],
        ["bounce.example.com.", "3600", "IN", "MX"],
        ["bounce.example.com.", "3600", "IN", "TXT"],
        ["s1._domainkey.news.example.com.", "3600", "IN", "TXT"],
    ]
    assert '"v=DMARC1; p=none; rua=mailto:d@example.com"' in done.stdout
    assert '"v=spf1 ip4:192.0.2.25 ~all"' in done.stdout
    assert "add s1._domainkey.news.example.com TXT" in done.stderr
    assert sendgate("records", *arguments, *zone(), "--quiet").stderr == ""


def test_what_is_not_known_is_needed(sendgate: Run, zone: Zone) -> None:
    """A key that nobody supplied is asked for, with its option, and the exit code says so."""
    done = sendgate("records", "news.example.com", "--provider", "google-workspace",
                    "--selector", "google", *zone())  # fmt: skip
    assert done.exit_code == 1
    assert "will not until what is needed is known" in done.stdout
    assert "needed: the public key that signs with the selector google" in done.stdout
    assert "--dkim-key google=FILE.pem" in done.stderr
    found = document(
        sendgate("records", "news.example.com", "--provider", "google-workspace",
                 "--selector", "google", *zone(), "--format", "json")
    )  # fmt: skip
    assert [need["name"] for need in found["needed"]] == ["google._domainkey.news.example.com"]
    assert [one["rule"] for one in found["left"] if one["severity"] == "error"] == ["DKIM001"]


def test_what_was_not_seen_is_not_absent(sendgate: Run) -> None:
    """Where nothing can be asked, nothing is proposed, and the exit code is 3."""
    done = sendgate("records", "news.example.com", "--provider", "hubspot", "--offline",
                    "--return-path", "rp.example.com", "--selector", "hs1-1", "--format", "json",
                    "--rua", "d@example.com", "--ip", "192.0.2.1",
                    "--shown", "rp.example.com MX 0 mx.hubapi.com",
                    "--shown", "x.example.com TXT token=1")  # fmt: skip
    assert done.exit_code == 3
    found = document(done)
    assert [found["add"], found["change"], found["remove"]] == [[], [], []]
    assert found["unseen"]
    assert found["verdict"]["after"] == "unknown"


def test_an_unconfirmed_row_is_said(sendgate: Run, zone: Zone) -> None:
    """What the catalogue's sources do not show is marked where it is proposed."""
    done = sendgate("records", "news.example.com", "--provider", "campaigner",
                    "--selector", "em", *zone())  # fmt: skip
    assert "dkim.emailcampaigns.net." in done.stdout
    assert "the catalogue's sources do not confirm this" in done.stdout
    assert "do not confirm" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "hubspott"], "did you mean 'hubspot'?"),
        (["--as", "octodsn"], "did you mean 'octodns'?"),
        (["--terraform-provider", "azure"], "did you mean 'azurerm'?"),
        (["--shown", "s1 is wrong"], "NAME TYPE VALUE"),
        (["--shown", "a.example.com CNAME a..b"], "empty label"),
        (["--shown", "a.example.com MX x"], "--shown"),
        (["--shown", "a\\;b.example.com TXT x"], "names are letters"),
        (["--dkim-key", "nowhere.pem"], "SELECTOR=FILE"),
        (["--dkim-key", "s1=nowhere.pem"], "cannot be read"),
        (["--dkim-key", "s1=x.zone"], "neither a public key"),
        (["--rua", "not an address"], "--rua"),
        (["--rua", "a;p=none@example.com"], "--rua"),
        (["--rua", "a@example.com,mailto:b@example.com"], "--rua"),
        (["--in-zone", "a..b"], "--in-zone"),
    ],
)
def test_usage_errors_name_what_was_meant(
    sendgate: Run, zone: Zone, arguments: list[str], words: str
) -> None:
    """Exit 2, and nothing on stdout."""
    done = sendgate("records", "news.example.com", *arguments, *zone())
    assert done.exit_code == 2, done.stdout
    assert words in done.stderr
    assert done.stdout == ""


def test_a_zone_line_is_taken_as_shown(sendgate: Run, zone: Zone) -> None:
    """Pages show TTL and class, quotes and final dots, or none of these."""
    for text in ("t.example.com TXT a b; c", 't.example.com. 300 IN TXT "a b" "; c"',
                 't.example.com\tIN 300 txt "a b; c"'):  # fmt: skip
        done = sendgate("records", "news.example.com", "--shown", text, *zone())
        assert 't.example.com. 3600 IN TXT "a b; c"' in done.stdout, done.output


def test_one_zone_of_several_is_chosen(sendgate: Run, zone: Zone) -> None:
    """A form that holds one zone says so, and --in-zone chooses it."""
    arguments = ["news.example.com", "--as", "route53", "--shown", "t.example.net TXT x",
                 *zone("$ORIGIN example.net.", "@ SOA ns1 h 1 7200 3600 1209600 300", "  NS ns1",
                       "ns1 A 192.0.2.1")]  # fmt: skip
    done = sendgate("records", *arguments)
    assert done.exit_code == 2
    assert "--in-zone" in done.stderr
    done = sendgate("records", *arguments, "--in-zone", "example.net")
    (change,) = json.loads(done.stdout)["Changes"]
    assert change["ResourceRecordSet"]["Name"] == "t.example.net."


def test_the_sender_of_the_configuration_is_used(sendgate: Run, zone: Zone, tmp_path: Path) -> None:
    """A [[sender]] supplies what the options leave out; two of one domain have to be told apart."""
    sender = '[[sender]]\nname = "{0}"\nfrom = "news.example.com"\nprovider = "{0}"\n'
    (tmp_path / "sendgate.toml").write_text(sender.format("mailchimp"), encoding="utf-8")
    done = sendgate("records", "news.example.com", *zone())
    assert "k2._domainkey.news.example.com. 3600 IN CNAME dkim2.mcsv.net." in done.stdout
    two = sender.format("mailchimp") + sender.format("zendesk")
    (tmp_path / "sendgate.toml").write_text(two, encoding="utf-8")
    done = sendgate("records", "news.example.com", *zone())
    assert done.exit_code == 2
    assert "--provider" in done.stderr
    done = sendgate("records", "news.example.com", "--provider", "zendesk", *zone())
    assert "zendesk1._domainkey" in done.stdout

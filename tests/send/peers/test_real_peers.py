"""Campaigns to real receivers, by the real command line, in a network where nothing is bent.

Postfix with opendkim, policyd-spf and opendmarc, Exim, knot, unbound and an HTTPS host of
MTA-STS policies stand at addresses of their own and at the ports where they belong. One run
of `sendgate send` mails one recipient of each domain in `cases`; nothing but the authority of
the receivers' certificates is told to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path

import pytest
from send.peers.cases import CASES
from send.peers.island import Island
from send.peers.names import SENDER, SENDER_6
from send.peers.receivers import NAME
from send.peers.sending import (
    Sent,
    files,
    logged,
    queued,
    read,
    sendgate,
    sending,
    settle,
    words,
)

VERIFIED = "TLSv1.3 (verified)"
BY_DANE = "TLSv1.3 (dane)"
ANY = "TLSv1.3 (unverified)"
DELIVERED = {  # by which server, and over what
    "plain": ("postfix", ANY),
    "stranger": ("postfix", ANY),
    "clear": ("postfix", None),
    "utf8": ("postfix", ANY),
    "six": ("postfix", ANY),
    "down": ("exim", ANY),
    "banner": ("exim", ANY),
    "closing": ("exim", ANY),
    "full": ("exim", ANY),
    "sts-right": ("postfix", VERIFIED),
    "sts-right-exim": ("exim", VERIFIED),
    "sts-second": ("exim", VERIFIED),
    "dane-right": ("postfix", BY_DANE),
    "dane-right-exim": ("exim", BY_DANE),
    "dane-anchor": ("postfix", BY_DANE),
    "dane-anchor-exim": ("exim", BY_DANE),
}
UNMET = {  # and why
    "sts-name": "the certificate is not for mx.sts-name.example.net",
    "sts-name-exim": "the certificate is not for mx.sts-name-exim.example.net",
    "sts-mended-exim": "the certificate is not for mx.sts-mended-exim.example.net",
    "sts-stranger": "self-signed certificate in certificate chain",
    "sts-clear": "STARTTLS is not offered",
    "sts-unlisted": "does not name mx.sts-unlisted.example.net",
    "dane-wrong": "no TLSA record matches the certificate",
    "dane-wrong-exim": "no TLSA record matches the certificate",
    "dane-clear": "STARTTLS is not offered",
    "dane-anchor-name": "no TLSA record matches the certificate",
}


@pytest.fixture(scope="module")
def sent() -> Iterator[Sent]:
    """Everything is started, and the campaign is sent, once for all tests."""
    with sending() as found:
        yield found


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The counts that are not zero, as a run has printed them."""
    numbers: dict[str, int] = json.loads(done.stdout)["counts"]
    return {key: number for key, number in numbers.items() if number}


def test_every_recipient_has_its_outcome(sent: Sent) -> None:
    """The gate passes on what the resolver says; what is not delivered waits: exit code 4."""
    status = json.loads(sent.done.stdout)
    counts = {key: number for key, number in status["counts"].items() if number}
    assert counts == {
        "eligible": len(CASES),
        "delivered": len(DELIVERED),
        "deferred": len(UNMET) + 1,
    }
    assert sent.done.returncode == 4, sent.done.stderr
    assert set(DELIVERED) | set(UNMET) | {"dot"} == set(CASES)


def test_nothing_arrives_twice_or_elsewhere(sent: Sent) -> None:
    """One message for each that was delivered, and no other in any mailbox or queue."""
    found = sorted(str(read(octets)["Message-ID"]) for octets in sent.mail.values())
    told = (entry for entry in sent.log.values() if entry["event"] == "delivered")
    assert found == sorted(entry["message_id"] for entry in told)
    assert len(set(found)) == len(DELIVERED)
    assert queued(sent.island) == []


def calls(log: Path) -> int:
    """How many connections a server has written down."""
    return len(re.findall("connect(?:ion)? from", log.read_text()))


def test_run_again_it_calls_nobody(sent: Sent) -> None:
    """What was delivered is done, and what was deferred is not due yet."""
    logs = [sent.island.log("postfix"), sent.island.folder / "exim/log/mainlog"]
    before = [calls(log) for log in logs]
    again = sendgate(sent.island, "send", "campaign.toml", "--no-wait", "--format", "json")
    assert again.returncode == 4, again.stderr
    assert counts(again) == counts(sent.done)
    assert [calls(log) for log in logs] == before


def test_tls_that_the_campaign_requires(sent: Sent) -> None:
    """With ``tls = "required"`` any certificate will do, but in the clear there is no mail."""
    stranger, clear = CASES["stranger"], CASES["clear"]
    campaign = another(sent.island, "few", {"[transport]": '[transport]\ntls = "required"'})
    head, *rows = (sent.island.folder / "contacts.csv").read_text("utf-8").splitlines(True)
    few = [row for row in rows if row.partition(",")[0] in {stranger.recipient, clear.recipient}]
    (sent.island.folder / "few.csv").write_text("".join([head, *few]), "utf-8")
    done = sendgate(sent.island, "send", campaign, "--no-wait", "--format", "json")
    assert counts(done) == {"eligible": 2, "delivered": 1, "deferred": 1}, done.stderr
    assert words(sent.island, clear.hosts[0]).count(": client=") == 1  # of the first campaign
    entries = {entry["recipient"]: entry for entry in logged(sent.island, "few.db")}
    waiting, delivered = entries[clear.recipient], entries[stranger.recipient]
    assert (waiting["category"], waiting["text"]) == ("tls_policy", "STARTTLS is not offered")
    assert delivered["tls"] == ANY


def another(island: Island, name: str, change: Mapping[str, str]) -> str:
    """A campaign file like the first, with names of its own for contacts and store."""
    text = (island.folder / "campaign.toml").read_text("utf-8")
    for old, new in {"contacts.csv": f"{name}.csv", "store.db": f"{name}.db", **change}.items():
        assert old in text
        text = text.replace(old, new)
    (island.folder / f"{name}.toml").write_text(text, "utf-8")
    return f"{name}.toml"


def test_what_waited_arrives_once_the_host_is_mended(sent: Sent) -> None:
    """Deferred for its certificate, then due again while the host shows the right one."""
    case, folder = CASES["sts-mended-exim"], sent.island.folder
    (host,) = case.hosts
    shutil.copy(folder / "store.db", folder / "mended.db")
    shutil.copy(folder / "contacts.csv", folder / "mended.csv")
    with contextlib.closing(sqlite3.connect(folder / "mended.db", isolation_level=None)) as store:
        store.execute("UPDATE recipient SET due = 0 WHERE address = ?", (case.recipient,))
    right, _ = sent.authority.issue(folder / "tls", [host.name], file="mended.pem")
    chain = folder / "exim" / "tls" / f"{host.address}.pem"
    chain.write_bytes(right.read_bytes())
    done = sendgate(sent.island, "send", another(sent.island, "mended", {}), "--no-wait",
                    "--format", "json")  # fmt: skip
    delivered, deferred = len(DELIVERED) + 1, len(UNMET)
    assert counts(done) == {"eligible": len(CASES), "delivered": delivered, "deferred": deferred}
    settle(sent.island)
    (path,) = files(sent.island, f"exim/mail/{case.domain}")
    entries = logged(sent.island, "mended.db")
    first, second = (entry for entry in entries if entry["recipient"] == case.recipient)
    assert (first["event"], second["event"]) == ("deferred", "delivered")
    assert (second["attempt"], second["tls"]) == (2, VERIFIED)
    assert read(path.read_bytes())["Message-ID"] == second["message_id"]


@pytest.mark.parametrize("label", DELIVERED)
def test_what_may_be_delivered_is(sent: Sent, label: str) -> None:
    """To the host that takes it, over TLS, of the strength that its domain demands."""
    server, tls = DELIVERED[label]
    entry, host = sent.log[label], CASES[label].hosts[-1]
    assert (entry["event"], entry["tls"]) == ("delivered", tls)
    assert (entry["mx"], entry["address"]) == (host.name, host.address)
    (mail,) = sent.mails(label, server)
    assert mail["Message-ID"] == entry["message_id"]
    received = " ".join(str(mail["Received"]).split())
    assert "mail.example.com" in received
    assert (f"[IPv6:{SENDER_6}]" if label == "six" else f"[{SENDER}]") in received
    assert bool(re.search(r"TLSv?1\.3", received)) is (tls is not None)
    assert mail["Subject"] == "Hello Zoë"
    assert mail.get_content().startswith("Hello Zoë\n\nTo stop: https://www.example.com/u/")


@pytest.mark.parametrize("label", UNMET)
def test_what_the_recipients_policy_forbids_waits(sent: Sent, label: str) -> None:
    """Deferred for the policy's sake; the host was called, and heard of no message."""
    entry, (host,) = sent.log[label], CASES[label].hosts
    assert (entry["event"], entry["category"]) == ("deferred", "tls_policy")
    assert UNMET[label] in entry["text"]
    said = sent.words[host.name]
    if label == "sts-unlisted":
        assert said == ""  # a host that the policy does not name is not even called
    else:
        assert "connect" in said
    if "clear" in label:
        assert " quit=1 " in said
    assert not re.search(r" mail=|: client=| <= |NOQUEUE", said)
    assert sent.mails(label, host.server) == []


@pytest.mark.parametrize("label", ["banner", "closing", "full", "sts-second"])
def test_the_first_host_was_called_first(sent: Sent, label: str) -> None:
    """It is no accident that Exim has it: the other one turned it away."""
    first, _ = CASES[label].hosts
    turned_away = {
        "banner": "554 5.7.1", "closing": "421 4.3.2", "full": "452 4.3.1",
        "sts-second": "SSL_accept error",
    }  # fmt: skip
    assert turned_away[label] in sent.words[first.name]


def test_a_host_that_has_seen_the_dot_is_the_last_one(sent: Sent) -> None:
    """Refused for now after the final dot: deferred, and the second host is not called."""
    entry, (first, _) = sent.log["dot"], CASES["dot"].hosts
    assert (entry["event"], entry["code"], entry["mx"]) == ("deferred", "450", first.name)
    assert "END-OF-MESSAGE" in sent.words[first.name]
    assert sent.mails("dot", "exim") == sent.mails("dot", "postfix") == []


@pytest.mark.parametrize(
    "label", [label for label, how in DELIVERED.items() if how[0] == "postfix"]
)
def test_what_postfix_stores_is_authenticated(sent: Sent, label: str) -> None:
    """Both signatures are good, the path is the sender's, and DMARC passes."""
    (mail,) = sent.mails(label, "postfix")
    found = results(mail)
    assert sorted(found) == ["dkim", "dmarc", "spf"]
    assert re.findall(r"dkim=(\w+)", found["dkim"]) == ["pass", "pass"]
    assert re.findall(r"header\.a=(\S+)", found["dkim"]) == ["rsa-sha256", "ed25519-sha256"]
    assert re.findall(r"header\.d=(\S+)", found["dkim"]) == ["news.example.com"] * 2
    assert "(2048-bit key;" in found["dkim"]
    assert found["spf"].startswith("spf=pass ")
    assert " smtp.mailfrom=bounce.news.example.com " in found["spf"]
    assert f"client-ip={SENDER_6 if label == 'six' else SENDER};" in found["spf"]
    assert found["dmarc"] == "dmarc=pass (p=reject dis=none) header.from=news.example.com"


def results(mail: EmailMessage) -> dict[str, str]:
    """The Authentication-Results of a message by method."""
    texts = [" ".join(str(one).split()) for one in mail.get_all("Authentication-Results", [])]
    assert all(text.startswith(f"{NAME}; ") for text in texts)
    return {
        text.partition("=")[0]: text for text in (text.removeprefix(f"{NAME}; ") for text in texts)
    }


@pytest.mark.parametrize("label", [label for label, how in DELIVERED.items() if how[0] == "exim"])
def test_exim_verifies_both_signatures(sent: Sent, label: str) -> None:
    """Another verifier, of another library, with the same result."""
    (mail,) = sent.mails(label, "exim")
    log = (sent.island.folder / "exim/log/mainlog").read_text()
    number = re.search(r"\bid (\S+)", str(mail["Received"]))
    assert number is not None
    lines = [line for line in log.splitlines() if f" {number[1]} DKIM: d=news.example.com " in line]
    assert all("[verification succeeded]" in line for line in lines)
    assert sorted(re.findall(r" a=(\S+)", "".join(lines))) == ["ed25519-sha256", "rsa-sha256"]


FORGER = """\
import json, smtplib, sys
host, source, message = sys.argv[1:]
data = open(message, "rb").read()
for sender, text in (
    ("a@bounce.news.example.com", data),
    ("a@forger.example.net", data),
    ("a@forger.example.net", data.replace(b"To stop", b"To halt")),
):
    with smtplib.SMTP(host, 25, "mx.other.example.net", source_address=(source, 0)) as client:
        try:
            client.sendmail(sender, ["joe@plain.example.net"], text)
            print("taken")
        except smtplib.SMTPRecipientsRefused as error:
            print(*error.recipients.values())
        except smtplib.SMTPDataError as error:
            print((error.smtp_code, error.smtp_error))
"""


def test_the_receiver_would_have_refused_a_forgery(sent: Sent) -> None:
    """From elsewhere: not our path; forwarded as it was, it is good; altered, it is refused."""
    (octets,) = (text for path, text in sent.mail.items() if "plain.example.net" in path.parts)
    copy = sent.island.folder / "copy.eml"
    copy.write_bytes(octets[octets.index(b"DKIM-Signature:") :])
    host, elsewhere = CASES["plain"].hosts[0].address, CASES["down"].hosts[0].address
    arguments = [sys.executable, "-c", FORGER, host, elsewhere, str(copy)]
    done = sent.island.run(arguments, dict(os.environ))
    path, taken, altered = done.stdout.splitlines()
    assert "SPF fail - not authorized" in path, done.stderr
    assert taken == "taken"
    assert "rejected by DMARC policy" in altered


SEEN = {  # by `audit --probe-smtp`
    "dane-right": "match",
    "dane-right-exim": "match",
    "dane-wrong": "mismatch",
    "dane-wrong-exim": "mismatch",
    "dane-clear": "no_starttls",
    "dane-anchor": "match",
    "dane-anchor-exim": "match",
    "dane-anchor-name": "mismatch",
}


def test_an_audit_sees_what_the_hosts_show(sent: Sent) -> None:
    """At port 25, by the system's validating resolver: where a campaign's mail would go or not."""
    domains = [CASES[label].domain for label in SEEN]
    options = ["--probe-smtp", "--allow-private", "--format", "jsonl", "--select", "DANE"]
    done = sendgate(sent.island, "audit", *domains, *options)
    reports = {
        report["domain"].partition(".")[0]: report
        for report in map(json.loads, done.stdout.splitlines())
    }
    dane = {label: report["facts"]["dane"] for label, report in reports.items()}
    assert {label: facts["state"] for label, facts in dane.items()} == dict.fromkeys(SEEN, "secure")
    calls = {label: facts["hosts"][0]["probe"] for label, facts in dane.items()}
    assert {label: [call["result"] for call in found] for label, found in calls.items()} == {
        label: [result] for label, result in SEEN.items()
    }
    assert "is not for mx.dane-anchor-name" in calls["dane-anchor-name"][0]["detail"]
    failed = {label for label, report in reports.items() if report["verdict"] == "fail"}
    assert failed == {label for label, result in SEEN.items() if result == "mismatch"}
    assert done.returncode == 1, done.stderr


def test_an_audit_calls_no_address_off_the_internet(sent: Sent) -> None:
    """The hosts here stand at documentation addresses: without --allow-private it is unknown."""
    domain = CASES["dane-right"].domain
    done = sendgate(
        sent.island, "audit", domain, "--probe-smtp", "--format", "json", "--select", "DANE"
    )
    report = json.loads(done.stdout)
    assert [item["reason"] for item in report["unknown"]] == ["not-asked"]
    assert done.returncode == 3, done.stderr

"""sendgate spf, dmarc and dkim: one question each, with the exit codes of the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  TXT "v=spf1 ip4:192.0.2.1 ?ip4:192.0.2.2 ~ip4:192.0.2.3 exp=why.example.com -all"
  MX 10 mx
mx A 192.0.2.25
why TXT "%{i} may not send for %{d}"
ns1 A 192.0.2.53
bad TXT "v=spf1 ip4:x -all"
far TXT "v=spf1 include:outside.example.org -all"
helo TXT "v=spf1 ip4:192.0.2.9 -all"
_dmarc TXT "v=DMARC1; p=reject; np=quarantine; t=y; rua=mailto:d@example.com"
two TXT "v=spf1 a -all"
two TXT "v=spf1 mx -all"
"""


@pytest.fixture
def zone(tmp_path: Path) -> list[str]:
    """A zone with one record for each result."""
    (tmp_path / "x.zone").write_text(ZONE)
    return ["--zone", "x.zone", "--offline"]


@pytest.mark.parametrize(
    ("arguments", "result", "code"),
    [
        (["example.com", "--ip", "192.0.2.1"], "pass", 0),
        (["example.com", "--ip", "192.0.2.2"], "neutral", 1),
        (["example.com", "--ip", "192.0.2.3"], "softfail", 1),
        (["example.com", "--ip", "2001:db8::1"], "fail", 1),
        (["bad.example.com", "--ip", "192.0.2.1"], "permerror", 1),
        (["two.example.com", "--ip", "192.0.2.1"], "permerror", 1),
        (["mx.example.com", "--ip", "192.0.2.1"], "none", 1),
        (["far.example.com", "--ip", "192.0.2.1"], "temperror", 3),
        (["--ip", "192.0.2.1", "--mail-from", "joe@example.com"], "pass", 0),
        (["--ip", "192.0.2.9", "--mail-from", "", "--helo", "helo.example.com"], "pass", 0),
        (["--ip", "192.0.2.9", "--helo", "helo.example.com"], "pass", 0),
        (["--ip", "192.0.2.1", "--mail-from", "joe@exa..mple"], "none", 1),
        (["--ip", "192.0.2.1", "--mail-from", "joe@[192.0.2.1]"], "none", 1),
        (["--ip", "192.0.2.1", "--mail-from", "joe@localhost"], "none", 1),
    ],
)
def test_spf_results_and_exit_codes(
    sendgate: Run, zone: list[str], arguments: list[str], result: str, code: int
) -> None:
    """Exit 0 pass, 1 any other result, 3 temperror; the same in text and in JSON."""
    done = sendgate("spf", *arguments, *zone, "--format", "json")
    assert json.loads(done.stdout)["result"] == result, done.stdout
    assert done.exit_code == code
    text = sendgate("spf", *arguments, *zone)
    assert text.exit_code == code
    assert f": {result}" in text.stdout.splitlines()[0]


def test_spf_shows_path_and_explanation(sendgate: Run, zone: list[str]) -> None:
    """Each term with what came of it, and the domain's own words in quotes."""
    done = sendgate("spf", "example.com", "--ip", "192.0.2.7", *zone)
    assert '"192.0.2.7 may not send for example.com"' in done.stdout
    assert "ip4:192.0.2.1  no match" in done.stdout
    document = json.loads(
        sendgate("spf", "example.com", "--ip", "192.0.2.7", *zone, "--format", "json").stdout
    )
    assert document["explanation"] == "192.0.2.7 may not send for example.com"
    assert document["mechanism"] == "-all"
    assert document["path"][-1]["term"] == "-all"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["example.com"], "--ip is required"),
        (["--ip", "192.0.2.1"], "give a DOMAIN"),
        (["--ip", "192.0.2.1", "--mail-from", ""], "give --helo"),
        (["example.com", "--ip", "192.0.2"], "'192.0.2' is not an IP address"),
        (["example.com", "--ip", "fe80::1%eth0"], "'fe80::1%eth0' is not an IP address"),
        (["joe@example.com", "--ip", "192.0.2.1"], "is an e-mail address"),
    ],
)
def test_spf_says_what_is_missing(sendgate: Run, arguments: list[str], said: str) -> None:
    """Usage errors exit 2."""
    done = sendgate("spf", *arguments, "--offline")
    assert done.exit_code == 2
    assert said in done.stderr


def test_dmarc_names_the_policy_that_applies(sendgate: Run, zone: list[str]) -> None:
    """p, sp or np by what exists; t=y lowers what is asked for."""
    form = ["--format", "json"]
    own = json.loads(sendgate("dmarc", "example.com", *zone, *form).stdout)
    assert (own["applies"], own["policy"], own["effective_policy"]) == ("p", "reject", "quarantine")
    assert own["testing"] is True
    below = json.loads(sendgate("dmarc", "mx.example.com", *zone, *form).stdout)
    assert (below["applies"], below["policy"]) == ("p", "reject"), "the record has no sp"
    none = json.loads(sendgate("dmarc", "nx.example.com", *zone, *form).stdout)
    assert (none["applies"], none["policy"]) == ("np", "quarantine")
    text = sendgate("dmarc", "example.com", *zone).stdout
    assert text.startswith("example.com: policy quarantine")
    assert "example.com, by its p= tag\n" in text
    text = sendgate("dmarc", "mx.example.com", *zone).stdout
    assert "example.com, by its p= tag for want of sp=\n" in text, "the record has no sp="
    assert "p is reject, but t=y" in text


def test_dmarc_compares_identifiers(sendgate: Run, zone: list[str]) -> None:
    """Aligned and unaligned are said; identifiers of which none aligns fail."""
    both = ["--spf-domain", "bounce.example.net", "--dkim-domain", "mx.example.com"]
    done = sendgate("dmarc", "example.com", *both, *zone, "--format", "json")
    assert json.loads(done.stdout)["alignment"] == {"spf": "unaligned", "dkim": "aligned"}
    assert done.exit_code == 0, done.stdout
    assert sendgate("dmarc", "example.com", *both[:2], *zone).exit_code == 1


def test_dmarc_that_cannot_be_read_is_unknown(sendgate: Run) -> None:
    """Exit 3, and the questions are named."""
    done = sendgate("dmarc", "example.com", "--offline")
    assert done.exit_code == 3
    assert "could not be determined" in done.stdout
    assert "_dmarc.example.com TXT" in done.stdout


def test_dkim_judges_named_selectors(sendgate: Run, fixtures: Path) -> None:
    """A good key passes, a missing one fails, one that cannot be read is unknown."""
    zone = ["--zone", str(fixtures / "first-audit.zone"), "--offline"]
    good = sendgate("dkim", "news.example.com", "--selector", "s1", *zone)
    assert good.exit_code == 0
    assert "s1._domainkey.news.example.com  RSA, 2048 bits, usable" in good.stdout
    assert sendgate("dkim", "news.example.com", "--selector", "s2", *zone).exit_code == 1
    assert sendgate("dkim", "news.example.org", "--selector", "s1", *zone).exit_code == 3
    document = json.loads(
        sendgate("dkim", "news.example.com", "--selector", "s2", *zone, "--format", "json").stdout
    )
    assert document["format"] == "sendgate.audit/1"
    assert {finding["rule"] for finding in document["findings"]} == {"DKIM001"}


def test_dkim_needs_a_selector(sendgate: Run) -> None:
    """Nothing is guessed: the selector is asked for."""
    done = sendgate("dkim", "news.example.com", "--offline")
    assert done.exit_code == 2
    assert "--selector is required" in done.stderr

"""sendgate audit: verdicts, exit codes, formats, and every wrong input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

BROKEN = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  A 192.0.2.1
ns1 A 192.0.2.53
www A 192.0.2.80
news MX 10 www
news TXT "v=spf1 ip4:999.0.2.1 -all"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
"""
PARKED = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  MX 0 .
  TXT "v=spf1 -all"
ns1 A 192.0.2.53
_dmarc TXT "v=DMARC1; p=reject;"
*._domainkey TXT "v=DKIM1; p="
"""


@pytest.fixture
def broken(tmp_path: Path) -> list[str]:
    """An audit that fails: the SPF record of the return path is broken."""
    (tmp_path / "broken.zone").write_text(BROKEN)
    return ["news.example.com", "--return-path", "news.example.com", "--zone", "broken.zone",
            "--offline"]  # fmt: skip


def test_a_healthy_sender_passes(sendgate: Run, healthy: list[str]) -> None:
    """Exit 0, verdict first, and the one thing left to do is a warning."""
    done = sendgate("audit", *healthy)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("news.example.com: pass  (no errors, 1 warning, ")
    assert "warning DMARC007" in done.stdout
    assert re.search(r"at  \S+first-audit\.zone:\d+  _dmarc\.example\.com TXT", done.stdout)
    assert done.stderr == ""


def test_fail_on_decides(sendgate: Run, healthy: list[str]) -> None:
    """The same report fails where warnings fail, whatever the format, unless --exit-zero."""
    for form in ("text", "json", "jsonl"):
        arguments = [*healthy, "--format", form]
        assert sendgate("audit", *arguments).exit_code == 0
        strict = sendgate("audit", *arguments, "--fail-on", "warning")
        assert strict.exit_code == 1
        assert sendgate("audit", *arguments, "--fail-on", "warning", "--exit-zero").exit_code == 0
    assert json.loads(strict.stdout)["verdict"] == "fail"


def test_a_broken_record_fails(sendgate: Run, broken: list[str]) -> None:
    """Exit 1 and the error with its evidence, its remedy and its citation."""
    done = sendgate("audit", *broken)
    assert done.exit_code == 1
    assert done.stdout.startswith("news.example.com: fail")
    assert '"v=spf1 ip4:999.0.2.1 -all"' in done.stdout
    assert "\n  fix  " in done.stdout
    assert "\n  see  RFC 7208" in done.stdout


def test_what_is_outside_is_unknown(sendgate: Run) -> None:
    """Offline and without zones nothing can be told: exit 3, never 'missing'."""
    done = sendgate("audit", "example.com", "--return-path", "example.com", "--offline")
    assert done.exit_code == 3
    assert done.stdout.startswith("example.com: unknown")
    assert "could not be determined" in done.stdout
    assert "not-asked" in done.stdout


def test_a_parked_name_is_not_applicable(sendgate: Run, tmp_path: Path) -> None:
    """A name that says it sends no mail is no failure: exit 0."""
    (tmp_path / "parked.zone").write_text(PARKED)
    done = sendgate(
        "audit", "example.com", "--zone", "parked.zone", "--offline", "--format", "json"
    )
    assert json.loads(done.stdout)["verdict"] == "not_applicable", done.stdout
    assert done.exit_code == 0


def test_text_fits_80_columns(sendgate: Run, healthy: list[str], broken: list[str]) -> None:
    """Only a name or a value that cannot be broken may pass the margin."""
    for arguments in (broken, [*healthy, "--zone", "broken.zone"]):
        for line in sendgate("audit", *arguments).stdout.splitlines():
            assert len(line) <= 80 or not re.search(r"\S\s+\S", line[20:80]), line


def test_colour_only_where_wanted(sendgate: Run, healthy: list[str]) -> None:
    """No escape in a pipe; with --color always the words are the same."""
    plain = sendgate("audit", *healthy).stdout
    painted = sendgate("audit", *healthy, "--color", "always").stdout
    assert "\x1b" not in plain
    assert "\x1b[" in painted
    bare = re.sub(r"\x1b\[[0-9;]*m", "", painted)
    time = r"in \d+\.\d\d s"
    assert re.sub(time, "", bare) == re.sub(time, "", plain)


def test_output_goes_to_a_file_whole(sendgate: Run, healthy: list[str], tmp_path: Path) -> None:
    """--output leaves stdout empty and the report in the file."""
    done = sendgate("audit", *healthy, "--format", "json", "--output", "report.json")
    assert (done.exit_code, done.stdout) == (0, "")
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "pass"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("option", ["--output", "--record"])
def test_output_that_cannot_be_written_is_found_first(
    sendgate: Run, healthy: list[str], option: str
) -> None:
    """A missing folder is an input error, before anything is asked."""
    done = sendgate("audit", *healthy, option, "gone/report.json")
    assert done.exit_code == 2
    assert f"{option}: 'gone/report.json' cannot be written" in done.stderr
    assert done.stdout == ""


def test_several_domains(sendgate: Run, healthy: list[str]) -> None:
    """Text and JSON Lines take several domains in their order; json names jsonl."""
    several = ["example.com", *healthy]
    refused = sendgate("audit", *several, "--format", "json")
    assert refused.exit_code == 2
    assert "jsonl" in refused.stderr
    assert refused.stdout == ""
    done = sendgate("audit", *several, "--format", "jsonl")
    assert [json.loads(line)["domain"] for line in done.stdout.splitlines()] == [
        "example.com", "news.example.com",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["joe@example.com"], "e-mail address, not a domain; give its domain: 'example.com'"),
        (["192.0.2.1"], "is an IP address, not a domain"),
        (["a..example.com"], "empty label"),
        ([""], "is empty"),
        (["exa mple.com"], "is not a domain"),
        (["x.example", "--ip", "1.2.3"], "--ip: '1.2.3' is not an IP address"),
        (["x.example", "--ip", "fe80::1%eth0"], "--ip: 'fe80::1%eth0' is not an IP address"),
        (["x.example", "--sender", "both"], "--sender: 'both' is none of shared, dedicated, own"),
        (["x.example", "--provider", "hubspott"], "hubspot"),
        (["x.example", "--receiver", "gmail"], "--receiver: 'gmail' is none of google"),
        (["x.example", "--select", "SPF4"], "--select: no rule or area is called 'SPF4'"),
        (["x.example", "--ignore", "DKMI"], "did you mean 'DKIM'?"),
        (["x.example", "--format", "html"], "it has text, json, jsonl, sarif, github"),
        (["x.example", "--dns-timeout", "soon"], "--dns-timeout: 'soon' is not a number"),
        (["x.example", "--nameserver", "dns.example"], "dns.example"),
        (["x.example", "--resume"], "--resume belongs to --from-file"),
        (["x.example", "--zone", "gone.zone"], "gone.zone"),
        (["x.example", "--zone", "."], "holds no DNS records"),
        (["x.example", "--replay", "gone.json"], "gone.json"),
        (["x.example", "--config", "gone.toml"], "gone.toml"),
        ([], "[[sender]]"),
        (["x.example", "--frobnicate"], "--frobnicate"),
    ],
)
def test_wrong_input_exits_2_and_says_why(sendgate: Run, arguments: list[str], said: str) -> None:
    """Nothing is audited, nothing is on stdout, and stderr says what to give."""
    done = sendgate("audit", *arguments)
    assert done.exit_code == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_broken_zone_file_is_named_with_its_line(sendgate: Run, tmp_path: Path) -> None:
    """A master file that cannot be read: file and line, exit 2."""
    (tmp_path / "bad.zone").write_text("$ORIGIN example.com.\n@ 300 IN MX ten mx\n")
    done = sendgate("audit", "example.com", "--zone", "bad.zone", "--offline")
    assert done.exit_code == 2
    assert "bad.zone:2" in done.stderr


def test_a_url_gives_its_host(sendgate: Run, healthy: list[str]) -> None:
    """The host is audited, and stderr says so; --quiet does not."""
    arguments = ["https://News.Example.com/signup", *healthy[1:]]
    done = sendgate("audit", *arguments, "--format", "json")
    assert json.loads(done.stdout)["domain"] == "news.example.com"
    assert "is a URL" in done.stderr
    assert sendgate("audit", *arguments, "--quiet").stderr == ""


def test_an_idn_is_shown_both_ways(sendgate: Run) -> None:
    """A U-label is converted; JSON has the A-label, text both."""
    arguments = ["bücher.example", "--offline"]
    form = json.loads(sendgate("audit", *arguments, "--format", "json").stdout)
    assert form["domain"] == "xn--bcher-kva.example"
    assert "xn--bcher-kva.example (bücher.example): " in sendgate("audit", *arguments).stdout


CONFIG = """
zones = ["{zone}"]
offline = true
[[sender]]
name = "newsletter"
from = "news.example.com"
return-path = "12345m.example.com"
sender = "dedicated"
selectors = ["s1"]
ips = ["192.0.2.10"]
[[sender]]
from = "example.com"
[[waive]]
rule = "DMARC007"
domain = "news.example.com"
reason = "roll-out"
expires = {expires}
"""


@pytest.fixture
def config(tmp_path: Path, fixtures: Path) -> Callable[[str], None]:
    """Write a sendgate.toml with two senders and a waiver."""

    def write(expires: str) -> None:
        text = CONFIG.format(zone=fixtures / "first-audit.zone", expires=expires)
        (tmp_path / "sendgate.toml").write_text(text)

    return write


def test_without_a_domain_every_sender_is_audited(sendgate: Run, config: Any) -> None:
    """The configuration lists whom to audit."""
    config("2999-01-31")
    done = sendgate("audit", "--format", "jsonl")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["domain"] for report in reports] == ["news.example.com", "example.com"]
    assert reports[0]["roles"]["return_path"] == {"name": "12345m.example.com", "assumed": False}


def test_a_sender_supplies_what_options_leave_out(sendgate: Run, config: Any) -> None:
    """The [[sender]] of the domain, with options and variables above it."""
    config("2999-01-31")
    arguments = ["audit", "news.example.com", "--format", "json"]
    environment = {"SENDGATE_HELO": "mx.example.com", "SENDGATE_SENDER": "own"}
    report = json.loads(sendgate(*arguments, "--sender", "shared", env=environment).stdout)
    assert report["roles"]["sender"] == "shared"
    assert report["roles"]["return_path"]["name"] == "12345m.example.com"
    report = json.loads(sendgate(*arguments, env=environment).stdout)
    assert report["roles"]["sender"] == "own"


def test_a_waiver_takes_a_finding_out_and_lists_it(sendgate: Run, config: Any) -> None:
    """Waived is neither found nor forgotten; an expired waiver does nothing and is reported."""
    config("2999-01-31")
    arguments = ["audit", "news.example.com", "--fail-on", "warning"]
    done = sendgate(*arguments, "--format", "json")
    report = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [w["rule"] for w in report["waived"]] == ["DMARC007"]
    assert report["waived"][0]["expires"] == "2999-01-31"
    assert "until 2999-01-31: roll-out" in sendgate(*arguments).stdout
    config("2020-01-31")
    expired = sendgate(*arguments)
    assert expired.exit_code == 1
    assert "expired on 2020-01-31" in expired.stdout
    assert "expired on 2020-01-31" in sendgate(*arguments, "--format", "json").stderr


def test_waivers_are_unused_only_where_they_could_be_used(sendgate: Run, config: Any) -> None:
    """A run that leaves a rule out says nothing of its waivers; nor one of another domain."""
    config("2020-01-31")
    assert "expired" not in sendgate("audit", "news.example.com", "--ignore", "DMARC").stdout
    assert "expired" not in sendgate("dkim", "news.example.com", "--selector", "s1").stdout
    assert "expired" not in sendgate("audit", "example.com").stdout


def test_a_waiver_of_an_unknown_rule_is_refused(sendgate: Run, config: Any, tmp_path: Path) -> None:
    """A typing error in a waiver must not go unnoticed."""
    config("2999-01-31")
    file = tmp_path / "sendgate.toml"
    file.write_text(file.read_text().replace("DMARC007", "DMARC0006"))
    done = sendgate("audit", "news.example.com")
    assert done.exit_code == 2
    assert "sendgate.toml: [[waive]] 1: rule: no rule is called 'DMARC0006'" in done.stderr


def test_select_and_ignore_filter_and_count(sendgate: Run, healthy: list[str]) -> None:
    """What was left out is counted."""
    done = sendgate("audit", *healthy, "--select", "dmarc", "--format", "json")
    found = {finding["rule"] for finding in json.loads(done.stdout)["findings"]}
    assert "DMARC007" in found
    assert all(rule.startswith("DMARC") for rule in found)
    text = sendgate("audit", *healthy, "--ignore", "DMARC007,TOP").stdout
    assert "DMARC007" not in text
    assert re.search(r"\d findings? left out", text)


def test_a_recording_replays_exactly(sendgate: Run, healthy: list[str], tmp_path: Path) -> None:
    """The replay needs no zone, and says the same on the recorded day."""
    first = sendgate("audit", *healthy, "--record", "run.json", "--format", "json")
    bare = [a for a in healthy if a not in {"--zone", "--offline"} and not a.endswith(".zone")]
    again = sendgate("audit", *bare, "--replay", "run.json", "--format", "json")
    one, two = json.loads(first.stdout), json.loads(again.stdout)
    assert one.pop("dns")["questions"] == two.pop("dns")["questions"]
    assert one == two

"""Hostile DNS: what a publisher writes into a record is shown, never obeyed, in every output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

# Each is written as RFC 1035 section 5.1 escapes, so that a zone file can carry it.
HOSTILE = {
    "ansi": r"\027[31mred\027]0;title\007",
    "markup": "[bold red]x[/bold red] :skull:",
    "newline": r"a\010::error file=x,line=1::boo\013\010news.example.com: pass",
    "workflow": "::error file=x,line=1::boo",
    "vso": "##vso[task.complete result=Succeeded]ok ##[error]no",
    "bidi": r"\226\128\174gpj.exe",
    "nul": r"\000\127\155\255",
    "html": "<script>alert(1)</script>&amp;",
    "format": "%s%n{0}{verdict}",
}
ZONE = """$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  A 192.0.2.1
  TXT "v=spf1 {text} -all"
ns1 A 192.0.2.53
news MX 10 mx
mx A 192.0.2.25
news TXT "v=spf1 ip4:192.0.2.1 include:{text} -all"
_dmarc TXT "v=DMARC1; p={text}; rua=mailto:d@example.com"
_dmarc.news TXT "v=DMARC1; p=none; rua={text}"
s1._domainkey.news TXT "v=DKIM1; p={text}"
default._bimi.news TXT "v=BIMI1; l={text}"
"""
COMMANDS = {
    "audit": ["audit", "news.example.com", "--return-path", "news.example.com",
              "--selector", "s1", "--ip", "192.0.2.9"],
    "audit-root": ["audit", "example.com", "--return-path", "example.com", "--verbose"],
    "spf": ["spf", "news.example.com", "--ip", "192.0.2.9", "--verbose"],
    "spf-root": ["spf", "example.com", "--ip", "192.0.2.9"],
    "dmarc": ["dmarc", "news.example.com"],
    "dkim": ["dkim", "news.example.com", "--selector", "s1"],
}  # fmt: skip


def run(arguments: list[str]) -> Any:
    from sendgate.cli.app import app

    return CliRunner().invoke(app, arguments, prog_name="sendgate")


def assert_harmless(text: str) -> None:
    """Only printable ASCII, in lines that no CI runner obeys."""
    for line in text.removesuffix("\n").split("\n"):
        assert line.isascii(), line
        assert line == "" or line.isprintable(), ascii(line)
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line, line
        assert "##vso[" not in line, line


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_text_shows_and_never_obeys(kind: str, command: str, tmp_path: Path) -> None:
    """Escapes, markup, line breaks and runner commands stay visible characters."""
    text = HOSTILE[kind].replace('"', '\\"').replace(";", r"\;")
    (tmp_path / "x.zone").write_text(ZONE.replace("{text}", text))
    arguments = [*COMMANDS[command], "--zone", str(tmp_path / "x.zone"), "--offline"]
    done = run(arguments)
    assert done.exit_code in {0, 1, 3}, done.stderr
    assert_harmless(done.stdout)
    assert_harmless(done.stderr)
    first = done.stdout.splitlines()[0]
    assert done.stdout.count(first) == 1, "no value can look like the verdict's line"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_json_is_ascii_and_whole(kind: str, command: str, tmp_path: Path) -> None:
    """One JSON document on stdout, in ASCII, on one line as JSON Lines; no octet is lost."""
    text = HOSTILE[kind].replace('"', '\\"').replace(";", r"\;")
    (tmp_path / "x.zone").write_text(ZONE.replace("{text}", text))
    arguments = [*COMMANDS[command], "--zone", str(tmp_path / "x.zone"), "--offline"]
    for form in ("json", "jsonl"):
        done = run([*arguments, "--format", form])
        assert done.exit_code in {0, 1, 3}, done.stderr
        assert done.stdout.isascii()
        assert "\x1b" not in done.stdout
        assert isinstance(json.loads(done.stdout), dict)
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "a\x1b[31m\n::error::x.example", "--offline"],
        ["audit", "--x\x1b[31m\n::error::y"],
        ["\x1b[31m\n::error::y"],
        ["audit", "x.example", "--jobs", "\x1b[31m"],
        ["audit", "x.example", "--output", "\x1b[31m\n/::error::y"],
        ["explain", "\x1b[31m"],
        ["schema", "\u202e"],
        ["audit", "x.example", "--zone", "\x1b\n::error::x"],
        ["audit", "x.example", "--provider", "\x1b\n::error::x"],
        ["audit", "x.example", "--nameserver", "\x1b\n::error::x"],
    ],
)
def test_a_hostile_argument_is_shown_safely(arguments: list[str]) -> None:
    """What a script passes on as an argument is foreign too."""
    done = run(arguments)
    assert done.exit_code == 2
    assert "sendgate: error: " in done.stderr
    assert_harmless(done.stderr)


def test_a_hostile_zone_file_is_named_safely(tmp_path: Path) -> None:
    """The words of a broken zone file come back in the error as text."""
    (tmp_path / "x.zone").write_bytes(b"$ORIGIN example.com.\n@ 300 IN \x1b[31mMX\x07 x\n")
    done = run(["audit", "example.com", "--zone", str(tmp_path / "x.zone"), "--offline"])
    assert done.exit_code == 2
    assert "x.zone:2" in done.stderr
    assert_harmless(done.stderr)


def test_a_hostile_configuration_is_refused_safely(tmp_path: Path) -> None:
    """An unknown key of a configuration is named without being obeyed."""
    (tmp_path / "x.toml").write_text('"\\u001b[31m::error::x" = 1\n')
    done = run(["audit", "--config", str(tmp_path / "x.toml")])
    assert done.exit_code == 2
    assert_harmless(done.stderr)


def test_a_waivers_reason_is_shown_with_its_letters(fixtures: Path, tmp_path: Path) -> None:
    """A reason is the user's own text: its letters stay, its controls do not."""
    (tmp_path / "x.toml").write_text(
        '[[waive]]\nrule = "DMARC007"\ndomain = "news.example.com"\n'
        'reason = "bis März \\u001b[31m\\u202e"\nexpires = 2999-01-01\n',
        encoding="utf-8",
    )
    done = run(
        ["audit", "news.example.com", "--zone", str(fixtures / "first-audit.zone"), "--offline",
         "--config", str(tmp_path / "x.toml")]
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    assert r"until 2999-01-01: bis März \x1b[31m\u{202e}" in said

"""sendgate message: a stored message, its results, and what is no message at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_line import process
from message.signing import NOW, PLAIN, ed_signer, rsa_signer

from sendgate.cli.schema import read_schema
from sendgate.message.record import MAX_OCTETS
from sendgate.message.sign import sign

Run = Callable[..., Any]
SIGNED = sign(PLAIN, [rsa_signer(), ed_signer()], NOW)
SIGNATURES = SIGNED[: SIGNED.index(b"From:")]
AT = ["--at", "2026-11-23T12:05:00Z"]
SESSION = ["--ip", "192.0.2.1", "--mail-from", "b@news.example.com"]


def text_record(name: str, text: str) -> str:
    strings = " ".join(f'"{text[i : i + 200]}"' for i in range(0, len(text), 200))
    return f"{name}. 300 TXT {strings}\n"


@pytest.fixture
def zone(tmp_path: Path) -> list[str]:
    """Keys, policy and SPF of the sender; the options that name them."""
    lines = [
        text_record(f"{s.selector}._domainkey.{s.domain}", s.key.record_text)
        for s in (rsa_signer(), ed_signer())
    ]
    lines.append(text_record("_dmarc.news.example.com", "v=DMARC1; p=reject"))
    lines.append(text_record("news.example.com", "v=spf1 ip4:192.0.2.1 -all"))
    (tmp_path / "x.zone").write_text("".join(lines))
    return ["--zone", "x.zone", "--offline"]


def document(done: Any) -> dict[str, Any]:
    """The report, held against its schema."""
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(
        json.loads(read_schema("message")),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    ).validate(found)
    return found


def test_a_sound_message_passes(sendgate: Run, zone: list[str], tmp_path: Path) -> None:
    """Every result is in the report, the field of RFC 8601 too; text says the same."""
    (tmp_path / "x.eml").write_bytes(SIGNED)
    done = sendgate("message", "x.eml", *SESSION, *AT, *zone, "--format", "json")
    found = document(done)
    assert done.exit_code == 0
    assert [one["result"] for one in found["dkim"]] == ["pass", "pass"]
    assert [one["aligned"] for one in found["dkim"]] == [True, True]
    assert all(one["oversigned"] for one in found["dkim"])
    assert found["spf"]["result"] == "pass"
    assert found["dmarc"]["result"] == "pass"
    assert found["dmarc"]["effective_policy"] == "reject"
    assert found["arc"]["result"] == "none"
    assert found["findings"] == []
    assert found["time"] == "2026-11-23T12:05:00Z"
    text = sendgate("message", "x.eml", *SESSION, *AT, *zone).stdout
    assert text.startswith("x.eml: pass")
    assert found["authentication_results"] in text.splitlines()
    line = sendgate("message", "x.eml", *SESSION, *AT, *zone, "--format", "jsonl").stdout
    assert json.loads(line) == found
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "results", "count"), [("001", {"pass"}, 2), ("002", {"pass"}, 1), ("003", {"pass"}, 2)]
)
def test_the_suites_messages_verify(
    sendgate: Run, suites: Path, tmp_path: Path, name: str, results: set[str], count: int
) -> None:
    """The three signed messages of the suite: all five signatures pass."""
    head, _, message = (suites / "dkim" / f"{name}.txt").read_bytes().partition(b"\n\n")
    records = (line.decode().partition(" ") for line in head.splitlines())
    (tmp_path / "x.zone").write_text(
        "".join(text_record(owner.rstrip("."), text.strip()) for owner, _, text in records)
    )
    (tmp_path / "x.eml").write_bytes(message)
    arguments = ["x.eml", "--zone", "x.zone", "--offline", "--at", "2022-12-01", "--format", "json"]
    found = document(sendgate("message", *arguments))
    assert [one["result"] for one in found["dkim"]] == ["pass"] * count
    assert {one["result"] for one in found["dkim"]} == results


def test_a_changed_message_fails(sendgate: Run, zone: list[str], tmp_path: Path) -> None:
    """Exit 1, and the reason of each signature; --exit-zero and --ignore do as in an audit."""
    (tmp_path / "x.eml").write_bytes(SIGNED.replace(b"there is", b"there was"))
    done = sendgate("message", "x.eml", *AT, *zone, "--format", "json")
    found = document(done)
    assert done.exit_code == 1
    assert [one["cause"] for one in found["dkim"]] == ["body", "body"]
    assert (found["dmarc"]["result"], found["dmarc"]["spf_checked"]) == ("fail", False)
    assert sendgate("message", "x.eml", *AT, *zone, "--exit-zero").exit_code == 0
    assert sendgate("message", "x.eml", *AT, *zone, "--ignore", "DKIM,ALN").exit_code == 0


def test_stdin_is_a_message_too(zone: list[str], tmp_path: Path) -> None:
    """``-`` reads octets, not text; the line that an mbox puts before a message is skipped."""
    (tmp_path / "in.eml").write_bytes(b"From b@news.example.com Mon Nov 23 2026\r\n" + SIGNED)
    with (tmp_path / "in.eml").open("rb") as stream:
        done = process(["message", "-", *SESSION, *AT, *zone], cwd=tmp_path, stdin=stream)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("stdin: pass")


def test_the_return_path_stands_in_for_mail_from(
    sendgate: Run, zone: list[str], tmp_path: Path
) -> None:
    """Without --mail-from the sender is the one in Return-Path, marked as assumed."""
    (tmp_path / "x.eml").write_bytes(b"Return-Path: <b@news.example.com>\r\n" + SIGNED)
    done = sendgate("message", "x.eml", "--ip", "192.0.2.1", *AT, *zone, "--format", "json")
    spf = document(done)["spf"]
    assert (spf["result"], spf["mail_from"], spf["mail_from_assumed"]) == (
        "pass", "b@news.example.com", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.eml"], "cannot be read"),
        (["."], "cannot be read"),
        (["empty.eml"], "it is empty"),
        (["prose.eml"], "it has no header field"),
        (["x.eml", "--mail-from", "a@example.com"], "--ip is required"),
        (["x.eml", "--ip", "192.0.2.1"], "--mail-from or --helo is required"),
        (["x.eml", "--ip", "192.0.2.1", "--mail-from", ""], "give --helo too"),
        (["x.eml", "--ip", "300.0.2.1", "--helo", "a.example"], "is not an IP address"),
        (["x.eml", "--at", "yesterday"], "is no time"),
        (["x.eml", "--at", "1905-01-01"], "before 1970"),
        (["x.eml", "--at", "0001-01-01T00:00:00+14:00"], "is no time"),
        (["x.eml", "--kind", "spam"], "is none of"),
        (["x.eml", "--receiver", "hotmail"], "is none of"),
        (["x.eml", "--select", "TOP"], "this command has no rule of TOP"),
        (["x.eml", "--format", "html"], "is no format of this command"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(
    sendgate: Run, zone: list[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    """Exit 2, with words that say what is wrong, and nothing on stdout."""
    (tmp_path / "x.eml").write_bytes(PLAIN)
    (tmp_path / "empty.eml").write_bytes(b"\n")
    (tmp_path / "prose.eml").write_bytes(b"hello, this is no mail\n")
    done = sendgate("message", *arguments, *zone)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_bulk_receiver_of_the_configuration_counts(
    sendgate: Run, zone: list[str], tmp_path: Path
) -> None:
    """The [[sender]] of the From domain says to whom it goes; so does --receiver."""
    octets = SIGNED.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"")
    (tmp_path / "x.eml").write_bytes(octets)
    arguments = ["message", "x.eml", *SESSION, *AT, *zone, "--select", "UNS", "--format", "json"]

    def severity() -> list[str]:
        return [finding["severity"] for finding in document(sendgate(*arguments))["findings"]]

    assert severity() == ["warning"]
    (tmp_path / "sendgate.toml").write_text(
        '[[sender]]\nfrom = "news.example.com"\nreceivers = ["google-bulk"]\n'
        '[[waive]]\nrule = "MSG005"\ndomain = "a.example"\nreason = "r"\nexpires = 2999-01-01\n'
    )
    assert severity() == ["error"]
    arguments += ["--receiver", "google"]
    assert severity() == ["warning"]


def _nested(depth: int) -> bytes:
    parts = (
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
        for i in range(depth)
    )
    return PLAIN.partition(b"\r\n\r\n")[0] + b"\r\n" + b"".join(parts)


HEADER = SIGNED.partition(b"\r\n\r\n")[0]
REST = HEADER[HEADER.index(b"From:") :]
FILL = b"".join(b"X-%d: v\r\n" % i for i in range(9_900))
HOSTILE = {
    "cut in its header": (SIGNED[:300], 1),
    "cut in its body": (SIGNED[:-10], 1),
    "10,000 fields": (HEADER + b"\r\n" + FILL + b"\r\n" + PLAIN.partition(b"\r\n\r\n")[2], 0),
    "9,000 signatures": (SIGNATURES * 4_500 + REST + b"\r\n\r\nx", 1),
    "10,000 From fields": (b"From: a@example.com\r\n" * 9_000 + PLAIN, 1),
    "a From of a million": (b"From: " + b"a@b.example, " * 100_000 + b"\r\n\r\nx", 1),
    "MIME 1,000 deep": (_nested(1_000), 0),
    "NUL": (SIGNED.replace(b"What", b"W\0hat").replace(b"Hello", b"He\0llo"), 1),
    "no UTF-8": (SIGNED.replace(b"What is", b"Wh\xff\xfe is"), 1),
    "mixed line ends": (SIGNED.replace(b"\r\n", b"\n", 5).replace(b"Ann", b"An\rn"), 1),
    "all octets": (b"X: " + bytes(range(256)) * 500, 1),
    "escapes": (SIGNED.replace(b"What is new", b"\x1b[31m\n::error::x"), 1),
    "50 ARC sets": (
        b"".join(
            b"ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=news.example.com; s=s1; b=AAAA\r\n"
            b"ARC-Message-Signature: i=%d\r\nARC-Authentication-Results: i=%d; x\r\n" % (i, i, i)
            for i in range(1, 51)
        ) + SIGNED, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["text", "json"])
def test_hostile_messages_end_in_a_report(
    sendgate: Run, zone: list[str], tmp_path: Path, name: str, form: str
) -> None:
    """Whatever the octets: a report in bounded time, and nothing in it that a terminal obeys."""
    octets, code = HOSTILE[name]
    (tmp_path / "x.eml").write_bytes(octets)
    began = time.monotonic()
    done = sendgate("message", "x.eml", *SESSION, *AT, *zone, "--format", form)
    assert time.monotonic() - began < 60
    assert done.exit_code == code, done.stdout[:2000] + done.stderr
    assert not re.search(r"[^\n\x20-\x7e]", done.stdout)
    assert not re.search(r"(?m)^::", done.stdout)
    if form == "json":
        document(done)


BODIES = {
    "lines": b"y" * 76 + b"\r\n",
    "one line": b"y" * 1_000,
    "blanks": b" \t",
    "empty lines": b"\r\n",
    "blanks at line ends": b"a \r\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_50_megabytes_take_bounded_time_and_memory(
    zone: list[str], tmp_path: Path, name: str
) -> None:
    """The largest message that is read is verified within a minute and 1.5 GB of address space."""
    piece = BODIES[name]
    room = MAX_OCTETS - len(HEADER) - 4
    with (tmp_path / "x.eml").open("wb") as stream:
        stream.write(HEADER + b"\r\n\r\n" + piece * (room // len(piece)))
    script = (
        "import resource, sys\n"
        "from sendgate.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)\n"
        "sys.argv = ['sendgate', *sys.argv[1:]]\n"
        "main()\n"
    )
    (tmp_path / "run.py").write_text(script)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "run.py", "message", "x.eml", *AT, *zone],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert time.monotonic() - began < 60
    assert done.returncode == 1, done.stderr
    assert "does not fit the body" in done.stdout


def test_more_than_50_megabytes_are_refused(sendgate: Run, zone: list[str], tmp_path: Path) -> None:
    """An error that names the limit, before anything is asked."""
    with (tmp_path / "x.eml").open("wb") as stream:
        stream.write(SIGNED)
        stream.truncate(MAX_OCTETS + 1)
    done = sendgate("message", "x.eml", *zone)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "more than 50000000 octets" in done.stderr


def test_more_than_10000_fields_are_refused(sendgate: Run, zone: list[str], tmp_path: Path) -> None:
    """A part of a header would be said to lack what the rest of it has."""
    (tmp_path / "x.eml").write_bytes(b"X: v\r\n" * 10_001 + SIGNED)
    done = sendgate("message", "x.eml", *zone)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "more than 10000 header fields" in done.stderr


def test_a_message_that_ends_in_its_header_is_said_to(
    sendgate: Run, zone: list[str], tmp_path: Path
) -> None:
    """It may be all there is, or what is left of it: a remark, and the findings."""
    (tmp_path / "x.eml").write_bytes(SIGNED[: SIGNED.index(b"MIME-Version")])
    done = sendgate("message", "x.eml", *AT, *zone)
    assert done.exit_code == 1
    assert "x.eml ends within its header" in done.stderr


def test_at_judges_stored_mail_by_its_own_time(
    sendgate: Run, zone: list[str], tmp_path: Path
) -> None:
    """x= and t= are held against --at; without it a remark says that there is such an option."""
    early = sign(PLAIN, [rsa_signer()], NOW).replace(b"t=", b"x=1; t=", 1)
    (tmp_path / "x.eml").write_bytes(early)
    done = sendgate("message", "x.eml", *zone, "--format", "json")
    assert [one["cause"] for one in document(done)["dkim"]] == ["expired"]
    assert "--at TIME" in done.stderr
    (tmp_path / "x.eml").write_bytes(SIGNED)
    for at, cause in (("2026-11-23T12:00:00Z", None), ("Mon, 23 Nov 2026 12:00:00 +0000", None),
                      ("2026-11-22", "expired")):  # fmt: skip
        done = sendgate("message", "x.eml", *zone, "--format", "json", "--at", at)
        assert {one["cause"] for one in document(done)["dkim"]} == {cause}
        assert "--at" not in done.stderr

"""What happens to a run that is stopped, unheard, or broken from inside."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A DNS server that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        yield server


def start(server: socket.socket, *arguments: str) -> subprocess.Popen[str]:
    port = server.getsockname()[1]
    return subprocess.Popen(
        [sys.executable, "-m", "sendgate", "audit", *arguments,
         "--nameserver", f"127.0.0.1:{port}", "--dns-timeout", "60"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def heard(server: socket.socket, name: str) -> None:
    """Wait until a question for the name arrives."""
    wanted = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    while wanted not in server.recv(4096):
        pass


def test_an_interrupt_reports_what_was_done(
    silent: socket.socket, fixtures: Path, tmp_path: Path
) -> None:
    """The report that was finished stands on stdout; stderr counts; exit 130."""
    zone = tmp_path / "all.zone"
    # Whatever the first audit asks is in the zones, so it can finish; the second cannot.
    zone.write_text(
        (fixtures / "first-audit.zone").read_text()
        + "\n$ORIGIN com.\n@ 300 SOA ns hostmaster 1 7200 3600 1209600 300\n@ 300 NS ns\n"
        + "ns 300 A 192.0.2.1\n"
    )
    run = start(silent, "example.com", "second.example.net", "--zone", str(zone),
                "--format", "jsonl")  # fmt: skip
    heard(silent, "second.example.net")
    assert run.stdout is not None
    first = run.stdout.readline()
    run.send_signal(signal.SIGINT)
    rest, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert json.loads(first)["domain"] == "example.com"
    assert rest == ""
    assert "interrupted; 1 of 2 domains were audited" in said
    assert "Traceback" not in said


def test_an_interrupted_report_for_ci_is_a_whole_document(silent: socket.socket) -> None:
    """Audits that were done stand in it; exit 130 tells that it is not all."""
    run = start(silent, "x.example", "y.example", "--format", "sarif")
    heard(silent, "x.example")
    run.send_signal(signal.SIGINT)
    out, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert json.loads(out)["version"] == "2.1.0"
    assert "interrupted; 0 of 2 domains were audited" in said


def test_an_interrupted_run_keeps_its_recording(silent: socket.socket, tmp_path: Path) -> None:
    """--record writes what was heard so far; --output has the reports so far."""
    record, output = tmp_path / "run.json", tmp_path / "out.txt"
    run = start(silent, "x.example", "--record", str(record), "--output", str(output))
    heard(silent, "x.example")
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "interrupted; 0 of 1" in said
    assert json.loads(record.read_text())["format"] == "sendgate.dns/1"
    assert output.read_text() == ""


@pytest.mark.parametrize("arguments", [["--from-file", "list.txt"], ["example.com"]])
def test_an_interrupt_before_the_first_question(
    sendgate: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    """It comes while the loop is made: the same words, and no remark of Python's beside them."""

    def interrupted(_work: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "list.txt").write_text("example.com\n")
    monkeypatch.setattr("asyncio.run", interrupted)
    done = sendgate("audit", *arguments, "--offline")
    gc.collect()  # a coroutine that was never awaited would say so now
    assert done.exit_code == 130
    assert done.stderr == "sendgate: error: interrupted; 0 of 1 domains were audited\n"


def test_a_reader_who_leaves_is_no_error(healthy: list[str]) -> None:
    """`sendgate … | head -c 0`: no traceback, and the verdict's exit code."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "sendgate", "audit", *healthy],
            stdout=closed, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0


def test_an_internal_error_says_how_to_report_it(
    sendgate: Run, healthy: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 70 without a traceback; --verbose shows it."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("\x1b[31mboom")

    monkeypatch.setattr("sendgate.audit.run.collect", broken)
    done = sendgate("audit", *healthy)
    assert done.exit_code == 70
    assert r"internal error: ZeroDivisionError: \x1b[31mboom" in done.stderr
    assert "report it" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    verbose = sendgate("audit", *healthy, "--verbose")
    assert verbose.exit_code == 70
    assert "Traceback" in verbose.stderr


def test_a_failed_run_leaves_the_former_file(
    sendgate: Run, healthy: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A report that could not be finished does not replace one that was."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    (tmp_path / "report.txt").write_text("former")
    monkeypatch.setattr("sendgate.audit.run.collect", broken)
    assert sendgate("audit", *healthy, "--output", "report.txt").exit_code == 70
    assert (tmp_path / "report.txt").read_text() == "former"


def test_a_long_audit_shows_progress_on_a_terminal(silent: socket.socket) -> None:
    """After a second a line on stderr says that the audit is alive; in a pipe it says nothing."""
    import pty

    primary, secondary = pty.openpty()
    port = silent.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "sendgate", "audit", "x.example",
         "--nameserver", f"127.0.0.1:{port}", "--dns-timeout", "60"],
        stdout=subprocess.PIPE, stderr=secondary,
    ) as run:  # fmt: skip
        os.close(secondary)
        shown = b""
        while b"auditing" not in shown:
            shown += os.read(primary, 1024)
        run.send_signal(signal.SIGINT)
        run.wait(timeout=30)
    os.close(primary)
    assert b"DNS answers" in shown
    assert run.returncode == 130

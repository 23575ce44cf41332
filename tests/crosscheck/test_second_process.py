"""The other reader's process: no way out of it, no harm from it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from audits import SEED, TIME, audit_domain, offline

from sendgate.audit.report import Report
from sendgate.crosscheck import child, worker
from sendgate.crosscheck.heard import Heard
from sendgate.crosscheck.ours import our_readings
from sendgate.crosscheck.worker import SecondReader
from sendgate.dns.answerform import answer_to
from sendgate.dns.answers import Answer, NxDomain, Origin, Question
from sendgate.dns.recorded import RecordingSource
from sendgate.names import Domain

ZONE = """$ORIGIN example.com.
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
  NS ns1
  MX 10 mx
  TXT "v=spf1 a mx ptr include:_spf.example.net exists:%{i}.example.com exp=why.example.com -all"
mx A 192.0.2.25
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:d@reports.example.net; ruf=mailto:e@example.org"
default._bimi TXT "v=BIMI1; l=https://www.example.com/logo.svg; a=https://www.example.com/a.pem"
_mta-sts TXT "v=STSv1; id=1"
_smtp._tls TXT "v=TLSRPTv1; rua=https://www.example.com/tls"
"""
WATCHED = """
import sys
events = open(sys.argv[1], "w")
NETWORK = {"connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr"}
def note(event, arguments):
    kind, _, what = event.partition(".")
    if kind == "socket" and what in NETWORK:
        events.write(f"{event} {arguments}\\n")
        events.flush()
sys.addaudithook(note)
if sys.argv[2] == "unlocked":
    sys.addaudithook = lambda hook: None
from sendgate.crosscheck.child import main
main()
"""


async def heard(tmp_path: Path) -> tuple[Report, tuple[Answer, ...]]:
    """An audit over a zone that names much outside of itself, and what it heard."""
    path = tmp_path / "x.zone"
    path.write_text(ZONE)
    source = RecordingSource(offline(path), TIME, SEED)
    report = await audit_domain("example.com", {}, source)
    return report, source.answers


@pytest.mark.parametrize("how", ["locked", "unlocked"])
async def test_no_question_leaves_the_process(tmp_path: Path, how: str) -> None:
    """With its lock and without, it connects to nobody, sends nothing and resolves no name."""
    report, answers = await heard(tmp_path)
    request = {
        "sending": "example.com",
        "spf_domain": "example.com",
        "bimi_selector": "default",
        "topics": list(our_readings(report.facts)),
        "answers": [answer_to(answer) for answer in answers],
    }
    events = tmp_path / "events"
    arguments = (sys.executable, "-c", WATCHED, str(events), how)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe)
    answered, _ = await process.communicate(json.dumps(request).encode() + b"\n")
    readings = json.loads(answered)["readings"]
    assert set(readings) == {"spf", "dmarc", "mx", "bimi", "mta-sts", "tls-rpt"}
    assert all(reading["state"] != "failed" for reading in readings.values())
    assert events.read_text() == ""


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('localhost', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "__import__('requests').get('http://127.0.0.1:9/')",
    ],
)
def test_the_lock_holds(attempt: str) -> None:
    """Whoever tries in that process is refused, libraries included."""
    code = (
        "import sys, socket; from sendgate.crosscheck import child; "
        f"sys.addaudithook(child._no_way_out); {attempt}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "a second opinion asks nobody" in done.stderr


async def test_a_process_that_ends_is_told_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No second opinion, said why; the next domain gets a process of its own."""
    report, answers = await heard(tmp_path)
    reader = SecondReader()
    monkeypatch.setattr(worker, "CHILD", "sendgate.crosscheck.opinion_that_is_none")
    opinion = await reader.on(report.facts, answers)
    assert opinion.problem == "its process ended without an answer"
    assert opinion.comparisons == ()
    monkeypatch.undo()
    assert (await reader.on(report.facts, answers)).problem is None
    await reader.aclose()


async def test_its_time_is_bounded(tmp_path: Path) -> None:
    """A process that does not answer in time is ended."""
    report, answers = await heard(tmp_path)
    reader = SecondReader(timeout=0.01)
    opinion = await reader.on(report.facts, answers)
    assert opinion.problem == "it took longer than 0.01 seconds"
    await reader.aclose()


async def test_the_working_folder_is_not_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that is audited cannot bring its own checkdmarc."""
    report, answers = await heard(tmp_path)
    for name in ("checkdmarc", "dns"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    reader = SecondReader()
    assert (await reader.on(report.facts, answers)).problem is None
    await reader.aclose()


@pytest.mark.parametrize("error", [OSError("no route"), RecursionError("too deep"), KeyError("x")])
def test_an_error_of_checkdmarc_is_an_opinion_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It fails one topic, with its words, and not the process."""

    def fail(*_: object) -> child.Reading:
        raise error

    monkeypatch.setitem(child._READERS, "spf", fail)
    reading = child._read("spf", {}, Heard([]))
    assert reading["state"] == "failed"
    assert type(error).__name__ in reading["error"]


def test_an_absence_speaks_for_all_below_it() -> None:
    """RFC 8020: what is not there has nothing below it; an assumed absence says no more."""
    origin = Origin("resolver", "x")
    gone = NxDomain(Question(Domain("gone.example.com"), "MX"), origin)
    assumed = NxDomain(Question(Domain("_dmarc.com"), "TXT"), origin, assumed=True)
    known = Heard([gone, assumed])
    assert known.answer("gone.example.com", "TXT") is gone
    assert known.answer("_dmarc.gone.example.com", "TXT") is gone
    assert known.answer("_dmarc.com", "TXT") is assumed
    assert known.answer("x._dmarc.com", "TXT") is None
    assert known.missing == {("x._dmarc.com", "TXT")}

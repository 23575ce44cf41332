"""The scripted receiver itself, run as a process: what it promises to tests that kill."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import send.peer
from send.certificates import Authority
from send.peer import Act, parse_script, read_journal

from sendgate.send.outcome import Delivered, Unknown
from sendgate.send.smtp.client import Endpoint, Session, connect
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.tls import TlsPolicy, Trust


async def commit() -> None:
    """Nothing is written down here."""


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[int]:
    port = folder / "port"
    files = ["--journal", str(folder / "journal"), "--port-file", str(port)]
    process = subprocess.Popen([sys.executable, send.peer.__file__, *files, *arguments])
    try:
        end = time.monotonic() + 20
        while not port.exists():
            assert process.poll() is None, "the peer is running"
            assert time.monotonic() < end, "the peer listens in time"
            time.sleep(0.02)
        yield int(port.read_text())
    finally:
        process.terminate()
        assert process.wait(10) == 0


async def test_what_it_took_is_in_its_journal_whatever_it_answered(tmp_path: Path) -> None:
    """Each second message is taken and not answered; the journal has all of them, in order."""
    chain, _ = Authority().issue(tmp_path, ["mx.example.com"])
    script = json.dumps({"accepted": {"end": "drop", "every": 2}, "mail": [{"delay": 0.001}]})
    with running(tmp_path, "--script", script, "--certificate", str(chain)) as port:
        kinds = []
        for number in range(4):
            endpoint = Endpoint("mx.example.com", "127.0.0.1", port)
            policy = TlsPolicy.required()
            session = await connect(endpoint, "h.example", trust=Trust(), policy=policy)
            assert isinstance(session, Session)
            message = f"Message-ID: <{number}@example.com>\r\n\r\n".encode()
            envelope = Envelope("", f"{number}@example.net")
            kinds.append(type(await session.deliver(envelope, message, commit)))
            session.abort()
    assert kinds == [Delivered, Unknown, Delivered, Unknown]
    journal = read_journal(tmp_path / "journal")
    assert [entry["message_id"] for entry in journal] == [f"<{n}@example.com>" for n in range(4)]
    assert [entry["to"] for entry in journal] == [f"{n}@example.net" for n in range(4)]


def test_a_torn_line_was_never_answered(tmp_path: Path) -> None:
    """The end of a journal whose peer was killed in the middle of a line is left out."""
    file = tmp_path / "journal"
    assert read_journal(file) == []
    file.write_bytes(b'{"message_id": "<1@example.com>"}\n{"mess')
    assert read_journal(file) == [{"message_id": "<1@example.com>"}]


def test_a_script_in_json_says_the_same() -> None:
    """One act or a list of them, with the keys of `Act`."""
    text = '{"dot": {"end": "drop", "on": [1, 3]}, "rcpt": [{"reply": "450 no"}, {"odds": 0.5}]}'
    assert parse_script(text) == {
        "dot": [Act("drop", on=(1, 3))],
        "rcpt": [Act(reply="450 no"), Act(odds=0.5)],
    }


async def test_the_same_seed_fails_the_same() -> None:
    """What happens by odds can be had again."""
    played = []
    for _ in range(2):
        peer = send.peer.ScriptedPeer(script={"dot": Act("drop", odds=0.5)}, seed=7)
        played.append([peer.act("dot").end for _ in range(50)])
        await asyncio.sleep(0)
    assert played[0] == played[1]
    assert set(played[0]) == {"go", "drop"}

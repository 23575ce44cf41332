"""The workshop: messages are the same wherever they are made, and its processes never stay."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from campaigns import campaign
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sendgate.errors import InputError, SourceError
from sendgate.message.keys import load_key
from sendgate.send.campaign import Campaign
from sendgate.send.deliver import Made, Unmade
from sendgate.send.deliver.workshop import Workshop
from sendgate.send.schedule import History
from sendgate.send.store import Lease

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = b"a secret of some length"


def signed_campaign(folder: Path) -> Campaign:
    key = generate_private_key(65537, 2048)
    (folder / "s1.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return campaign(folder)


def lease(number: int, **fields: object) -> Lease:
    return Lease(
        campaign=1, recipient=number, attempt=number, before=None, number=1,
        address=f"u{number}@example.net", domain="example.net", fields=fields, line=2,
        message_id=None, history=History(), time=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("processes", [0, 2])
async def test_messages_are_made_and_signed(tmp_path: Path, processes: int) -> None:
    """Each in its place, signed, with its own return path; one that cannot be made says why."""
    made_of = signed_campaign(tmp_path)
    async with Workshop(made_of, SECRET, 1, processes) as workshop:
        first, bad, last = await workshop.make(
            [lease(1, first_name="Joe"), lease(2), lease(3, first_name="Ann")]
        )
    assert isinstance(first, Made)
    assert isinstance(last, Made)
    assert isinstance(bad, Unmade)
    assert "first_name" in bad.detail
    assert first.data.startswith(b"DKIM-Signature: ")
    assert b"\r\nTo: <u1@example.net>\r\n" in first.data
    assert first.message_id.encode() in first.data
    assert first.digest == hashlib.sha256(first.data).hexdigest()
    assert first.envelope.rcpt_to == "u1@example.net"
    assert first.envelope.mail_from.endswith("@12345m.example.com")
    assert first.envelope.mail_from != last.envelope.mail_from


async def test_a_later_attempt_makes_the_same_message(tmp_path: Path) -> None:
    """All but the signature is the same: Date and Message-ID are the first attempt's."""
    made_of = signed_campaign(tmp_path)
    one = lease(1, first_name="Joe")
    later = replace(one, history=History(NOW, 1), time=NOW + timedelta(hours=4), number=2)
    async with Workshop(made_of, SECRET, 1, 0) as workshop:
        first, second = await workshop.make([one, later])
    assert isinstance(first, Made)
    assert isinstance(second, Made)
    assert first.data.partition(b"From:")[2] == second.data.partition(b"From:")[2]
    assert first.data != second.data


async def test_a_key_that_cannot_be_read_is_found_at_once(tmp_path: Path) -> None:
    """Before any process is started."""
    with pytest.raises(SourceError, match=r"s1\.pem"):
        async with Workshop(campaign(tmp_path), SECRET, 1):
            raise AssertionError("it opened")


@pytest.mark.parametrize("processes", [0, 2])
async def test_a_key_that_was_not_audited_signs_nothing(tmp_path: Path, processes: int) -> None:
    """A key file that was changed after the gate has seen it, be it found at once or later."""
    made_of = signed_campaign(tmp_path)
    audited = tuple(load_key(key.file).public for key in made_of.dkim_keys)
    async with Workshop(made_of, SECRET, 1, processes, audited) as workshop:
        signed_campaign(tmp_path)
        if processes:
            with pytest.raises(InputError, match="has changed since it was audited"):
                await workshop.make([lease(1, first_name="Joe")])
    with pytest.raises(InputError, match="has changed since it was audited"):
        async with Workshop(made_of, SECRET, 1, processes, audited):
            raise AssertionError("it opened")


async def test_a_signal_to_all_ends_no_process_that_is_starting(tmp_path: Path) -> None:
    """Ctrl-C goes to every process of a terminal; what it means, the sender decides."""
    async with Workshop(signed_campaign(tmp_path), SECRET, 1, 1) as workshop:
        making = asyncio.create_task(workshop.make([lease(1, first_name="Joe")]))
        await asyncio.sleep(0)
        assert workshop._pool is not None
        [pid] = workshop._pool._processes
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        [made] = await making
    assert isinstance(made, Made)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


ORPHANS = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from send.deliver.test_workshop import SECRET, Workshop, lease, signed_campaign

async def main():
    async with Workshop(signed_campaign(Path({folder!r})), SECRET, 1, 2) as workshop:
        await asyncio.gather(*(workshop.make([lease(n, first_name="J")]) for n in range(9)))
        print(*workshop._pool._processes, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_its_processes_end_with_a_sender_that_is_killed(tmp_path: Path) -> None:
    """Nobody closes the pool, and nobody is left over."""
    script = tmp_path / "sender.py"
    tests = str(Path(__file__).resolve().parents[2])
    script.write_text(ORPHANS.format(tests=tests, folder=str(tmp_path)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert pids, done.stderr
    until = time.monotonic() + 10
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < until, "a process of the pool outlived its sender"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A zombie that nobody has reaped yet is over.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

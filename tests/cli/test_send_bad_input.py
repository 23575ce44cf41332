"""sendgate send, given what is wrong: exit codes, words, and what is sent all the same."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from send_setup import HEADER, written
from send_world import Worlds

from sendgate.send.store import open_store

Run = Callable[..., Any]
ROW = "{},{},2026-11-01,form,https://crm.example/1,yes\n"
HUGE = 1_000_000_000 if os.environ.get("SENDGATE_LONG") else 50_000_000


@pytest.fixture
def refused(sendgate: Run, tmp_path: Path, pem: bytes) -> Run:
    """Send a campaign that a function has spoilt; give stderr, having seen that it is exit 2."""

    def run(spoil: Callable[[Path], object]) -> str:
        file = written(tmp_path, 25, pem)
        spoil(tmp_path)
        done = sendgate("send", str(file), "--nameserver", "127.0.0.1:1")
        assert (done.exit_code, done.stdout) == (2, ""), done.stderr
        return str(done.stderr)

    return run


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace(",direct", ",drect"),
         "contacts.csv:1: the contacts have no column direct; did you mean 'drect' for direct?"),
        (HEADER.replace("email", "address"), "have no column email"),
    ],
)  # fmt: skip
def test_a_required_column_that_is_missing_is_named(
    refused: Run, tmp_path: Path, header: str, said: str
) -> None:
    """With the nearest one there is; no store is made."""
    row = ROW.format("joe@example.net", "Joe")
    assert said in refused(lambda at: (at / "contacts.csv").write_text(f"{header}\n{row}"))
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Hello\n\n{% if first_name %}\n", "news.txt.j2:3: "),
        ("Hello\n{{ first_nam }}\n", "news.txt.j2:2: no column gives 'first_nam'; did you mean"),
        ("Hello\n\n\n{{ first_name / 0 }}\n", "no message can be made: news.txt.j2:4: "),
        ("{% include 'gone.j2' %}", "gone.j2: the template cannot be read: no such file"),
        ("{{ [1, 2] | random }}", "news.txt.j2:1: No filter named 'random'"),
    ],
)
def test_an_error_in_a_template_sends_nothing(
    refused: Run, tmp_path: Path, template: str, said: str
) -> None:
    """It is named with its line, whether it is found by reading or by rendering."""
    assert said in refused(lambda at: (at / "news.txt.j2").write_text(template))
    assert not (tmp_path / "store.db").exists()


def ec_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def make_folder(at: Path) -> None:
    (at / "s1.pem").unlink()
    (at / "s1.pem").mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda at: (at / "s1.pem").unlink(), "the private key cannot be read: no such file"),
        (make_folder, "the private key cannot be read: is a directory"),
        (lambda at: (at / "s1.pem").write_bytes(ec_key()),
         "holds a private key of a kind that DKIM has not: use RSA or Ed25519"),
        (lambda at: (at / "s1.pem").write_text("words"), "is no private key"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_sign_sends_nothing(
    refused: Run, spoil: Callable[[Path], object], said: str
) -> None:
    """Its file is named, and what is wrong with it."""
    found = refused(spoil)
    assert f"s1.pem: {said}" in found


def test_a_key_that_is_closed_to_us_sends_nothing(
    refused: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is not there; root may read every file, so the system's answer is played."""
    real = Path.open

    def closed(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "s1.pem" and arguments == ("rb",):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *arguments, **options)

    def spoil(_: Path) -> None:
        monkeypatch.setattr(Path, "open", closed)

    assert "s1.pem: the private key cannot be read: permission denied" in refused(spoil)


def test_a_store_of_a_newer_version_is_left_alone(refused: Run, tmp_path: Path) -> None:
    """Neither sent from nor changed."""

    def spoil(at: Path) -> None:
        open_store(at / "store.db").close()
        with contextlib.closing(sqlite3.connect(at / "store.db")) as db:
            db.execute("PRAGMA user_version = 999")

    assert "newer version of sendgate" in refused(spoil)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (999,)


async def test_bad_rows_are_named_and_the_others_are_sent(world: Worlds) -> None:
    """By their lines; a key that everybody may read is warned of; formulas are data."""
    formula = "=cmd|'/C calc'!A0"
    async with world() as w:
        (w.setup.folder / "s1.pem").chmod(0o644)
        (w.setup.folder / "contacts.csv").write_text(
            f"{HEADER}\n"
            + ROW.format("joe@example.net", formula)
            + "short,row\n"
            + ROW.format("ann@example.net", "Ann").replace("2026-11-01", "yesterday")
            + ROW.format("liz@example.net", "@SUM(1+1)")
        )
        done = await w.send()
        assert (done.code, done.counts) == (0, {"eligible": 2, "delivered": 2}), done.err
        assert "contacts.csv: line 3: has 2 fields; the header has 6" in done.err
        assert "contacts.csv: line 4: consent_at: expected a date" in done.err
        assert "rows that cannot be read: 2" in done.err
        assert "everybody on this machine can read" in done.err
        bodies = b"\n".join(w.peer.bodies)
        assert f"Subject: Hello {formula}".encode() in bodies
        assert b"Subject: Hello @SUM(1+1)" in bodies


# Not ru_maxrss, which counts the test run that the process was forked from.
PEAK = """
import atexit, re
if __name__ == "__main__":
    atexit.register(lambda: open("peak", "w").write(
        re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]))
"""


async def test_a_huge_field_costs_no_memory_and_no_other_row(world: Worlds) -> None:
    """A row of 50 MB (a gigabyte with SENDGATE_LONG=1) is one bad row, in bounded memory."""
    async with world() as w:
        path = w.setup.folder / "contacts.csv"
        with path.open("wb") as file:
            file.write(f"{HEADER}\n{ROW.format('joe@example.net', 'Joe')}ann@example.net,".encode())
            file.seek(HUGE, os.SEEK_CUR)  # a hole: it takes no room on the disk
            file.write(f"\n{ROW.format('liz@example.net', 'Liz')}".encode())
        done = await w.send(prelude=PEAK)
        assert (done.code, done.counts) == (0, {"eligible": 2, "delivered": 2}), done.err
        assert "contacts.csv: line 3: has more than 100000 characters" in done.err
        assert int((w.setup.folder / "peak").read_text()) < 200_000  # KiB


LIMIT = """
import resource, signal
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("octets", [150_000, 400_000, 800_000])
async def test_a_full_disk_loses_nothing(world: Worlds, octets: int) -> None:
    """The store cannot grow, at whatever moment: exit 4 in words; with room, it is gone on with."""
    addresses = [f"user{number}@example.net" for number in range(150)]
    async with world() as w:
        w.setup.contacts(addresses)
        done = await w.send(prelude=LIMIT.format(octets))
        assert done.code == 4, done.err
        assert "the store" in done.err
        assert "Traceback" not in done.err
        before = len(w.peer.accepted)
        assert before < len(addresses)
        again = await w.send()
        counts = again.counts
        assert counts["delivered"] + counts.get("unknown", 0) == len(addresses), again.err
        assert len(set(w.peer.accepted)) == len(w.peer.accepted)
        assert len(w.peer.accepted) >= counts["delivered"]


async def test_the_report_has_no_cell_of_a_list(world: Worlds) -> None:
    """The log and the report speak of addresses and replies, not of what fills templates."""
    formula = "=HYPERLINK(1)"
    async with world() as w:
        (w.setup.folder / "contacts.csv").write_text(
            f"{HEADER}\n" + ROW.format("joe@example.net", formula)
        )
        assert (await w.send()).code == 0
        for command in (["log", "--format", "jsonl"], ["report", "--result", "delivered"]):
            done = w.campaign(command[0], *command[1:])
            assert "joe@example.net" in done.out
            assert formula not in done.out
        assert json.loads(w.campaign("log", "--format", "jsonl").out)["event"] == "delivered"

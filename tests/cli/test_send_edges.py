"""sendgate send at its edges: signals at any moment, what the gate sees, keys that change."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from send.peer import Act
from send_setup import HEADER
from send_world import World, Worlds, ended

from sendgate.send.store import visit_store

MANY = [f"user{number}@example.net" for number in range(30)]
STOPPED = "sendgate: error: stopped before sending began\n"


EMPTY = "contacts.csv: the list holds no contact: nothing was sent"


async def until_read(path: Path) -> int:
    """Wait until a process reads from a named pipe; give the end to write to."""
    for _ in range(2000):
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        await asyncio.sleep(0.01)
    pytest.fail("nobody came to read")


@pytest.mark.parametrize(
    ("signals", "options"),
    [
        ([signal.SIGTERM], []),
        ([signal.SIGTERM], ["--dry-run"]),
        ([signal.SIGINT], []),
        ([signal.SIGTERM, signal.SIGINT, signal.SIGTERM], []),
        ([signal.SIGINT, signal.SIGTERM, signal.SIGINT], ["--test-to", "me@example.net"]),
    ],
)
async def test_a_signal_while_the_contacts_are_first_read(
    world: Worlds, signals: list[signal.Signals], options: list[str]
) -> None:
    """Exit 4 in words and not by the signal, before any loop runs; no store is made."""
    async with world() as w:
        contacts = w.setup.folder / "contacts.csv"
        contacts.unlink()
        os.mkfifo(contacts)
        process = await w.start(*w.setup.arguments, *options)
        writing = await until_read(contacts)
        for number in signals:
            with contextlib.suppress(ProcessLookupError):  # it has ended already
                process.send_signal(number)
        done = await ended(process)
        os.close(writing)
        assert (done.code, done.out, done.err) == (4, "", STOPPED)
        assert w.peer.connections == 0
        assert not (w.setup.folder / "store.db").exists()


def audits(w: World) -> int:
    """How many audits are stored."""
    with contextlib.closing(sqlite3.connect(w.setup.folder / "store.db")) as db:
        try:
            return int(db.execute("SELECT count(*) FROM audit").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # it is just being made


def is_audited(w: World) -> bool:
    return (w.setup.folder / "store.db").exists() and audits(w) > 0


@pytest.mark.parametrize(("number", "times"), [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
async def test_a_signal_while_the_contacts_are_loaded(
    world: Worlds, number: signal.Signals, times: int
) -> None:
    """Exit 4; nobody was mailed, the list is not in, and the campaign can be gone on with."""
    async with world() as w:
        w.setup.contacts([f"user{n}@example.net" for n in range(30_000)])
        process = await w.start(*w.setup.arguments)
        await w.until(lambda: is_audited(w))
        for _ in range(times):
            process.send_signal(number)
            await asyncio.sleep(0.05)
        done = await ended(process)
        assert (done.code, done.out, done.err) == (4, "", STOPPED)
        assert w.peer.connections == 0
        with visit_store(w.setup.folder / "store.db") as visit:
            (campaign,) = visit.campaigns()
        assert (str(campaign.state), campaign.loaded) == ("queued", False)
        w.setup.contacts(["joe@example.net"])
        assert (await w.send()).counts == {"eligible": 1, "delivered": 1}


async def test_a_second_signal_during_the_audit_changes_nothing(world: Worlds) -> None:
    """Two of them, of both kinds, while DNS does not answer: exit 4 in words."""
    import socket

    async with world() as w:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            silent.settimeout(30)
            place = f"127.0.0.1:{silent.getsockname()[1]}"
            process = await w.start("send", str(w.setup.file), "--nameserver", place)
            await asyncio.to_thread(silent.recv, 1)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            done = await ended(process)
        assert (done.code, done.out, done.err) == (4, "", STOPPED)


# Sends itself both signals while the commands are being loaded, ...
LOADING = """
import signal
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "sendgate.cli.app":
            for number in (15, 2, 15):
                os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
"""
# ... when all is done and the loop is being closed, ...
CLOSING = """
import asyncio
close = asyncio.Runner.close
def closing(self):
    for number in (15, 2, 15):
        os.kill(os.getpid(), number)
    close(self)
asyncio.Runner.close = closing
"""
# ... and when the interpreter ends.
ENDING = """
import atexit
for number in (15, 2, 15):
    atexit.register(os.kill, os.getpid(), number)
"""


async def test_a_signal_before_anything_is_loaded(world: Worlds) -> None:
    """Exit 130 in words; nothing was made."""
    async with world() as w:
        done = await w.run(*w.setup.arguments, prelude=LOADING)
        assert (done.code, done.out, done.err) == (130, "", "sendgate: error: interrupted\n")
        assert not (w.setup.folder / "store.db").exists()


@pytest.mark.parametrize("prelude", [CLOSING, ENDING], ids=["closing", "ending"])
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
async def test_a_signal_after_the_end_changes_nothing(
    world: Worlds, prelude: str, options: list[str]
) -> None:
    """What was done is told, and the exit code is that of what was done."""
    async with world() as w:
        done = await w.run(*w.setup.arguments, *options, prelude=prelude)
        assert done.code == 0, done.err
        assert "stopped" not in done.err
        assert "november-news" in done.out


async def test_what_denies_sockets_does_so(world: Worlds) -> None:
    """A campaign that passes cannot reach its recipients either where their port is denied."""
    async with world() as w:
        arguments = [*w.setup.arguments, "--no-wait"]
        done = await w.run(*arguments, only=[w.dns_port])
        assert done.code == 4, done.err
        assert w.peer.connections == 0
        assert w.peer.port in w.dialled


def write_subject(w: World, subject: str) -> None:
    text = w.setup.file.read_text("utf-8")
    w.setup.file.write_text(text.replace("Hello {{ first_name }}", subject), "utf-8")


BRANCH = "{% if first_name == 'Ann' %}Re: your order{% else %}Hello{% endif %}"


def one_ann(w: World) -> None:
    """The last of many contacts takes another branch of the subject."""
    w.setup.contacts([*MANY, "ann@example.net"])
    path = w.setup.folder / "contacts.csv"
    path.write_text(path.read_text("utf-8").replace("ann@example.net,Joe", "ann@example.net,Ann"))


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
async def test_the_gate_judges_every_branch_of_a_subject(world: Worlds, options: list[str]) -> None:
    """A false Re: that the last contact alone would get refuses it all; nobody is dialled."""
    async with world() as w:
        write_subject(w, BRANCH)
        one_ann(w)
        for _ in range(2):
            done = await w.run(*w.setup.arguments, *options, only=[w.dns_port])
            assert done.code == 1, done.err
            assert "MSG006" in done.out
            assert "begins with 'Re:'" in done.out
        assert w.peer.connections == 0
        if not options:
            assert w.status()["state"] == "refused"
            assert "MSG006" in w.status()["reason"]
            w.setup.contacts(MANY)  # no contact is in yet: the name is free for other content
            assert (await w.send()).counts == {"eligible": 30, "delivered": 30}


async def test_an_odd_subject_of_other_mail_is_no_error(world: Worlds) -> None:
    """Mail to one person is warned about only, so it is sent."""
    async with world() as w:
        write_subject(w, BRANCH)
        one_ann(w)
        text = w.setup.file.read_text("utf-8")
        w.setup.file.write_text(text.replace('"marketing"', '"one-to-one"'), "utf-8")
        assert (await w.send()).counts == {"eligible": 31, "delivered": 31}


async def test_an_address_that_needs_smtputf8_does_not_refuse_the_rest(world: Worlds) -> None:
    """The first contact's address has no ASCII form; its message is judged as what it is."""
    async with world() as w:
        w.setup.contacts(["jörg@example.net", "ann@example.net"])
        done = await w.send("--no-wait")
        assert done.counts["delivered"] >= 1, done.err


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("", [], EMPTY),
        ("\n\n", ["--dry-run"], EMPTY),
        ("", ["--test-to", "me@example.net"], EMPTY),
        ("ann@example.net,Ann,,,,no\nx,y\n", [], "(no_consent: 1, rows that cannot be read: 1)"),
    ],
)
async def test_a_list_of_nobody_uses_up_no_name(
    world: Worlds, rows: str, options: list[str], said: str
) -> None:
    """Exit 2 saying why; with contacts in it, the same campaign is sent."""
    async with world() as w:
        (w.setup.folder / "contacts.csv").write_text(f"{HEADER}\n{rows}", "utf-8")
        done = await w.run(*w.setup.arguments, *options, only=[w.dns_port])
        assert (done.code, done.out) == (2, ""), done.err
        assert said in done.err
        assert w.dialled == set()
        if not options:
            w.setup.contacts(["joe@example.net"])
            assert (await w.send()).counts == {"eligible": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (Act(reply="550 5.1.1 no such user"), 1, "the message was not delivered: it bounced"),
        (Act(reply="451 4.7.1 greylisted"), 4, "the message is not delivered yet"),
    ],
)
async def test_a_trial_says_what_became_of_it(
    world: Worlds, act: Act, code: int, said: str
) -> None:
    """--test-to exits 0 where its one message was delivered, and nowhere else."""
    async with world({"rcpt": act}) as w:
        done = await w.run(*w.setup.arguments, "--test-to", "me@example.net")
        assert done.code == code, done.err
        assert said in done.out
        assert act.reply is not None
        assert act.reply in done.out


async def test_a_trial_whose_reply_is_lost(world: Worlds) -> None:
    """Nobody knows whether it arrived: exit 3, and the text says so."""
    async with world({"accepted": Act(end="drop", on=(1,))}) as w:
        done = await w.run(*w.setup.arguments, "--test-to", "me@example.net")
        assert done.code == 3, done.err
        assert "is not known: the reply to it was lost" in done.out


# Puts another key in the place of the one that was audited, as soon as a process that makes
# messages begins.
SWAP = """
if __name__ == "__mp_main__" and os.path.exists("other.pem"):
    try:
        os.replace("other.pem", "s1.pem")
    except FileNotFoundError:
        pass  # another process was faster
"""


async def test_a_key_that_changes_behind_the_audit(world: Worlds, pem: bytes) -> None:
    """A process that makes messages meets another key: exit 4 naming the file, nothing lost."""
    from send_setup import rsa_key

    async with world() as w:
        w.setup.contacts([f"user{n}@example.net" for n in range(250)])
        (w.setup.folder / "other.pem").write_bytes(rsa_key())
        done = await w.send(prelude=SWAP)
        assert done.code == 4, done.err
        assert "s1.pem': the key has changed since it was audited; run this again" in done.err
        status = w.status()
        assert status["state"] == "queued"
        assert "s1.pem': the key has changed" in status["reason"]
        assert done.counts.get("unknown", 0) == 0
        (w.setup.folder / "s1.pem").write_bytes(pem)
        assert (await w.send()).counts == {"eligible": 250, "delivered": 250}
        assert len(set(w.peer.accepted)) == len(w.peer.accepted) == 250


SPOIL = """
if __name__ == "__mp_main__":
    open("news.txt.j2", "w").write("{% spoilt")
"""


async def test_a_template_that_changes_behind_the_audit(world: Worlds) -> None:
    """What was audited is what is sent: no process reads a template again."""
    async with world() as w:
        w.setup.contacts([f"user{n}@example.net" for n in range(250)])
        done = await w.send(prelude=SPOIL)
        assert done.counts == {"eligible": 250, "delivered": 250}, done.err
        assert (w.setup.folder / "news.txt.j2").read_text("utf-8") == "{% spoilt"
        assert sum(b"Hello Joe" in body for body in w.peer.bodies) == 250
        again = await w.send()
        assert (again.code, again.out) == (2, "")
        assert "news.txt.j2:1: " in again.err


REJECTED = "550 5.7.26 This mail has been blocked because the sender is unauthenticated."


async def test_a_rejected_authentication_is_audited_and_tried_once(world: Worlds) -> None:
    """Rejected, audited at once, one message tried, rejected again: paused, exit 4."""
    async with world({"rcpt": Act(reply=REJECTED)}, toml='[limits]\nrate = "1/s"\n') as w:
        w.setup.contacts(MANY)
        done = await w.run(*w.setup.arguments)
        assert done.code == 4, done.out + done.err
        assert "rejects the sender's authentication" in done.err
        assert "auditing again" in done.err
        found = w.status()
        assert found["state"] == "paused"
        assert "though the audit passed" in found["reason"]
        assert found["counts"]["delivered"] == 0
        assert found["counts"]["queued"] == len(MANY) - 2
        assert sum(command.startswith("RCPT") for command in w.peer.commands) == 2
        assert audits(w) == 2  # the first, and the one after the first rejection
        assert (await w.send()).code == 4  # until a person takes the pause back


async def test_a_rejection_whose_audit_fails_pauses_at_once(world: Worlds) -> None:
    """The record was broken meanwhile: nobody else is tried."""
    script = {"rcpt": Act(reply=REJECTED, delay=2)}
    async with world(script, toml='[limits]\nrate = "1/s"\n', own_names=True) as w:
        w.setup.contacts(MANY)
        process = await w.start(*w.setup.arguments)
        await w.until(lambda: w.peer.connections > 0)
        w.setup.break_spf()
        done = await ended(process)
        assert done.code == 4, done.err
        found = w.status()
        assert found["state"] == "paused"
        assert "and the audit does not pass" in found["reason"]
        assert audits(w) == 2
        assert found["counts"]["delivered"] == 0


async def test_a_rejection_that_was_a_slip(world: Worlds) -> None:
    """The one message after a passing audit is taken: the rest follows."""
    async with world({"rcpt": Act(reply=REJECTED, on=(1,))}) as w:
        w.setup.contacts(MANY)
        done = await w.send()
        assert done.code == 0, done.err
        assert audits(w) == 2
        assert done.counts["delivered"] >= 29

"""The driver against a scripted receiver: definite or in doubt, for every way to fail."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from send.peer import Act, ScriptedPeer, read_journal
from send.sessions import ENVELOPE, MESSAGE, PATIENT, Commit, opened, quick

from sendgate.errors import InternalError
from sendgate.send.outcome import Delivered, Phase, Unknown
from sendgate.send.smtp.client import Reuse, Timeouts
from sendgate.send.smtp.payload import Envelope
from sendgate.send.smtp.result import Attempt, Broken, Fault, Refused, Unfit, Unfitness

LONG = MESSAGE + b"x" * 98 + b"\r\n" + (b"y" * 98 + b"\r\n") * 60_000


async def deliver(
    peer: ScriptedPeer, message: bytes = MESSAGE, timeouts: Timeouts = PATIENT
) -> tuple[Attempt, Commit]:
    session, commit = await opened(peer, timeouts), Commit()
    attempt = await session.deliver(ENVELOPE, message, commit)
    session.abort()
    return attempt, commit


async def test_a_message_arrives_as_it_was_given(tmp_path: Path) -> None:
    """Delivered with the receiver's words; the journal has it, octet for octet but the dots."""
    async with ScriptedPeer(journal=tmp_path / "j") as peer:
        session, commit = await opened(peer), Commit()
        attempt = await session.deliver(ENVELOPE, MESSAGE, commit)
        assert isinstance(attempt, Delivered)
        assert str(attempt.reply) == "250 2.0.0 accepted"
        assert (attempt.peer.mx, attempt.peer.source) == ("mx.example.com", "127.0.0.1")
        assert commit.calls == 1
        assert not session.in_doubt
        await session.quit()
        assert peer.commands == [
            "EHLO mail.example.com",
            f"MAIL FROM:<b@m.example.com> SIZE={len(MESSAGE)}",
            "RCPT TO:<a@example.net>",
            "DATA",
            "QUIT",
        ]
    assert peer.bodies == [MESSAGE.replace(b".dot", b"..dot")]
    assert read_journal(tmp_path / "j") == [
        {
            "message_id": "<1@example.com>",
            "from": "b@m.example.com",
            "to": "a@example.net",
            "octets": len(MESSAGE) + 1,
        }
    ]


async def test_a_long_message_and_a_receiver_that_offers_nothing() -> None:
    """6 MB arrive whole, with and without extensions, over one connection after another."""
    for extensions in (["PIPELINING", "SIZE"], []):
        async with ScriptedPeer(extensions=extensions) as peer:
            attempt, _ = await deliver(peer, LONG)
            assert isinstance(attempt, Delivered)
            assert peer.bodies == [LONG.replace(b".dot", b"..dot")]


async def test_nothing_of_the_last_block_leaves_before_the_commit() -> None:
    """While the commit is awaited the receiver has the 354 answered and not one octet more."""
    seen = asyncio.Event()
    async with ScriptedPeer() as peer:
        session = await opened(peer, Timeouts())

        async def commit() -> None:
            await asyncio.sleep(0.1)
            assert peer.commands[-1] == "DATA"
            assert peer.bodies == []
            assert not session.in_doubt
            seen.set()

        assert isinstance(await session.deliver(ENVELOPE, MESSAGE, commit), Delivered)
        assert seen.is_set()
        session.abort()


async def test_a_commit_that_fails_sends_no_dot() -> None:
    """What cannot be written down is not done; the error comes out, the connection is over."""
    async with ScriptedPeer() as peer:
        session = await opened(peer)
        with pytest.raises(OSError, match="disk full"):
            await session.deliver(ENVELOPE, LONG, Commit(OSError("disk full")))
        assert not session.is_usable
        assert not session.in_doubt
        await asyncio.sleep(0.05)
        assert peer.accepted == []


DEFINITE = [
    ("mail", Act("drop"), Phase.MAIL, Fault.CLOSED),
    ("mail", Act("reset"), Phase.MAIL, Fault.CLOSED),
    ("mail", Act("half"), Phase.MAIL, Fault.CLOSED),
    ("mail", Act("silent"), Phase.MAIL, Fault.TIMEOUT),
    ("mail", Act(reply="raw:what?\r\n"), Phase.MAIL, Fault.PROTOCOL),
    ("rcpt", Act("drop"), Phase.RCPT, Fault.CLOSED),
    ("rcpt", Act("reset"), Phase.RCPT, Fault.CLOSED),
    ("rcpt", Act("drip", delay=0.1), Phase.RCPT, Fault.TIMEOUT),
    ("data", Act("drop"), Phase.DATA, Fault.CLOSED),
    ("data", Act("silent"), Phase.DATA, Fault.TIMEOUT),
    ("data", Act("half"), Phase.DATA, Fault.CLOSED),
    ("data", Act(reply="raw:250-" + "x" * 5000), Phase.DATA, Fault.PROTOCOL),
    ("data", Act(reply="raw:" + "354-x\r\n" * 200), Phase.DATA, Fault.PROTOCOL),
]


@pytest.mark.parametrize(("step", "act", "phase", "fault"), DEFINITE)
async def test_what_fails_before_the_dot_is_definite(
    step: str, act: Act, phase: Phase, fault: Fault
) -> None:
    """No commit was asked for, nothing was accepted, and another mail exchanger may be tried."""
    async with ScriptedPeer(script={step: act}) as peer:
        attempt, commit = await deliver(peer, timeouts=quick(phase, act))
        assert isinstance(attempt, Broken)
        assert (attempt.phase, attempt.fault) == (phase, fault)
        assert commit.calls == 0
        assert peer.accepted == []


IN_DOUBT = [
    ("dot", Act("drop"), 0),
    ("dot", Act("reset"), 0),
    ("dot", Act("silent"), 0),
    ("dot", Act("half"), 0),
    ("accepted", Act(reply="raw:250-ok\r\n", end="hangup"), 1),
    ("dot", Act(reply="raw:garbage\r\n"), 0),
    ("dot", Act(reply="354 more"), 0),
    ("accepted", Act("drop"), 1),
    ("accepted", Act("reset"), 1),
    ("accepted", Act("silent"), 1),
    ("accepted", Act("half"), 1),
    ("accepted", Act("drip", delay=0.1), 1),
    ("accepted", Act(delay=1.0), 1),
    ("accepted", Act(reply="raw:" + "250-x\r\n" * 200), 1),
    ("accepted", Act(reply="raw:\0\0\0\r\n"), 1),
]


@pytest.mark.parametrize(("step", "act", "accepted"), IN_DOUBT)
async def test_no_reply_to_the_dot_is_unknown(step: str, act: Act, accepted: int) -> None:
    """Whether the receiver took it or not looks the same from here, and is said to."""
    async with ScriptedPeer(script={step: act}) as peer:
        attempt, commit = await deliver(peer, timeouts=quick("dot", act))
        assert isinstance(attempt, Unknown)
        assert attempt.peer is not None
        assert commit.calls == 1
        assert len(peer.accepted) == accepted


@pytest.mark.parametrize("end", ["go", "hangup"])
@pytest.mark.parametrize("reply", ["450 4.2.0 later", "554 5.7.1 spam", "421 4.3.2 closing"])
async def test_a_refusal_of_the_dot_is_definite(reply: str, end: str) -> None:
    """With a reply there is no doubt, also when the connection ends with it."""
    async with ScriptedPeer(script={"dot": Act(end, reply)}) as peer:
        attempt, _ = await deliver(peer)
        assert isinstance(attempt, Refused)
        assert attempt.phase is Phase.DOT
        assert str(attempt.reply) == reply


async def test_a_reply_that_takes_its_time_still_counts() -> None:
    """A 250 that comes late and in many lines, within the limit, is a delivery."""
    reply = "250 2.0.0 one\n2.0.0 two\n2.0.0 three"
    script = {"accepted": Act(reply=reply, delay=0.2), "ehlo": Act("drip", delay=0.001)}
    async with ScriptedPeer(script=script) as peer:
        attempt, _ = await deliver(peer)
        assert isinstance(attempt, Delivered)
        assert attempt.reply.lines == ("one", "two", "three")
        assert attempt.reply.enhanced == "2.0.0"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("552 5.3.4 too large", Refused), ("421 4.3.2 closing", Refused), ("250 2.0.0 ok", Broken)],
)
async def test_a_reply_before_the_dot_keeps_the_dot_back(reply: str, kind: type[Attempt]) -> None:
    """The receiver has spoken while the commit was written: no dot goes out, all is definite."""
    script = {"data": Act(reply=f"raw:354 go\r\n{reply}\r\n")}
    async with ScriptedPeer(script=script) as peer:
        attempt, commit = await deliver(peer)
        assert isinstance(attempt, kind)
        assert attempt.phase is Phase.DATA
        assert commit.calls == 1
        assert peer.accepted == []


async def test_a_connection_that_ends_during_the_commit_is_definite() -> None:
    """Nothing of the last block had left, so there is no doubt."""
    async with ScriptedPeer(script={"data": Act("hangup")}) as peer:
        session = await opened(peer)

        async def commit() -> None:
            await asyncio.sleep(0.1)

        attempt = await session.deliver(ENVELOPE, MESSAGE, commit)
        assert isinstance(attempt, Broken)
        assert (attempt.phase, attempt.fault) == (Phase.DATA, Fault.CLOSED)
        assert not session.in_doubt


async def test_a_receiver_that_stops_reading_the_head_is_definite() -> None:
    """Back-pressure holds the writer, the block's time limit ends it, no commit was asked for."""
    async with ScriptedPeer(script={"body": Act("silent")}) as peer:
        attempt, commit = await deliver(peer, LONG * 4, quick("block"))
        assert isinstance(attempt, Broken)
        assert (attempt.phase, attempt.fault) == (Phase.DATA, Fault.TIMEOUT)
        assert commit.calls == 0


async def test_why_a_receiver_hung_up_in_the_message_is_heard() -> None:
    """A refusal in the middle of the message counts, though more was still to be written."""
    script = {"body": Act("hangup", reply="552 5.3.4 too large")}
    async with ScriptedPeer(script=script) as peer:
        attempt, commit = await deliver(peer, LONG * 4)
        assert commit.calls == 0
        # A reset can overtake the reply; then the break is all there is.
        assert isinstance(attempt, Refused | Broken)
        assert attempt.phase is Phase.DATA


async def test_cancelled_before_the_dot_and_after_it() -> None:
    """Whoever cancels learns from the session which of the two it was."""
    for step, in_doubt in (("data", False), ("accepted", True)):
        async with ScriptedPeer(script={step: Act("silent")}) as peer:
            session = await opened(peer, Timeouts())
            task = asyncio.create_task(session.deliver(ENVELOPE, MESSAGE, Commit()))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert session.in_doubt is in_doubt
            assert not session.is_usable


@pytest.mark.parametrize(("step", "kind"), [("data", Broken), ("accepted", Unknown)])
async def test_aborted_by_another_task(step: str, kind: type[Attempt]) -> None:
    """Whoever waits on the connection learns at once that it is over, and what that means."""
    async with ScriptedPeer(script={step: Act("silent")}) as peer:
        session = await opened(peer)
        task = asyncio.create_task(session.deliver(ENVELOPE, MESSAGE, Commit()))
        await asyncio.sleep(0.1)
        session.abort()
        async with asyncio.timeout(5):
            assert isinstance(await task, kind)


async def test_cancelled_during_the_commit_no_dot_is_sent() -> None:
    """The commit may have been written or not; the message has not been sent."""
    async with ScriptedPeer() as peer:
        session = await opened(peer)
        task = asyncio.create_task(session.deliver(ENVELOPE, MESSAGE, asyncio.Event().wait))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not session.in_doubt
        await asyncio.sleep(0.05)
        assert peer.accepted == []


async def test_one_connection_for_many_messages_up_to_its_limit() -> None:
    """It is used again without RSET, and after a refusal with one; then it has served."""
    script = {"rcpt": Act(reply="550 5.1.1 unknown", on=(2,))}
    async with ScriptedPeer(script=script) as peer:
        session = await opened(peer, reuse=Reuse(messages=4))
        kinds = []
        while session.is_usable:
            kinds.append(type(await session.deliver(ENVELOPE, MESSAGE, Commit())))
        assert kinds == [Delivered, Refused, Delivered, Delivered]
        assert peer.connections == 1
        assert peer.commands.count("RSET") == 1
        await session.quit()


async def test_a_connection_that_is_too_old_is_not_used_again() -> None:
    """Its age counts as well as its messages."""
    async with ScriptedPeer() as peer:
        session = await opened(peer, reuse=Reuse(seconds=0.05))
        assert session.is_usable
        await asyncio.sleep(0.06)
        assert not session.is_usable
        session.abort()


@pytest.mark.parametrize(
    ("act", "kind"),
    [(Act("hangup"), Broken), (Act(reply="raw:250 ok\r\n421 4.4.2 idle\r\n"), Refused)],
)
async def test_a_connection_that_ended_while_idle_is_found_out(
    act: Act, kind: type[Attempt]
) -> None:
    """Before the next message's first command, so nothing has begun."""
    async with ScriptedPeer(script={"accepted": act}) as peer:
        session = await opened(peer)
        assert isinstance(await session.deliver(ENVELOPE, MESSAGE, Commit()), Delivered)
        await asyncio.sleep(0.05)
        attempt = await session.deliver(ENVELOPE, MESSAGE, Commit())
        assert isinstance(attempt, kind)
        assert attempt.phase is Phase.MAIL
        assert not session.is_usable
        again = await session.deliver(ENVELOPE, MESSAGE, Commit())
        assert isinstance(again, Broken)


async def test_a_reply_too_many_is_not_taken_for_the_next_one() -> None:
    """Answers that are off by one would make a yes to the dot out of something else."""
    script = {"accepted": Act(reply="raw:250 ok\r\n250 once more\r\n")}
    async with ScriptedPeer(script=script) as peer:
        session = await opened(peer)
        assert isinstance(await session.deliver(ENVELOPE, MESSAGE, Commit()), Delivered)
        attempt = await session.deliver(ENVELOPE, MESSAGE, Commit())
        assert isinstance(attempt, Broken)
        assert (attempt.phase, attempt.fault) == (Phase.MAIL, Fault.PROTOCOL)
        await asyncio.sleep(0.05)
        assert len([line for line in peer.commands if line.startswith("MAIL")]) == 1


async def test_what_cannot_be_sent_leaves_the_connection_as_it_is() -> None:
    """A bare LF, a bad address, a message too large: not a word is said, the next one goes."""
    async with ScriptedPeer(size=100) as peer:
        session = await opened(peer)
        for envelope, message, why in [
            (ENVELOPE, b"a\n", Unfitness.UNSENDABLE),
            (Envelope("", "a b@example.com"), MESSAGE, Unfitness.UNSENDABLE),
            (ENVELOPE, MESSAGE * 2, Unfitness.TOO_LARGE),
        ]:
            attempt = await session.deliver(envelope, message, Commit())
            assert isinstance(attempt, Unfit)
            assert attempt.why is why
        assert peer.commands == ["EHLO mail.example.com"]
        assert isinstance(await session.deliver(ENVELOPE, MESSAGE, Commit()), Delivered)
        session.abort()


async def test_a_session_takes_one_message_at_a_time() -> None:
    """Two at once would mix their commands."""
    async with ScriptedPeer(script={"accepted": Act(delay=0.1)}) as peer:
        session = await opened(peer)
        first = asyncio.create_task(session.deliver(ENVELOPE, MESSAGE, Commit()))
        await asyncio.sleep(0.03)
        assert not session.is_usable
        with pytest.raises(InternalError):
            await session.deliver(ENVELOPE, MESSAGE, Commit())
        assert isinstance(await first, Delivered)
        session.abort()


async def test_quit_waits_for_nobody_for_long() -> None:
    """A receiver that ignores QUIT, or is gone, holds nobody up."""
    for act in (Act("silent"), Act("drop"), Act("reset")):
        async with ScriptedPeer(script={"quit": act}) as peer:
            session = await opened(peer)
            async with asyncio.timeout(2):
                await session.quit()
                await session.quit()
            assert not session.is_usable


async def test_a_reply_that_came_while_the_process_stood_still_is_read() -> None:
    """Stopped for longer than the limit, a process finds the reply and the limit together.

    The reply counts: the message was delivered, and calling that unknown would hold it.
    """
    code = Path(__file__).with_name("stopped_sender.py")
    async with ScriptedPeer(script={"accepted": Act(delay=0.4)}) as peer:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(code), str(peer.port), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"committed\n"
        await asyncio.sleep(0.1)
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(1.5)
        os.kill(process.pid, signal.SIGCONT)
        out, _ = await process.communicate()
        assert out == b"Delivered\n"

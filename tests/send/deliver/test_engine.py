"""The engine against a scripted receiver: every fault ends as the protocol says it does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from send.deliver.engines import PATIENT, QUICK, bench, route
from send.peer import Act, ScriptedPeer

from sendgate.send.deliver import Why
from sendgate.send.outcome import Bounced, Deferred, Delivered, NotSent, Outcome, Phase, Unknown
from sendgate.send.state import State


async def test_everybody_gets_one_message(tmp_path: Path) -> None:
    """Finished: each delivered once, over few connections, the outcomes told."""
    people = [f"u{n}@example.net" for n in range(60)]
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port), people) as made:
        ended = await made.run(wait=True)
        assert ended.why is Why.FINISHED
        assert await made.states() == {State.DELIVERED: 60}
        assert len(peer.accepted) == len(set(peer.accepted)) == 60
        assert peer.connections <= 20
        assert len(made.outcomes) == 60


BEFORE = ["drop", "reset", "half", "silent"]


@pytest.mark.parametrize("end", BEFORE)
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
async def test_a_fault_before_the_dot_is_a_deferral(tmp_path: Path, step: str, end: str) -> None:
    """Definite: nothing was accepted, and the recipient is tried again later."""
    act = {step: Act(end)}
    async with (
        ScriptedPeer(script=act) as peer,
        bench(tmp_path, route(peer.port), timeouts=QUICK if end == "silent" else PATIENT) as made,
    ):
        ended = await made.run()
        (outcome,) = made.outcomes
        assert peer.accepted == []
        assert isinstance(outcome, Deferred)
        assert outcome.category == "temporary"
        assert ended.why is Why.IDLE
        assert ended.due is not None
        assert abs(ended.due - outcome.next) < timedelta(seconds=1)


@pytest.mark.parametrize("end", ["drop", "reset"])
async def test_a_fault_in_a_long_message_leaves_the_next_host(tmp_path: Path, end: str) -> None:
    """Its last block had not been reached, and so nothing had been committed."""
    async with (
        ScriptedPeer(script={"body": Act(end)}) as first,
        ScriptedPeer() as second,
        bench(tmp_path, route(first.port, second.port), lines=700_000) as made,
    ):
        assert (await made.run()).why is Why.FINISHED
        assert [type(one) for one in made.outcomes] == [Delivered]
        assert made.steps.count("committed") == 1
        assert (len(first.accepted), len(second.accepted)) == (0, 1)


async def test_committed_but_no_octet_of_the_dot_sent_is_definite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver hangs up while the commit record is written: deferred, and no next host."""
    async with (
        ScriptedPeer(script={"data": Act("hangup", reply="354 go ahead")}) as first,
        ScriptedPeer() as second,
        bench(tmp_path, route(first.port, second.port)) as made,
    ):
        commit = made.store.commit

        async def slowly(*record: Any) -> None:
            await commit(*record)
            await asyncio.sleep(0.3)

        monkeypatch.setattr(made.store, "commit", slowly)
        await made.run()
        assert "committed" in made.steps
        assert [type(one) for one in made.outcomes] == [Deferred]
        assert await made.states() == {State.DEFERRED: 1}
        assert second.connections == 0


@pytest.mark.parametrize(
    ("act", "was_accepted"),
    [
        ({"body": Act("drop")}, False),  # all of a short message is its last block
        ({"dot": Act("drop")}, False),
        ({"dot": Act("reset")}, False),
        ({"dot": Act("half")}, False),
        ({"dot": Act("silent")}, False),
        ({"accepted": Act("drop")}, True),
        ({"accepted": Act("reset")}, True),
        ({"accepted": Act("half")}, True),
        ({"accepted": Act("silent")}, True),
        ({"accepted": Act(delay=3.0)}, True),
        ({"accepted": Act(reply="raw:what?\r\n")}, True),
    ],
)
async def test_no_reply_to_the_dot_is_unknown_and_final(
    tmp_path: Path, act: dict[str, Act], was_accepted: bool
) -> None:
    """No other host is called, and it is not sent again by itself."""
    waits = any(one.end == "silent" or one.delay for one in act.values())
    async with (
        ScriptedPeer(script=act) as peer,
        ScriptedPeer() as second,
        bench(
            tmp_path, route(peer.port, second.port), timeouts=QUICK if waits else PATIENT
        ) as made,
    ):
        ended = await made.run(wait=True)
        assert ended.why is Why.FINISHED
        assert [type(one) for one in made.outcomes] == [Unknown]
        assert await made.states() == {State.UNKNOWN: 1}
        assert len(peer.accepted) == was_accepted
        assert second.connections == 0


@pytest.mark.parametrize(
    ("act", "kind", "category", "phase"),
    [
        ({"rcpt": Act(reply="550 5.1.1 no such user")}, Bounced, "unknown_user", Phase.RCPT),
        ({"rcpt": Act(reply="451 4.7.1 greylisted, try again later")}, Deferred, "greylisted",
         Phase.RCPT),
        ({"rcpt": Act(reply="452 4.2.2 mailbox full")}, Deferred, "mailbox_full", Phase.RCPT),
        ({"dot": Act(reply="552 5.2.2 mailbox full")}, Bounced, "mailbox_full", Phase.DOT),
        ({"dot": Act(reply="451 4.3.0 busy")}, Deferred, "temporary", Phase.DOT),
        ({"dot": Act(reply="421 4.3.2 going down")}, Deferred, None, Phase.DOT),
        ({"mail": Act(reply="421 4.3.2 going down")}, Deferred, None, Phase.MAIL),
        ({"rcpt": Act(reply="421 4.3.2 going down")}, Deferred, None, Phase.RCPT),
        ({"data": Act(reply="421 4.3.2 going down")}, Deferred, None, Phase.DATA),
        ({"connect": Act(reply="421 4.3.2 too busy")}, Deferred, None, Phase.BANNER),
        ({"connect": Act(reply="554 5.7.1 go away")}, Deferred, None, Phase.BANNER),
        ({"connect": Act(reply="raw:hello there\r\n")}, Deferred, "temporary", Phase.BANNER),
        ({"ehlo": Act("drop")}, Deferred, "temporary", Phase.EHLO),
    ],
)  # fmt: skip
async def test_a_reply_is_definite(
    tmp_path: Path,
    act: dict[str, Act],
    kind: type[Outcome],
    category: str | None,
    phase: Phase,
) -> None:
    """The reply's class and words decide; a host that will not talk defers."""
    async with ScriptedPeer(script=act) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, kind)
        assert isinstance(outcome, Bounced | Deferred)
        assert outcome.phase is phase
        assert category in {None, outcome.category}
        assert peer.accepted == []


async def test_nobody_answers(tmp_path: Path) -> None:
    """Not sent: no bounce, and tried again; after 72 hours that is the end of it."""
    async with ScriptedPeer() as gone:
        port = gone.port
    async with bench(tmp_path, route(port, port)) as made:
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, NotSent)
        assert outcome.next is not None
        assert await made.states() == {State.DEFERRED: 1}
        made.ahead = timedelta(hours=73)
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert await made.states() == {State.NOT_SENT: 1}


async def test_a_connection_without_a_banner_is_no_answer(tmp_path: Path) -> None:
    """Somebody took the call and said nothing."""
    async with (
        ScriptedPeer(script={"connect": Act("silent")}) as peer,
        bench(tmp_path, route(peer.port), timeouts=QUICK) as made,
    ):
        await made.run()
        assert [type(one) for one in made.outcomes] == [NotSent]


@pytest.mark.parametrize(
    "act",
    [
        {"connect": Act("drop")},
        {"connect": Act(reply="421 4.3.2 too busy")},
        {"connect": Act(reply="554 5.7.1 go away")},
        {"ehlo": Act("reset")},
        {"mail": Act("drop")},
        {"rcpt": Act(reply="421 4.3.2 going down")},
        {"data": Act("half")},
        {"mail": Act(reply="451 4.3.0 local error")},
        {"rcpt": Act(reply="450 4.3.5 local configuration error")},
        {"data": Act(reply="451 local error in processing")},
    ],
)
async def test_before_the_dot_the_next_host_is_called(tmp_path: Path, act: dict[str, Act]) -> None:
    """The first host breaks down, the second one delivers."""
    async with (
        ScriptedPeer(script=act) as first,
        ScriptedPeer() as second,
        bench(tmp_path, route(first.port, second.port)) as made,
    ):
        assert (await made.run()).why is Why.FINISHED
        (outcome,) = made.outcomes
        assert isinstance(outcome, Delivered)
        assert outcome.peer.mx == "mx1.example.net"
        assert first.connections == 1
        assert len(second.accepted) == 1


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("mail", "451 4.7.28 too many messages from your address, rate limited"),
        ("rcpt", "450 4.7.1 greylisted, try again later"),
        ("rcpt", "451 4.3.0 try again in 20 minutes"),
        ("rcpt", "452 4.2.2 mailbox full"),
        ("data", "451 4.7.1 this looks like spam"),
        ("dot", "451 4.3.0 local error"),
    ],
)
async def test_what_is_said_of_the_message_ends_the_attempt(
    tmp_path: Path, step: str, reply: str
) -> None:
    """A word on sender, recipient or message, or to wait, is not taken to the next host."""
    async with (
        ScriptedPeer(script={step: Act(reply=reply)}) as first,
        ScriptedPeer() as second,
        bench(tmp_path, route(first.port, second.port)) as made,
    ):
        await made.run()
        assert [type(one) for one in made.outcomes] == [Deferred]
        assert second.connections == 0


async def test_two_hosts_in_trouble_are_enough_for_one_attempt(tmp_path: Path) -> None:
    """The third is not called; the attempt is put off by the preferred host's word."""
    async with (
        ScriptedPeer(script={"rcpt": Act(reply="451 4.3.0 first")}) as first,
        ScriptedPeer(script={"rcpt": Act(reply="451 4.3.0 second")}) as second,
        ScriptedPeer() as third,
        bench(tmp_path, route(first.port, second.port, third.port)) as made,
    ):
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, Deferred)
        assert outcome.reply is not None
        assert outcome.reply.text == "first"
        assert (first.connections, second.connections, third.connections) == (1, 1, 0)


async def test_a_host_in_trouble_keeps_its_connection_where_there_is_no_other(
    tmp_path: Path,
) -> None:
    """Each recipient hears of it over the same one, and the host is not called twice for any."""
    people = [f"u{n}@example.net" for n in range(6)]
    async with (
        ScriptedPeer(script={"rcpt": Act(reply="451 4.3.0 local error", every=2)}) as peer,
        bench(tmp_path, route(peer.port), people) as made,
    ):
        made.bounds = made.bounds.__class__(connections=1, poll=0.05, linger=0.02, rest=0.2)
        await made.run()
        assert [type(one) for one in made.outcomes] == [Delivered, Deferred] * 3
        assert peer.connections == 1


async def test_a_connection_that_went_stale_costs_nothing(tmp_path: Path) -> None:
    """The receiver hangs up between two messages: the next one goes over a new connection."""
    people = [f"u{n}@example.net" for n in range(6)]
    async with (
        ScriptedPeer(script={"mail": Act("drop", on=(2, 4))}) as peer,
        bench(tmp_path, route(peer.port), people) as made,
    ):
        made.bounds = made.bounds.__class__(connections=1, poll=0.05, linger=0.02, rest=0.2)
        assert (await made.run()).why is Why.FINISHED
        assert [type(one) for one in made.outcomes] == [Delivered] * 6
        assert peer.connections == 3
        assert len(set(peer.accepted)) == len(peer.accepted) == 6


async def test_stop_finishes_what_is_under_way(tmp_path: Path) -> None:
    """No further message begins; those that wait stand as if nothing had been."""
    people = [f"u{n}@example.net" for n in range(30)]
    async with (
        ScriptedPeer(script={"accepted": Act(delay=1.0)}) as peer,
        bench(tmp_path, route(peer.port), people) as made,
    ):
        engine = made.engine()
        running = asyncio.create_task(engine.run(wait=True))
        await asyncio.sleep(0.5)
        engine.stop()
        assert (await running).why is Why.STOPPED
        states = await made.states()
        assert states == {State.DELIVERED: 20, State.QUEUED: 10}
        assert len(peer.accepted) == 20
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert len(set(peer.accepted)) == len(peer.accepted) == 30


async def test_abort_marks_what_is_in_doubt(tmp_path: Path) -> None:
    """Unknown where the dot was out, due again where it was not, and nobody gets two."""
    people = [f"u{n}@example.net" for n in range(30)]
    script = {"accepted": Act(delay=30, every=2), "rcpt": Act(delay=30, every=3)}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), people) as made,
    ):
        engine = made.engine()
        running = asyncio.create_task(engine.run(wait=True))
        await asyncio.sleep(0.5)
        engine.abort()
        assert (await running).why is Why.STOPPED
        states = await made.states()
        assert states[State.UNKNOWN] >= 1
        assert states[State.QUEUED] >= 1
        assert sum(states.values()) == 30
        peer.script = {}
        await made.go_on()
        await made.run()
        states = await made.states()
        assert set(states) == {State.DELIVERED, State.UNKNOWN}
        assert len(set(peer.accepted)) == len(peer.accepted)
        assert states[State.DELIVERED] <= len(peer.accepted) <= 30


async def test_what_an_abort_kept_from_the_dot_is_due_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was us who broke off, so the schedule for a receiver that defers is not followed."""
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port)) as made:
        commit, reached = made.store.commit, asyncio.Event()

        async def slowly(*record: Any) -> None:
            await commit(*record)
            reached.set()
            await asyncio.sleep(30)

        with monkeypatch.context() as patch:
            patch.setattr(made.store, "commit", slowly)
            engine = made.engine()
            running = asyncio.create_task(engine.run(wait=True))
            await reached.wait()
            engine.abort()
            assert (await running).why is Why.STOPPED
        assert await made.states() == {State.DEFERRED: 1}
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert len(peer.accepted) == 1


@pytest.mark.parametrize("reply", ["250 2.0.0 taken", "550 5.1.1 no such user"])
async def test_an_answer_that_had_come_is_not_lost_by_an_abort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    """Broken off between the reply and its writing: neither unknown nor sent again."""
    async with (
        ScriptedPeer(script={"dot": Act(reply=reply)}) as peer,
        bench(tmp_path, route(peer.port)) as made,
    ):
        engine, reached = made.engine(), asyncio.Event()
        now = engine.now

        async def slowly() -> Any:
            if "answered" in made.steps and not reached.is_set():
                reached.set()
                await asyncio.sleep(30)
            return await now()

        monkeypatch.setattr(engine, "now", slowly)
        running = asyncio.create_task(engine.run(wait=True))
        await reached.wait()
        engine.abort()
        await running
        last = State.DELIVERED if reply.startswith("2") else State.BOUNCED
        assert await made.states() == {last: 1}


async def test_mail_leaves_from_declared_addresses_only(tmp_path: Path) -> None:
    """A host of the other family is not called at all."""
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path, route(peer.port), sources=("127.0.0.2",)) as made,
    ):
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, Delivered)
        assert outcome.peer.source == "127.0.0.2"
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path / "6", route(peer.port), sources=("::1",)) as made,
    ):
        await made.run()
        assert [type(one) for one in made.outcomes] == [NotSent]
        assert peer.connections == 0

"""A clock that jumps: nobody waits for it, nobody's 72 hours end by it, nobody is sent to twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from send.deliver.engines import Bench, bench, route
from send.peer import Act, ScriptedPeer

from sendgate.send.deliver import Bounds, Why
from sendgate.send.deliver.timekeeper import Timekeeper, since_boot
from sendgate.send.outcome import Bounced, Deferred, Delivered, NotSent
from sendgate.send.state import State

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
JUMPS = [timedelta(days=400), 10 * DAY, timedelta(hours=-10), -10 * DAY, timedelta(days=-400)]
LATER = "451 4.7.1 greylisted, try again later"


@contextmanager
def running(made: Bench) -> Iterator[asyncio.Task[object]]:
    task = asyncio.ensure_future(made.run(wait=True))
    yield task
    task.cancel()


async def settled(made: Bench, number: int) -> None:
    async with asyncio.timeout(20):
        while len(made.outcomes) < number:  # noqa: ASYNC110 - what is told is no event
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # it rests again


@pytest.mark.parametrize("jump", JUMPS, ids=str)
async def test_who_was_put_off_waits_as_long_as_he_should(tmp_path: Path, jump: timedelta) -> None:
    """A deferral of five minutes is five minutes, wherever the clock goes meanwhile."""
    script = {"rcpt": Act(reply=LATER, on=(1,))}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), passed=timedelta(0)) as made,
    ):
        with running(made) as run:
            await settled(made, 1)
            made.later(2 * MINUTE, jump)
            await asyncio.sleep(0.3)
            assert [type(one) for one in made.outcomes] == [Deferred]
            assert await made.states() == {State.DEFERRED: 1}
            (told,) = [one.text for one in made.news if one.text]
            assert told.startswith(f"the clock was set {'back' if jump < DAY else 'forward'} by ")
            made.later(5 * MINUTE)
            await settled(made, 2)
            await run
        assert [type(one) for one in made.outcomes] == [Deferred, Delivered]
        assert len(peer.accepted) == 1


async def test_the_72_hours_are_those_that_passed(tmp_path: Path) -> None:
    """The clock jumps after each attempt; trying ends after three days of time, not of clock."""
    async with (
        ScriptedPeer(script={"rcpt": Act(reply=LATER)}) as peer,
        bench(tmp_path, route(peer.port), passed=timedelta(0)) as made,
    ):
        with running(made) as run:
            await settled(made, 1)
            while isinstance(last := made.outcomes[-1], Deferred):
                wait, number = last.next - made.clock() + timedelta(seconds=1), len(made.outcomes)
                made.later(timedelta(0), JUMPS[number % len(JUMPS)])
                await asyncio.sleep(0.08)
                assert len(made.outcomes) == number
                made.later(wait)
                await settled(made, number + 1)
            await run
        assert made.passed is not None
        assert timedelta(hours=71) < made.passed < timedelta(hours=72)
        assert len(made.outcomes) in range(20, 27)
        counts = await made.store.counts(made.campaign.key)
        assert (counts.bounced_soft, counts.bounced_hard) == (1, 0)


async def test_a_jump_under_way_ends_no_attempt(tmp_path: Path) -> None:
    """The receiver thinks while the clock goes ten days on: a deferral is none the less one."""
    script = {"rcpt": [Act(reply=LATER, on=(1,)), Act(reply=LATER, delay=0.5, on=(2,))]}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), passed=timedelta(0)) as made,
    ):
        with running(made):
            await settled(made, 1)
            made.later(7 * MINUTE)
            await asyncio.sleep(0.3)
            made.later(timedelta(0), 10 * DAY)
            await settled(made, 2)
            second = made.outcomes[1]
            assert isinstance(second, Deferred)
            assert second.next - made.clock() < 20 * MINUTE
            made.later(20 * MINUTE)
            await settled(made, 3)
        assert isinstance(made.outcomes[2], Delivered)


async def test_silence_is_not_ended_by_a_jump(tmp_path: Path) -> None:
    """Nobody answered once; a clock that goes on by a week does not make that three days."""
    async with ScriptedPeer() as gone:
        port = gone.port
    async with bench(tmp_path, route(port), passed=timedelta(0)) as made:
        with running(made):
            await settled(made, 1)
            made.later(timedelta(0), 7 * DAY)
            await asyncio.sleep(0.3)
            made.later(7 * MINUTE)
            await settled(made, 2)
        assert all(isinstance(one, NotSent) and one.next for one in made.outcomes)


async def test_who_is_given_back_at_a_jump_is_due_at_once(tmp_path: Path) -> None:
    """Put off before, in hand again, and given back just when the clock went on by ten hours."""
    people = ["a@example.net", "b@example.net"]
    script = {
        "rcpt": Act(reply=LATER, on=(1, 2)),
        "mail": Act(reply="550 5.7.1 Your IP is listed in a DNSBL", on=(3,)),
    }
    narrow = Bounds(connections=1, poll=0.05, linger=0.02, rest=0.2)

    class News(list):  # type: ignore[type-arg]
        """Moves the clock as soon as the first outcome is told, before anybody looks at it."""

        def append(self, one: object) -> None:
            if not self:
                made.later(timedelta(0), timedelta(hours=10))
            super().append(one)

    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), people, passed=timedelta(0), bounds=narrow) as made,
    ):
        await made.run()
        made.later(7 * MINUTE)
        made.news = News()
        await made.go_on()
        with running(made):
            await settled(made, 1)
            await asyncio.sleep(0.3)
            assert await made.states() == {State.BOUNCED: 1, State.QUEUED: 1}
            due = (await made.store.standing(made.campaign.key)).due
            assert due is not None
            assert due <= made.clock()


async def test_a_clock_that_jumps_all_the_time_sends_nothing_twice(tmp_path: Path) -> None:
    """Sixty recipients, some deferred, while the clock goes to and fro."""
    people = [f"u{n}@example.net" for n in range(60)]
    script = {"rcpt": Act(reply=LATER, every=5), "accepted": Act(delay=0.02)}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), people, passed=timedelta(0)) as made,
    ):
        with running(made) as run:
            for number in range(3000):
                made.later(2 * MINUTE, JUMPS[number % len(JUMPS)])
                await asyncio.sleep(0.01)
                if run.done():
                    break
            assert run.done()
        assert await made.states() == {State.DELIVERED: 60}
        assert len(set(peer.accepted)) == len(peer.accepted) == 60


@pytest.mark.parametrize("jump", [-10 * DAY, timedelta(days=-400)], ids=str)
async def test_a_clock_set_back_between_two_runs_keeps_nobody_for_ever(
    tmp_path: Path, jump: timedelta
) -> None:
    """Nothing that waits is due more than 72 hours ahead, by whatever clock it was put off."""
    script = {"rcpt": Act(reply=LATER, on=(1,))}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        made.ahead = jump
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert len(peer.accepted) == 1


@pytest.mark.parametrize("answered", [True, False])
async def test_nobody_ends_by_a_clock_set_forward_between_two_runs(
    tmp_path: Path, answered: bool
) -> None:
    """Ten days later by the clock, each is tried once more: what comes of that is the end."""
    people = [f"u{n}@example.net" for n in range(3)]
    script = {"rcpt": Act(reply=LATER, on=(1, 2, 3, 5))}
    async with ScriptedPeer() as gone:
        nobody = gone.port
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port if answered else nobody), people) as made,
    ):
        await made.run()
        made.ahead, made.news = 10 * DAY, []
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert len(made.outcomes) == 3
        if not answered:
            assert await made.states() == {State.NOT_SENT: 3}
            return
        assert await made.states() == {State.DELIVERED: 2, State.BOUNCED: 1}
        (bounced,) = [one for one in made.outcomes if isinstance(one, Bounced)]
        assert not bounced.hard
        assert bounced.reply is not None


async def test_one_more_attempt_is_given_once(tmp_path: Path) -> None:
    """Its site may not be called: it waits, and ends where that lasts for 72 hours more."""
    script = {
        "rcpt": Act(reply=LATER, on=(1, 2)),
        "mail": Act(reply="550 5.7.1 Your IP is listed in a DNSBL", on=(3,)),
    }
    people = ["a@example.net", "b@example.net"]
    narrow = Bounds(connections=1, poll=0.05, linger=0.02, rest=0.2)
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), people, bounds=narrow) as made,
    ):
        await made.run()
        made.ahead = 10 * DAY
        await made.go_on()
        assert (await made.run()).why is Why.IDLE
        assert await made.states() == {State.BOUNCED: 1, State.QUEUED: 1}
        made.ahead = 14 * DAY
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert await made.states() == {State.BOUNCED: 2}
        assert sum(command.startswith("MAIL") for command in peer.commands) == 3


async def test_a_machine_that_slept_has_let_the_time_pass(tmp_path: Path) -> None:
    """Four days of sleep are four days: who waited is tried once more, and no more."""
    async with (
        ScriptedPeer(script={"rcpt": Act(reply=LATER)}) as peer,
        bench(tmp_path, route(peer.port), passed=timedelta(0)) as made,
    ):
        with running(made) as run:
            await settled(made, 1)
            made.later(4 * DAY)
            await run
        counts = await made.store.counts(made.campaign.key)
        assert (counts.bounced_soft, counts.bounced_hard) == (1, 0)
        assert [type(one) for one in made.outcomes] == [Deferred, Bounced]


def test_what_counts_as_a_jump() -> None:
    """A minute or more beyond what has passed; drift, however long, is none."""
    clock, steady = [datetime(2026, 11, 23, tzinfo=UTC)], [100.0]
    keeper = Timekeeper(lambda: clock[0], lambda: steady[0])
    assert keeper.look() == (clock[0], timedelta())
    for passed, moved, jump in [
        (3600, 3600, 0), (3600, 3659, 0), (1, 61, 60), (0, -60, -60), (86_400, 86_400, 0),
    ]:  # fmt: skip
        steady[0] += passed
        clock[0] += timedelta(seconds=moved)
        assert keeper.look() == (clock[0], timedelta(seconds=jump))


def test_the_steady_clock_never_goes_back() -> None:
    """It is the machine's own, and no setting of the time moves it."""
    first = since_boot()
    time.sleep(0.01)
    assert since_boot() > first

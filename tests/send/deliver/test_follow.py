"""What follows from an outcome beyond its recipient: suppression, audits, pauses, the end."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from send.deliver.engines import bench, route
from send.peer import Act, ScriptedPeer

from sendgate.errors import StoreError
from sendgate.send.classify import Scope, load_classifier
from sendgate.send.deliver import Bounds, Ended, Engine, NoRoute, Why, WhyNoRoute
from sendgate.send.deliver.verdict import ABOUT_THE_MESSAGE
from sendgate.send.outcome import Bounced, Deferred, Delivered, NotSent
from sendgate.send.shaping import Site
from sendgate.send.smtp.tls import TlsPolicy
from sendgate.send.state import CampaignState, State
from sendgate.send.store import NewRecipient, Resolution, visit_store

ONE = Bounds(connections=1, poll=0.05, linger=0.02, rest=0.2)
DMARC = "550 5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy"
PEOPLE = [f"u{n}@example.net" for n in range(8)]


async def test_a_hard_bounce_is_suppressed_with_its_outcome(tmp_path: Path) -> None:
    """The address is on the list, and no other campaign mails it."""
    script = {"rcpt": Act(reply="550 5.1.1 no such user", on=(1,))}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        with visit_store(made.store.path) as visit:
            (entry,) = visit.suppressions()
        assert (entry.kind, entry.value) == ("address", "a@example.net")
        assert entry.reason == "unknown_user: 550 5.1.1 no such user"


async def test_a_soft_bounce_suppresses_nobody(tmp_path: Path) -> None:
    """A full mailbox, and a sender of bad reputation, say nothing against the address."""
    script = {"dot": [Act(reply="552 5.2.2 mailbox full", on=(1,))]}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, Bounced)
        assert not outcome.hard
        with visit_store(made.store.path) as visit:
            assert list(visit.suppressions()) == []


async def test_a_disabled_mailbox_is_given_up_in_the_second_campaign(tmp_path: Path) -> None:
    """Soft in the first; what is hard is what the classifier says of the category."""
    script = {"rcpt": Act(reply="550 5.2.1 mailbox disabled, not accepting messages")}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        counts = await made.store.counts(made.campaign.key)
        assert (counts.bounced_hard, counts.bounced_soft) == (0, 1)
        made.campaign, _ = await made.store.enter("more news", "hash", "{}", made.clock())
        async with made.store.loading(made.campaign, made.clock()) as loader:
            await loader.add(NewRecipient("a@example.net", "example.net", {}, 1))
        await made.go_on()
        await made.run()
        counts = await made.store.counts(made.campaign.key)
        assert (counts.bounced_hard, counts.bounced_soft) == (1, 0)
        with visit_store(made.store.path) as visit:
            (entry,) = visit.suppressions()
        assert entry.reason.startswith("mailbox_disabled in 2 campaigns: 550 5.2.1")


async def test_a_mailbox_that_stays_full_counts_as_one_campaign(tmp_path: Path) -> None:
    """Deferred for 72 hours it bounces in the end, and the next campaign starts from there."""
    script = {"rcpt": Act(reply="452 4.2.2 mailbox full")}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        assert await made.store.read(struck) == []
        made.ahead = timedelta(hours=71, minutes=30)
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        assert [type(one) for one in made.outcomes] == [Deferred, Bounced]
        assert await made.store.read(struck) == [("a@example.net", "mailbox_full")]


def struck(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return db.execute("SELECT address, category FROM strike").fetchall()


async def test_every_attempt_with_a_message_names_it_in_the_log(tmp_path: Path) -> None:
    """Also one that ended before its commit record; one without a message has no name."""
    script = {"rcpt": Act(reply="451 4.7.1 greylisted", on=(1,))}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        made.routes["example.net"] = NoRoute(WhyNoRoute.UNRESOLVED, "timed out")
        await made.run()
        with visit_store(made.store.path) as visit:
            assert [line.message_id for line in visit.log(made.campaign)] == [None]
        made.routes["example.net"] = route(peer.port)
        made.ahead = timedelta(minutes=10)
        await made.go_on()
        await made.run()
        assert [type(one) for one in made.outcomes] == [NotSent, Deferred]
        with visit_store(made.store.path) as visit:
            names = [line.message_id for line in visit.log(made.campaign)]
        assert names == ["<1@example.com>"] * 2
        made.ahead = timedelta(minutes=30)
        await made.go_on()
        await made.run()
        assert [name.encode() in peer.bodies[0] for name in names] == [True, True]


async def test_a_rejected_authentication_is_audited_and_tried_once_more(tmp_path: Path) -> None:
    """After a passing audit one message is tried; it is taken, and the others follow."""
    script = {"dot": Act(reply=DMARC, on=(1,))}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=ONE, passes=[True]) as made,
    ):
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert made.audits == ["mx.example.net auth_dmarc"]
        assert await made.states() == {State.BOUNCED: 1, State.DELIVERED: 7}


async def test_a_second_rejection_pauses_the_campaign(tmp_path: Path) -> None:
    """One message was tried after the audit; nobody else is burnt."""
    async with (
        ScriptedPeer(script={"dot": Act(reply=DMARC)}) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=ONE, passes=[True]) as made,
    ):
        ended = await made.run(wait=True)
        assert ended.why is Why.PAUSED
        assert "though the audit passed" in ended.reason
        assert len(made.audits) == 1
        assert await made.states() == {State.BOUNCED: 2, State.QUEUED: 6}
        campaign = await made.store.campaign(made.campaign.key)
        assert campaign.state is CampaignState.PAUSED


async def test_a_failing_audit_pauses_the_campaign(tmp_path: Path) -> None:
    """At once, with the receiver's words as the reason."""
    async with (
        ScriptedPeer(script={"dot": Act(reply=DMARC)}) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=ONE, passes=[False]) as made,
    ):
        ended = await made.run(wait=True)
        assert ended.why is Why.PAUSED
        assert "5.7.26" in ended.reason
        assert await made.states() == {State.BOUNCED: 1, State.QUEUED: 7}


async def test_a_refused_message_stops_the_campaign(tmp_path: Path) -> None:
    """What is wrong with the content is wrong for everybody."""
    script = {"dot": Act(reply="554 5.6.0 message content rejected")}
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=ONE) as made,
    ):
        ended = await made.run(wait=True)
        assert ended.why is Why.PAUSED
        assert "refuses the message" in ended.reason
        assert await made.states() == {State.BOUNCED: 1, State.QUEUED: 7}


@pytest.mark.parametrize("end", ["pause", "kill"])
async def test_one_refusal_of_the_message_stops_the_campaign(tmp_path: Path, end: str) -> None:
    """It is paused in the same moment as the bounce is written, so a kill changes nothing.

    Once a person has resumed it, the same site's word is known and stops it no more; another
    site's does.
    """
    script = {"dot": Act(reply="554 5.7.1 Message rejected as spam", on=(1, 2))}
    people = [*PEOPLE[:3], "v@example.org"]
    async with (
        ScriptedPeer(script=script) as small,
        ScriptedPeer(script={"dot": Act(reply="554 5.6.0 bad content")}) as other,
        bench(tmp_path, route(small.port), people, bounds=ONE) as made,
    ):
        made.routes["example.org"] = NoRoute(WhyNoRoute.UNRESOLVED, "timed out")
        if end == "kill":  # the process ends before it does anything but write the outcome

            async def nothing(self: Engine, reason: str) -> None:
                self.end(Ended(Why.STOPPED))

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Engine, "pause", nothing)
                await made.run(wait=True)
        else:
            assert (await made.run(wait=True)).why is Why.PAUSED
        campaign = await made.store.campaign(made.campaign.key)
        assert campaign.state is CampaignState.PAUSED
        assert campaign.reason == (
            "mx0.example.net refuses the message: 554 5.7.1 Message rejected as spam"
        )
        assert (await made.states())[State.BOUNCED] == 1
        await made.go_on()
        assert (await made.run()).why is Why.IDLE
        assert await made.states() == {State.BOUNCED: 2, State.DELIVERED: 1, State.DEFERRED: 1}
        made.routes["example.org"] = replace(
            route(other.port, mx="mx.example.org"), site=Site("mx.example.org")
        )
        made.ahead = timedelta(minutes=10)
        await made.go_on()
        assert (await made.run(wait=True)).why is Why.PAUSED


async def test_only_a_refusal_is_known_to_a_person(tmp_path: Path) -> None:
    """A bounce after 72 hours of deferrals paused nothing: the site's first refusal does."""
    script = {
        "rcpt": Act(reply="451 4.7.1 looks like spam, try again later", on=(1, 2)),
        "dot": Act(reply="554 5.6.0 message content rejected"),
    }
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), bounds=ONE) as made,
    ):
        await made.run()
        made.ahead = timedelta(hours=71, minutes=30)
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        (_, bounced) = made.outcomes
        assert isinstance(bounced, Bounced)
        assert bounced.category in ABOUT_THE_MESSAGE
        await made.store.write(again)
        ended = await made.run()
        assert ended.why is Why.PAUSED
        assert "refuses the message: 554 5.6.0" in ended.reason


async def test_a_size_that_is_too_small_stops_the_campaign_once(tmp_path: Path) -> None:
    """The host announces it, so it need not be asked; who has resumed knows it of that site."""
    async with (
        ScriptedPeer(size=10) as peer,
        bench(tmp_path, route(peer.port), PEOPLE, bounds=ONE) as made,
    ):
        ended = await made.run(wait=True)
        assert ended.why is Why.PAUSED
        assert "refuses the message: the message has" in ended.reason
        assert await made.states() == {State.BOUNCED: 1, State.QUEUED: 7}
        await made.go_on()
        assert (await made.run(wait=True)).why is Why.FINISHED
        assert await made.states() == {State.BOUNCED: 8}
        assert not [line for line in peer.commands if line.startswith("MAIL")]


async def test_a_refusal_that_is_known_pauses_nothing_when_it_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has resumed need not do so again because a second signal met such an answer."""
    script = {"dot": Act(reply="554 5.6.0 message content rejected")}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        assert (await made.run()).why is Why.PAUSED
        await made.store.write(again)
        made.steps.clear()
        engine, reached = made.engine(), asyncio.Event()
        now = engine.now

        async def slowly() -> datetime:
            if "answered" in made.steps and not reached.is_set():
                reached.set()
                await asyncio.sleep(30)
            return await now()

        monkeypatch.setattr(engine, "now", slowly)
        running = asyncio.create_task(engine.run())
        await reached.wait()
        engine.abort()
        await running
        assert [type(outcome) for outcome in made.outcomes] == [Bounced, Bounced]
        assert await made.store.state(made.campaign.key) is CampaignState.QUEUED


def again(db: sqlite3.Connection) -> None:
    """Have the campaign sent to its one recipient as if it were another."""
    db.execute("UPDATE recipient SET state = 'queued', due = 0, first = NULL, failures = 0")
    db.execute("UPDATE campaign SET state = 'sending'")


async def test_a_full_mailbox_whose_host_falls_silent_counts(tmp_path: Path) -> None:
    """The last attempt is not answered: the 72 hours end for what was said before it."""
    script = {"rcpt": Act(reply="452 4.2.2 mailbox full")}
    async with ScriptedPeer() as gone:
        nobody = gone.port
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        await made.run()
        made.routes["example.net"] = route(nobody)
        made.ahead = timedelta(hours=71, minutes=30)
        await made.go_on()
        await made.run()
        assert [type(one) for one in made.outcomes] == [Deferred, Bounced]
        assert await made.store.read(struck) == [("a@example.net", "mailbox_full")]


def test_what_stops_a_campaign_is_what_the_classifier_calls_the_message() -> None:
    """No category of that scope is forgotten."""
    categories = load_classifier().book.categories.values()
    assert {one.name for one in categories if one.scope is Scope.MESSAGE} == ABOUT_THE_MESSAGE


async def test_a_paused_path_holds_back_its_site_alone(tmp_path: Path) -> None:
    """Bad reputation at one site: its recipients wait, the other site's get their mail."""
    script = {"mail": Act(reply="550 5.7.1 Your IP 192.0.2.1 is listed in a DNSBL", on=(1,))}
    people = [*PEOPLE, *(f"v{n}@example.org" for n in range(5))]
    async with (
        ScriptedPeer(script=script) as bad,
        ScriptedPeer() as good,
        bench(tmp_path, route(bad.port), people, bounds=replace(ONE, connections=2)) as made,
    ):
        made.routes["example.org"] = route(good.port, site="mx.example.org")
        made.bounds = ONE
        ended = await made.run()
        assert ended.why is Why.IDLE
        assert ended.due is not None
        assert ended.due - made.clock() > timedelta(hours=1, minutes=50)
        assert await made.states() == {State.BOUNCED: 1, State.QUEUED: 7, State.DELIVERED: 5}


@pytest.mark.parametrize("what", ["pause", "cancel"])
async def test_another_process_ends_it(tmp_path: Path, what: str) -> None:
    """A pause keeps who waits, a cancel ends them; what is under way comes to its own end."""
    people = [f"u{n}@example.net" for n in range(40)]
    async with (
        ScriptedPeer(script={"accepted": Act(delay=0.5)}) as peer,
        bench(tmp_path, route(peer.port), people) as made,
    ):
        running = asyncio.create_task(made.run(wait=True))
        await asyncio.sleep(0.2)
        with visit_store(made.store.path) as visit:
            assert getattr(visit, what)(made.campaign, made.clock())
        ended = await running
        assert ended.why is (Why.PAUSED if what == "pause" else Why.CANCELLED)
        states = await made.states()
        rest = State.QUEUED if what == "pause" else State.CANCELLED
        assert states == {State.DELIVERED: 20, rest: 20}


@pytest.mark.parametrize(
    ("why", "state"),
    [
        (WhyNoRoute.NULL_MX, State.EXCLUDED),
        (WhyNoRoute.NO_SUCH_DOMAIN, State.EXCLUDED),
        (WhyNoRoute.UNRESOLVED, State.DEFERRED),
        (WhyNoRoute.NO_ADDRESS, State.DEFERRED),
        (WhyNoRoute.TLS_POLICY, State.DEFERRED),
    ],
)
async def test_nobody_to_call(tmp_path: Path, why: WhyNoRoute, state: State) -> None:
    """A domain without mail excludes; a DNS failure is no bounce, an unmet policy is one."""
    async with bench(tmp_path, NoRoute(why, "no")) as made:
        ended = await made.run()
        assert await made.states() == {state: 1}
        if state is State.EXCLUDED:
            counts = await made.store.counts(made.campaign.key)
            assert counts.excluded_by == {why.value: 1}
            assert ended.why is Why.FINISHED
            return
        made.ahead = timedelta(hours=73)
        await made.go_on()
        assert (await made.run()).why is Why.FINISHED
        last = State.BOUNCED if why is WhyNoRoute.TLS_POLICY else State.NOT_SENT
        assert await made.states() == {last: 1}


async def test_a_tls_policy_that_is_not_met_defers(tmp_path: Path) -> None:
    """TLS is demanded and not offered."""
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path, route(peer.port, policy=TlsPolicy.required())) as made,
    ):
        await made.run()
        (outcome,) = made.outcomes
        assert isinstance(outcome, Deferred)
        assert outcome.category == "tls_policy"
        assert peer.accepted == []


async def test_a_message_that_cannot_be_made_is_excluded(tmp_path: Path) -> None:
    """The others go on."""
    people = ["bad@example.net", "good@example.net"]
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port), people) as made:
        assert (await made.run()).why is Why.FINISHED
        assert await made.states() == {State.EXCLUDED: 1, State.DELIVERED: 1}
        counts = await made.store.counts(made.campaign.key)
        assert counts.excluded_by == {"render_error": 1}


async def test_without_a_commit_record_no_dot_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails: the error is told, nothing was accepted, the next run sends it all."""
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port), PEOPLE) as made:

        async def full(*_: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(made.store, "commit", full)
            with pytest.raises(StoreError, match="the disk is full"):
                await made.run()
        assert peer.accepted == []
        states = await made.states()
        assert states[State.DEFERRED] + states.get(State.QUEUED, 0) == len(PEOPLE)
        await made.go_on()
        made.ahead = timedelta(hours=1)
        await made.run()
        assert await made.states() == {State.DELIVERED: len(PEOPLE)}


async def test_who_was_put_off_is_tried_again_in_the_same_run(tmp_path: Path) -> None:
    """`wait` means until everybody has a final state, as the clock goes on."""
    script = {"rcpt": Act(reply="451 4.7.1 greylisted, try again later", on=(1,))}
    async with ScriptedPeer(script=script) as peer, bench(tmp_path, route(peer.port)) as made:
        running = asyncio.create_task(made.run(wait=True))
        await asyncio.sleep(0.4)
        assert [type(one) for one in made.outcomes] == [Deferred]
        made.ahead = timedelta(minutes=7)
        assert (await running).why is Why.FINISHED
        assert [type(one) for one in made.outcomes] == [Deferred, Delivered]


async def test_a_campaign_that_is_not_sending_is_left_alone(tmp_path: Path) -> None:
    """Nothing is leased, nobody is called."""
    async with ScriptedPeer() as peer, bench(tmp_path, route(peer.port)) as made:
        assert await made.store.change(
            made.campaign.key, CampaignState.HELD, made.clock(), reason="DNS is down"
        )
        ended = await made.run(wait=True)
        assert (ended.why, ended.reason) == (Why.NOT_SENDING, "DNS is down")
        assert peer.connections == 0


async def test_the_campaigns_rate_is_kept(tmp_path: Path) -> None:
    """Twenty a second take half a second for ten more than the first."""
    people = [f"u{n}@example.net" for n in range(11)]
    async with (
        ScriptedPeer() as peer,
        bench(tmp_path, route(peer.port), people, rate=20.0) as made,
    ):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert (await made.run()).why is Why.FINISHED
        assert loop.time() - begun >= 0.5
        assert len(peer.accepted) == 11


async def test_silence_everywhere_pauses_the_path(tmp_path: Path) -> None:
    """Not every contact of a dead site costs a call."""
    people = [f"u{n}@example.net" for n in range(40)]
    async with ScriptedPeer() as gone:
        port = gone.port
    async with bench(tmp_path, route(port), people, bounds=ONE) as made:
        ended = await made.run()
        assert ended.why is Why.IDLE
        assert all(isinstance(one, NotSent) for one in made.outcomes)
        assert len(made.outcomes) < 20


async def test_a_resend_is_met_by_a_sender_that_waits(tmp_path: Path) -> None:
    """It waits for a deferral that is hours away, and takes the one sent to again at once."""
    people = ["a@example.net", "b@example.net"]
    script = {
        "rcpt": Act(reply="452 4.2.2 mailbox full", on=(1,)),
        "dot": Act("drop", on=(1,)),
    }
    calm = replace(ONE, rest=30.0)
    async with (
        ScriptedPeer(script=script) as peer,
        bench(tmp_path, route(peer.port), people, bounds=calm) as made,
    ):
        running = asyncio.create_task(made.run(wait=True))
        await asyncio.sleep(0.6)  # it has found nothing more due, and rests
        assert len(made.outcomes) == 2
        with visit_store(made.store.path) as visit:
            assert visit.resolve(made.campaign, Resolution.RESEND, made.clock()) == 1
        await asyncio.sleep(1.0)
        assert await made.states() == {State.DELIVERED: 1, State.DEFERRED: 1}
        assert made.running is not None
        made.running.stop()
        assert (await running).why is Why.STOPPED

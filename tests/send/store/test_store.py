"""The store from the sender's side: campaigns, contacts, leases, outcomes."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from stores import (
    DELIVERED,
    HARD,
    MINUTE,
    NOW,
    PEER,
    SILENT,
    SOFT,
    campaign_with,
    deferred,
    people,
)

from sendgate.errors import ConfigError, InputError, InternalError, StoreOpenError
from sendgate.send.outcome import NotSent, Outcome, Unknown
from sendgate.send.schedule import END
from sendgate.send.state import CampaignState, State
from sendgate.send.store import Exclusion, NewRecipient, open_store, visit_store
from sendgate.send.store.schema import MIGRATIONS, connect, ready


async def test_a_campaign_is_found_again_by_name_and_content(tmp_path: Path) -> None:
    """The same content resumes; other content is refused once contacts are in, taken before."""
    path = tmp_path / "new" / "store.db"
    async with open_store(path) as store:
        first, is_new = await store.enter("news", "aaa", "{}", NOW)
        assert is_new
        assert (first.state, first.loaded, first.created) == (CampaignState.QUEUED, False, NOW)
        other, is_new = await store.enter("other", "bbb", "{}", NOW)
        assert is_new
        assert other.id != first.id
    async with open_store(path) as store:
        again, is_new = await store.enter("news", "aaa", "{}", NOW + MINUTE)
        assert not is_new
        assert again == first
        changed, is_new = await store.enter("news", "ccc", "{}", NOW)
        assert not is_new
        assert (changed.id, changed.content) == (first.id, "ccc")
        async with store.loading(changed, NOW):
            pass
        with pytest.raises(InputError, match=r"'news' .* other content.*new name"):
            await store.enter("news", "aaa", "{}", NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_contacts_are_taken_in_once(tmp_path: Path) -> None:
    """Doubles and the suppressed become exclusions, counted with those already left out."""
    async with open_store(tmp_path / "s.db") as store:
        await store.suppress("address", "User1@EXAMPLE.net", "asked", NOW)
        await store.suppress("domain", "example.org", "asked", NOW)
        rows: list[NewRecipient | Exclusion] = [
            *people(4),
            NewRecipient("user0@example.net", "example.net", {}, 9),
            NewRecipient("a@example.org", "example.org", {}, 10),
            Exclusion("nobody@example.com", "no_consent", 11, "consent_at is empty"),
        ]
        campaign = await campaign_with(store, rows)
        assert campaign.loaded
        counts = await store.counts(campaign.key)
        assert counts.eligible == 3
        assert counts.excluded_by == {"duplicate": 1, "no_consent": 1, "suppressed": 2}
        assert counts.excluded == 4
        assert counts.of(State.QUEUED) == 3


async def test_a_load_that_broke_off_is_begun_anew(tmp_path: Path) -> None:
    """Nothing of the first half is left, and nothing is counted twice."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign, _ = await store.enter("news", "hash", "{}", NOW)

        async def break_off() -> None:
            async with store.loading(campaign, NOW) as loader:
                for row in people(3):
                    await loader.add(row)
                await loader.add(Exclusion("x@example.com", "no_consent"))
                await loader.flush()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await break_off()
        assert not (await store.campaign(campaign.key)).loaded
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(2))
        counts = await store.counts(campaign.key)
        assert (counts.eligible, counts.excluded) == (2, 0)
        with pytest.raises(InternalError, match="loaded already"):
            async with store.loading(campaign, NOW):
                pass


async def test_only_a_sending_campaign_leases(tmp_path: Path) -> None:
    """A pause that another process writes stops the very next lease."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(5))
        first = await store.lease(campaign.key, NOW, 2)
        assert [held.address for held in first.leases] == ["user0@example.net", "user1@example.net"]
        assert first.leases[0].fields == {"email": "user0@example.net"}
        assert (first.leases[0].number, first.leases[0].line) == (1, 2)
        with visit_store(path) as visit:
            assert visit.is_owned
            assert visit.pause(campaign, NOW, "coffee")
        assert await store.state(campaign.key) is CampaignState.PAUSED
        assert not (await store.lease(campaign.key, NOW, 2)).leases
        with visit_store(path) as visit:
            assert visit.resume(campaign, NOW)
            assert not visit.resume(campaign, NOW)
        assert await store.change(campaign.key, CampaignState.SENDING, NOW)
        assert len((await store.lease(campaign.key, NOW, 9)).leases) == 3


async def test_every_outcome_finds_its_count_and_its_line(tmp_path: Path) -> None:
    """Delivered, bounced hard and soft, deferred, not sent, unknown."""
    path = tmp_path / "s.db"
    lost = Unknown("the connection was reset", PEER)
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(6))
        leases = (await store.lease(campaign.key, NOW, 6)).leases
        outcomes: list[Outcome] = [DELIVERED, HARD, SOFT, deferred(NOW + 5 * MINUTE), SILENT, lost]
        for held, outcome in zip(leases, outcomes, strict=True):
            if outcome in (DELIVERED, SOFT, lost):
                await store.commit(held, PEER, f"<{held.recipient}@example.com>", "d" * 64, NOW)
            await store.settle(held, outcome, NOW + MINUTE)
        counts = await store.counts(campaign.key)
        assert counts.bounces_by == {"mailbox_full": 1, "unknown_user": 1}
        assert (counts.bounced_hard, counts.bounced_soft) == (1, 1)
        for state in (State.DELIVERED, State.DEFERRED, State.NOT_SENT, State.UNKNOWN):
            assert counts.of(state) == 1
        assert counts.eligible == 6
        standing = await store.standing(campaign.key)
        assert (standing.due, standing.in_flight, standing.unknown) == (NOW + 5 * MINUTE, 0, 1)
        assert not standing.is_finished
    with visit_store(path) as visit:
        lines = list(visit.log(campaign))
        assert [line.event for line in lines] == [
            "delivered", "bounced", "bounced", "deferred", "not_sent", "unknown"
        ]  # fmt: skip
        assert (lines[0].code, lines[0].enhanced, lines[0].tls) == (250, "2.0.0", "TLSv1.3 (dane)")
        assert lines[0].message_id == "<1@example.com>"
        assert (lines[1].category, lines[1].hard, lines[1].mx) == (
            "unknown_user", True, "mx.example.net",
        )  # fmt: skip
        assert lines[3].next == NOW + 5 * MINUTE
        assert lines[4].text == "connection timed out"
        held_back = visit.unknown(campaign)
        assert [(one.address, one.since, one.mx) for one in held_back] == [
            ("user5@example.net", NOW, "mx.example.net")
        ]
        bounced = list(visit.recipients(campaign, State.BOUNCED, "unknown_user"))
        assert [one.address for one in bounced] == ["user1@example.net"]


async def test_what_is_deferred_comes_back_with_its_history(tmp_path: Path) -> None:
    """Not before it is due; the same Message-ID; the first attempt is remembered."""
    async with open_store(tmp_path / "s.db") as store:
        campaign = await campaign_with(store, people(1))
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        await store.commit(held, PEER, "<id@example.com>", "d" * 64, NOW)
        await store.settle(held, deferred(NOW + 5 * MINUTE), NOW + MINUTE)
        assert not (await store.lease(campaign.key, NOW + 4 * MINUTE, 1)).leases
        (again,) = (await store.lease(campaign.key, NOW + 5 * MINUTE, 1)).leases
        assert (again.number, again.message_id) == (2, "<id@example.com>")
        assert (again.history.first, again.history.failures) == (NOW, 1)
        assert (again.history.answered, again.history.reason) == (True, "greylisted")
        with pytest.raises(InternalError, match="is over"):
            await store.settle(held, DELIVERED, NOW)


async def test_nothing_is_attempted_after_72_hours(tmp_path: Path) -> None:
    """Who is due only then ends: a soft bounce after deferrals, else not sent."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(3))
        one, two, three = (await store.lease(campaign.key, NOW, 3)).leases
        await store.settle(one, deferred(NOW + 71 * 60 * MINUTE), NOW)
        await store.settle(two, NotSent("timed out", NOW + 71 * 60 * MINUTE), NOW)
        await store.settle(three, NotSent("timed out", NOW + 71 * 60 * MINUTE), NOW)
        (back,) = (await store.lease(campaign.key, NOW + END - MINUTE, 1)).leases
        await store.release(back, NOW + END)
        late = await store.lease(campaign.key, NOW + END, 9)
        assert (late.leases, late.expired) == ((), 3)
        counts = await store.counts(campaign.key)
        assert counts.bounces_by == {"greylisted": 1}
        assert (counts.bounced_soft, counts.of(State.NOT_SENT)) == (1, 2)
        assert (await store.standing(campaign.key)).is_finished
    with visit_store(path) as visit:
        events = [(line.recipient[:5], line.event, line.attempt) for line in visit.log(campaign)]
        assert events[3:] == [
            ("user1", "not_sent", 1), ("user2", "not_sent", 1), ("user0", "bounced", 1)
        ] or sorted(events[3:]) == [
            ("user0", "bounced", 1), ("user1", "not_sent", 1), ("user2", "not_sent", 1)
        ]  # fmt: skip


async def test_a_clock_set_back_keeps_nobody_waiting(tmp_path: Path) -> None:
    """What is due further off than anything can be put off is due now."""
    async with open_store(tmp_path / "s.db") as store:
        campaign = await campaign_with(store, people(1))
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        await store.settle(held, deferred(NOW + 5 * MINUTE), NOW)
        past = NOW - timedelta(days=400)
        (again,) = (await store.lease(campaign.key, past, 1)).leases
        await store.settle(again, deferred(past + 10 * MINUTE), past)
        (third,) = (await store.lease(campaign.key, past + 10 * MINUTE, 1)).leases
        assert third.history.first == past


async def test_a_released_lease_never_was(tmp_path: Path) -> None:
    """The next lease has the same number, and the log knows nothing of the first."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(1))
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        await store.release(held, NOW)
        (again,) = (await store.lease(campaign.key, NOW, 1)).leases
        assert again.number == 1
        await store.exclude(again, "render_error", "line 3: 'x' is undefined", NOW)
        counts = await store.counts(campaign.key)
        assert (counts.eligible, counts.excluded_by) == (0, {"render_error": 1})
        assert (await store.standing(campaign.key)).is_finished
    with visit_store(path) as visit:
        (line,) = visit.log(campaign)
        assert (line.event, line.category) == ("excluded", "render_error")
        assert line.text == "line 3: 'x' is undefined"


async def test_who_is_suppressed_meanwhile_is_not_mailed(tmp_path: Path) -> None:
    """A one-click unsubscribe between two attempts ends the second before it begins."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign = await campaign_with(store, people(3))
        with visit_store(path) as visit:
            assert visit.suppress("address", "user1@example.net", "unsubscribed", NOW)
            assert not visit.suppress("address", "USER1@example.net", "again", NOW)
        leased = await store.lease(campaign.key, NOW, 3)
        assert [held.address for held in leased.leases] == [
            "user0@example.net",
            "user2@example.net",
        ]
        assert leased.suppressed == 1
        assert (await store.counts(campaign.key)).excluded_by == {"suppressed": 1}


async def test_leases_by_domain(tmp_path: Path) -> None:
    """Domains that wait are found by jumps, in order, and leased from one by one."""
    async with open_store(tmp_path / "s.db") as store:
        rows = [row for d in "cab" for row in people(3, f"{d}.example")]
        campaign = await campaign_with(store, rows)
        assert await store.due_domains(campaign.key) == [
            ("a.example", NOW), ("b.example", NOW), ("c.example", NOW)
        ]  # fmt: skip
        assert await store.due_domains(campaign.key, "a.example", 1) == [("b.example", NOW)]
        leased = await store.lease(campaign.key, NOW, 9, "b.example")
        assert {held.domain for held in leased.leases} == {"b.example"}
        assert len(leased.leases) == 3
        assert [d for d, _ in await store.due_domains(campaign.key)] == ["a.example", "c.example"]


async def test_no_outcome_without_its_commit_record(tmp_path: Path) -> None:
    """Delivered and unknown are written only over a commit record; nothing final is left again."""
    async with open_store(tmp_path / "s.db") as store:
        campaign = await campaign_with(store, people(2))
        one, two = (await store.lease(campaign.key, NOW, 2)).leases
        for outcome in (DELIVERED, Unknown("reset", PEER)):
            with pytest.raises(InternalError, match="leased cannot take the step"):
                await store.settle(one, outcome, NOW)
        await store.commit(one, PEER, "<1@example.com>", "d", NOW)
        with pytest.raises(InternalError, match="committing cannot take the step commit"):
            await store.commit(one, PEER, "<1@example.com>", "d", NOW)
        with pytest.raises(InternalError, match="committing cannot take the step release"):
            await store.release(one, NOW)
        with pytest.raises(InternalError, match="give_up"):
            await store.settle(one, SILENT, NOW)
        await store.settle(one, DELIVERED, NOW)
        with pytest.raises(InternalError, match="delivered cannot"):
            await store.settle(one, HARD, NOW)
        await store.settle(two, HARD, NOW)


async def test_hostile_texts_are_kept(tmp_path: Path) -> None:
    """Octets that are no UTF-8, a reply without end: written, cut, read again."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        campaign = await campaign_with(
            store, [*people(1), Exclusion("\udcff" * 99_999, "invalid_address")]
        )
        (held,) = (await store.lease(campaign.key, NOW, 1)).leases
        await store.settle(held, NotSent("\udce4\x00\x1b[31m" + "x" * 99_999, None), NOW)
    with visit_store(path) as visit:
        bad, line = visit.log(campaign)
        assert line.text is not None
        assert line.text.startswith("\\udce4\x00\x1b[31mxxx")
        assert len(line.text) < 2100
        assert len(bad.recipient) < 3000


async def test_audits_are_kept_with_what_they_rest_on(tmp_path: Path) -> None:
    """The latest, or the latest that was so decided."""
    async with open_store(tmp_path / "s.db") as store:
        campaign, _ = await store.enter("news", "hash", "{}", NOW)
        assert await store.last_audit(campaign.key) is None
        await store.keep_audit(campaign.key, NOW, "allow", '{"a":1}', '{"r":1}')
        await store.keep_audit(campaign.key, NOW + MINUTE, "hold", "{}", "{}")
        last, passed = await asyncio.gather(
            store.last_audit(campaign.key), store.last_audit(campaign.key, "allow")
        )
        assert last is not None
        assert passed is not None
        assert (last.decision, last.time) == ("hold", NOW + MINUTE)
        assert (passed.time, passed.report, passed.recording) == (NOW, '{"a":1}', '{"r":1}')


async def test_the_secret_is_made_once(tmp_path: Path) -> None:
    """It stays with the store; another one may be given, if it is long enough."""
    path = tmp_path / "s.db"
    async with open_store(path) as store:
        secret = store.secret
        assert len(secret) == 32
    async with open_store(path) as store:
        assert store.secret == secret
    async with open_store(path, secret="sixteen letters!") as store:
        assert len(store.secret) == 32
        assert store.secret != secret
    with pytest.raises(ConfigError, match="at least 16"):
        open_store(path, secret="short")


def test_a_store_from_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """It says so, to the sender and to visitors, and changes nothing."""
    path = tmp_path / "s.db"
    open_store(path).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    before = path.read_bytes()
    for opening in (open_store, visit_store):
        with pytest.raises(StoreOpenError, match="newer version of sendgate"):
            opening(path)
    assert path.read_bytes() == before


def test_an_older_store_is_brought_up_to_date(tmp_path: Path) -> None:
    """Migrations that are missing are applied, all or none."""
    path = tmp_path / "s.db"
    open_store(path).close()
    connection = connect(path)
    more = (*MIGRATIONS, "CREATE TABLE extra (x);\nINSERT INTO extra VALUES (7);")
    with pytest.raises(StoreOpenError, match="cannot be made a store"):
        ready(connection, path, (*more, "CREATE TABLE extra (x);"))
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    ready(connection, path, more)
    ready(connection, path, more)
    assert connection.execute("SELECT x FROM extra").fetchall() == [(7,)]
    connection.close()


@pytest.mark.parametrize("content", [b"no database at all" * 99, "foreign"])
def test_what_is_no_store_is_refused(tmp_path: Path, content: bytes | str) -> None:
    """Some other file, some other program's database: neither is touched."""
    path = tmp_path / "s.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        raw = sqlite3.connect(path)
        raw.execute("CREATE TABLE theirs (x)")
        raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreOpenError, match=re.escape(str(path))):
        open_store(path)
    assert path.read_bytes() == before


# Tables of few rows, a look at one row, and the index of those in flight.
ALLOWED = {"SCAN c", "SCAN CONSTANT ROW", "SCAN suppression", "SCAN r USING INDEX held"}


async def test_queries_that_run_often_use_an_index(tmp_path: Path) -> None:
    """No lease, no look at what is left, no recovery walks over all recipients."""
    path = tmp_path / "s.db"
    open_store(path).close()
    connection = connect(path)
    said: list[str] = []

    def note(statement: str) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE recipient SET state = 'cancelled'")):
            said.append(statement)

    from sendgate.send.store import aftermath, campaigns, leases, log

    campaigns.enter(connection, "news", "hash", "{}", NOW)
    connection.execute("UPDATE campaign SET state = 'sending', loaded = 1")
    connection.set_trace_callback(note)
    leases.lease(connection, 1, NOW, 5)
    leases.lease(connection, 1, NOW, 5, "example.net")
    leases.due_domains(connection, 1, "", 5)
    campaigns.standing(connection, 1)
    campaigns.counts(connection, 1)
    log.unknown(connection, 1)
    campaigns.cancel_waiting(connection, 5)
    aftermath.recover(connection, NOW)
    connection.set_trace_callback(None)
    assert len(said) >= 8
    for statement in said:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        scans = {line for line in plan if line.startswith("SCAN")}
        assert scans <= ALLOWED, (statement, plan)
        # By campaign and address alone would be a walk over all recipients of the campaign.
        assert not [line for line in plan if "autoindex_recipient" in line], (statement, plan)
        if "LEFT JOIN attempt" not in statement:  # the unknown, few, are sorted
            assert not [line for line in plan if "TEMP B-TREE" in line], (statement, plan)
    connection.close()

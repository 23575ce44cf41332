"""The state machine of a recipient, alone and as the store carries it out."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from stores import DELIVERED, HARD, NOW, PEER, SILENT, SOFT, deferred, people

from sendgate.errors import InternalError
from sendgate.send.outcome import NotSent, Outcome, Unknown
from sendgate.send.schedule import END
from sendgate.send.state import (
    CAMPAIGN_STEPS,
    FINAL,
    IN_FLIGHT,
    STEPS,
    CampaignState,
    Event,
    State,
    event_of,
    step,
)
from sendgate.send.store import Lease, Resolution, aftermath, campaigns, leases, loading
from sendgate.send.store.schema import MIGRATIONS


def test_a_final_state_is_final() -> None:
    """No event leads out of it, and every other state has a way out."""
    for state, event in itertools.product(State, Event):
        if state in FINAL or event not in STEPS[state]:
            with pytest.raises(InternalError, match=f"{state} cannot take the step {event}"):
                step(state, event)
    assert all(bool(STEPS[state]) != (state in FINAL) for state in State)


def test_only_a_commit_record_leads_to_delivered_or_unknown() -> None:
    """Nothing may be counted as sent that could not have been, nor be lost from sight."""
    for state, event in itertools.product(State, Event):
        after = STEPS[state].get(event)
        if after is State.UNKNOWN:
            assert state is State.COMMITTING
        if after is State.DELIVERED:
            assert state in {State.COMMITTING, State.UNKNOWN}


def test_what_may_have_arrived_is_never_sent_again_by_itself() -> None:
    """From committing, unknown and delivered, only a receiver's no or a person's word leads back.

    A deferral in answer to the final dot is a definite no (RFC 5321 section 4.2.5).
    """
    back = {State.QUEUED, State.LEASED, State.DEFERRED}
    ways = {
        (state, event)
        for state in (State.COMMITTING, State.UNKNOWN, State.DELIVERED)
        for event, after in STEPS[state].items()
        if after in back
    }
    assert ways == {(State.COMMITTING, Event.DEFER), (State.UNKNOWN, Event.RESEND)}


def test_recovery_settles_what_was_in_flight() -> None:
    """Before the commit record: again. After it: unknown."""
    assert {state for state in State if Event.RECOVER in STEPS[state]} == IN_FLIGHT
    assert step(State.LEASED, Event.RECOVER) is State.QUEUED
    assert step(State.COMMITTING, Event.RECOVER) is State.UNKNOWN


def test_every_state_is_reached_and_every_campaign_state_named() -> None:
    """The tables have no gaps."""
    reached = {after for steps in STEPS.values() for after in steps.values()}
    assert reached == set(State)
    assert set(CAMPAIGN_STEPS) == set(CampaignState)
    assert CAMPAIGN_STEPS[CampaignState.CANCELLED] == frozenset()


def test_no_answer_with_a_next_try_is_a_deferral() -> None:
    """Only the last one ends as not sent."""
    assert event_of(NotSent("timeout", NOW)) is Event.DEFER
    assert event_of(SILENT) is Event.GIVE_UP


class StoreAgainstModel(RuleBasedStateMachine):
    """Drives the store's own SQL by random steps beside a model of a few lines."""

    def __init__(self) -> None:
        super().__init__()
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript("".join(MIGRATIONS))
        self.now: datetime = NOW
        self.model: dict[str, State] = {}
        self.held: dict[str, Lease] = {}
        self.accepted: dict[str, int] = {}
        self.key = 0

    @initialize(count=st.integers(1, 6))
    def load(self, count: int) -> None:
        campaign, _ = campaigns.enter(self.db, "news", "hash", "{}", self.now)
        self.key = campaign.key
        loading.start_load(self.db, self.key)
        loading.load(self.db, self.key, people(count), self.now)
        loading.finish_load(self.db, self.key)
        self.model = {row.address: State.QUEUED for row in people(count)}
        self.accepted = dict.fromkeys(self.model, 0)
        self.send()

    def send(self) -> None:
        campaigns.change(self.db, self.key, CampaignState.SENDING, self.now)

    @property
    def cancelled(self) -> bool:
        return campaigns.state_of(self.db, self.key) is CampaignState.CANCELLED

    @rule(minutes=st.integers(-600, 3000))
    def time_goes_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(limit=st.integers(1, 3))
    def lease(self, limit: int) -> None:
        before = dict(self.model)
        leased = leases.lease(self.db, self.key, self.now, limit)
        assert len(leased.leases) + leased.expired <= limit
        for held in leased.leases:
            assert before[held.address] in {State.QUEUED, State.DEFERRED}
            assert held.history.first is None or self.now - held.history.first < END
            self.model[held.address] = State.LEASED
            self.held[held.address] = held
        if leased.expired:
            self.take_over(State.DEFERRED, State.QUEUED, into={State.BOUNCED, State.NOT_SENT})

    def take_over(self, *sources: State, into: set[State]) -> None:
        for address, state in self.stored().items():
            if state is not self.model[address]:
                assert self.model[address] in sources
                assert state in into
                self.model[address] = state

    def of(self, *states: State) -> list[Lease]:
        return [held for a, held in self.held.items() if self.model[a] in states]

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        if ready := self.of(State.LEASED):
            held = data.draw(st.sampled_from(ready))
            leases.commit(self.db, held, PEER, "<id>", "d", self.now)
            self.model[held.address] = State.COMMITTING

    @rule(data=st.data(), minutes=st.integers(1, 500))
    def settle(self, data: st.DataObject, minutes: int) -> None:
        later = self.now + timedelta(minutes=minutes)
        outcomes: list[Outcome] = [
            DELIVERED, HARD, SOFT, deferred(later), SILENT, NotSent("silence", later),
            Unknown("reset", PEER),
        ]  # fmt: skip
        if not (ready := self.of(State.LEASED, State.COMMITTING)):
            return
        held, outcome = data.draw(st.sampled_from(ready)), data.draw(st.sampled_from(outcomes))
        after = STEPS[self.model[held.address]].get(event_of(outcome))
        if after is None:
            with pytest.raises(InternalError):
                leases.settle(self.db, held, outcome, self.now)
            return
        if after is State.DEFERRED and self.cancelled:
            after = State.CANCELLED
        assert leases.settle(self.db, held, outcome, self.now) is after
        self.model[held.address] = after
        self.accepted[held.address] += outcome is DELIVERED

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if ready := self.of(State.LEASED):
            held = data.draw(st.sampled_from(ready))
            leases.release(self.db, held, self.now)
            self.model[held.address] = State.CANCELLED if self.cancelled else State.QUEUED

    @rule()
    def crash(self) -> None:
        aftermath.recover(self.db, self.now)
        for address, state in self.model.items():
            if state is State.COMMITTING:
                self.model[address] = State.UNKNOWN
            if state is State.LEASED:
                self.model[address] = State.CANCELLED if self.cancelled else State.QUEUED
        self.send()

    @rule(how=st.sampled_from(Resolution))
    def resolve(self, how: Resolution) -> None:
        if self.cancelled:
            return
        aftermath.resolve(self.db, self.key, how, self.now)
        into = State.QUEUED if how is Resolution.RESEND else State.DELIVERED
        for address, state in self.model.items():
            if state is State.UNKNOWN:
                self.model[address] = into

    @rule(really=st.sampled_from([False] * 9 + [True]))
    def cancel(self, really: bool) -> None:
        if really and campaigns.cancel(self.db, self.key, self.now):
            while campaigns.cancel_waiting(self.db, 2):
                pass
            for address, state in self.model.items():
                if state in {State.QUEUED, State.DEFERRED}:
                    self.model[address] = State.CANCELLED

    def stored(self) -> dict[str, State]:
        rows: list[tuple[str, str]] = self.db.execute(
            "SELECT address, state FROM recipient"
        ).fetchall()
        return {address: State(state) for address, state in rows}

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        assert self.stored() == self.model

    @invariant()
    def the_numbers_are_those_of_a_count(self) -> None:
        if not self.key:
            return
        counted: dict[Any, int] = dict(
            self.db.execute("SELECT state, count(*) FROM recipient GROUP BY state").fetchall()
        )
        counts = campaigns.counts(self.db, self.key)
        assert {str(state): number for state, number in counts.states.items()} == counted
        assert sum(counts.bounces_by.values()) == counts.of(State.BOUNCED)
        assert counts.eligible == len(self.model)

    @invariant()
    def who_waits_is_due_and_nobody_else(self) -> None:
        rows = self.db.execute("SELECT state, due IS NOT NULL FROM recipient").fetchall()
        for state, is_due in rows:
            assert bool(is_due) == (state in {"queued", "deferred"})

    @invariant()
    def nobody_is_accepted_twice(self) -> None:
        assert all(number <= 1 for number in self.accepted.values())

    def teardown(self) -> None:
        self.db.close()


StoreAgainstModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
test_the_store_keeps_to_the_machine = StoreAgainstModel.TestCase

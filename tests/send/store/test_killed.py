"""Killed at the worst moment: a campaign whose sender dies again and again loses nobody.

SENDGATE_KILLS and SENDGATE_RECIPIENTS make it as long as wanted; by default it is short.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from store_child import CONNECTIONS, STEPS, Plan, run
from stores import NOW

from sendgate.errors import StoreOpenError
from sendgate.send.state import State
from sendgate.send.store import Resolution, open_store, visit_store

KILLS = int(os.environ.get("SENDGATE_KILLS", "24"))
RECIPIENTS = int(os.environ.get("SENDGATE_RECIPIENTS", "200"))
FATAL = {"leased", "committed", "accepted", "settled", "released", "any"}

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["store_child"])


def start(plan: Plan) -> multiprocessing.context.ForkServerProcess:
    process = CONTEXT.Process(target=run, args=(plan,), daemon=True)
    process.start()
    return process


def finish(plan: Plan) -> None:
    """Run to the end; what no kill interrupts ends well."""
    process = start(plan)
    process.join(120)
    assert process.exitcode == 0


def deaths(plan: Plan, dice: random.Random) -> Counter[str]:
    """Kill the sender over and over, at each named step in turn and at random moments.

    A campaign that comes to its end in between is followed by another one, until enough
    have died; the last one is left as it is.
    """
    died: Counter[str] = Counter()
    share = max(2, plan.recipients // KILLS)
    most = {"opened": 1, "loading": plan.recipients // 100, "leased": 1, "released": 2}
    runs = 0
    while died.total() < KILLS:
        step = (*STEPS, "any")[runs % (len(STEPS) + 1)]
        if step == "any":
            process = start(plan)
            time.sleep(dice.uniform(0.01, 0.06))
            process.kill()
        else:
            times = dice.randint(1, most.get(step, share))
            process = start(Plan(**{**vars(plan), "kill": (step, times)}))
        process.join(60)
        assert process.exitcode in {0, -signal.SIGKILL}, step
        runs += 1
        if process.exitcode:
            died[step] += 1
        else:
            plan.name = f"killed-{runs}"
    return died


def outcome(plan: Plan) -> tuple[dict[str, State], Counter[str]]:
    """Where the recipients of all campaigns stand, and how often each was accepted."""
    stands: dict[str, State] = {}
    with visit_store(plan.store) as visit:
        for campaign in visit.campaigns():
            found = [(one.address, one.state) for one in visit.recipients(campaign)]
            stands |= {f"{campaign.name}/{address}": state for address, state in found}
            counts = visit.counts(campaign)
            assert counts.eligible == len(dict(found)) == len(found) == plan.recipients
            assert counts.excluded_by == {"no_consent": 1}
            kept = {state: number for state, number in counts.states.items() if number}
            assert Counter(state for _, state in found) == kept
    return stands, Counter(Path(plan.accepted).read_text("ascii").split())


def test_nobody_is_lost_and_nobody_gets_two(tmp_path: Path) -> None:
    """However often and wherever the sender dies."""
    dice = random.Random(os.environ.get("SENDGATE_SEED", "7"))
    plan = Plan(str(tmp_path / "s.db"), str(tmp_path / "accepted"), RECIPIENTS)
    died = deaths(plan, dice)
    finish(plan)
    stands, accepted = outcome(plan)
    assert set(stands.values()) <= {State.DELIVERED, State.BOUNCED, State.UNKNOWN}
    assert max(accepted.values()) == 1
    delivered = {address for address, state in stands.items() if state is State.DELIVERED}
    unknown = {address for address, state in stands.items() if state is State.UNKNOWN}
    assert delivered <= set(accepted) <= delivered | unknown
    fatal = sum(number for step, number in died.items() if step in FATAL)
    assert len(unknown) <= fatal * CONNECTIONS
    print(f"\nkilled {dict(died)}: of {len(stands)} recipients {len(accepted)} accepted once,")
    print(f"{len(unknown)} unknown, {len(unknown & set(accepted))} of them accepted")


@pytest.mark.parametrize(
    ("step", "is_unknown", "was_accepted"),
    [
        ("leased", False, False),
        ("committed", True, False),
        ("accepted", True, True),
        ("settled", False, True),
    ],
)
def test_one_death_at_each_step(
    tmp_path: Path, step: str, is_unknown: bool, was_accepted: bool
) -> None:
    """Unknown exactly between the commit record and the outcome; else known and right."""
    plan = Plan(str(tmp_path / "s.db"), str(tmp_path / "accepted"), 1)
    process = start(Plan(**{**vars(plan), "kill": (step, 1)}))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    stands, accepted = outcome(plan)
    (state,) = stands.values()
    assert (state is State.UNKNOWN) == is_unknown
    assert accepted.total() == was_accepted
    finish(plan)
    stands, accepted = outcome(plan)
    expected = State.UNKNOWN if is_unknown else State.DELIVERED
    assert set(stands.values()) == {expected}
    assert accepted.total() == (was_accepted or not is_unknown)
    if is_unknown:
        with visit_store(plan.store) as visit:
            campaign = visit.campaign("killed")
            (held,) = visit.unknown(campaign)
            assert (held.mx, held.message_id) == ("mx.example.net", "<1@x>")
            assert "commit record" in held.detail
            how = Resolution.ASSUME_DELIVERED if was_accepted else Resolution.RESEND
            assert visit.resolve(campaign, how, NOW) == 1
        finish(plan)
        stands, accepted = outcome(plan)
        assert set(stands.values()) == {State.DELIVERED}
        assert accepted.total() == 1


def test_a_disk_that_fills_up_stops_before_the_dot(tmp_path: Path) -> None:
    """The kernel refuses to let the files grow; with room again, the campaign goes on."""
    plan = Plan(str(tmp_path / "s.db"), str(tmp_path / "accepted"), 300)
    process = start(Plan(**{**vars(plan), "kill": ("leased", 1)}))
    process.join(60)
    full = 0
    for room in (60_000, 120_000, 200_000, 300_000):
        process = start(Plan(**{**vars(plan), "file_size": room}))
        process.join(60)
        assert process.exitcode in {0, 2, 5}
        full += process.exitcode == 5
    assert full >= 1
    finish(plan)
    stands, accepted = outcome(plan)
    assert max(accepted.values()) == 1
    delivered = {address for address, state in stands.items() if state is State.DELIVERED}
    unknown = {address for address, state in stands.items() if state is State.UNKNOWN}
    assert delivered <= set(accepted) <= delivered | unknown
    assert set(stands.values()) <= {State.DELIVERED, State.BOUNCED, State.UNKNOWN}


def test_the_second_process_says_so_and_stops(tmp_path: Path) -> None:
    """One store, one sender; the lock ends with its process, however that ends."""
    plan = Plan(str(tmp_path / "s.db"), str(tmp_path / "accepted"), 20_000)
    process = start(plan)
    until = time.monotonic() + 30
    accepted = Path(plan.accepted)
    while not (accepted.exists() and accepted.stat().st_size) and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(StoreOpenError, match=rf"is in use: .*\(process {process.pid}\)"):
        open_store(plan.store)
    link = tmp_path / "link.db"
    link.symlink_to(plan.store)
    with pytest.raises(StoreOpenError, match=rf"is in use: .*\(process {process.pid}\)"):
        open_store(link)
    with visit_store(plan.store) as visit:
        assert visit.is_owned
        campaign = visit.campaign("killed")
        assert visit.counts(campaign).eligible == 20_000
        assert visit.cancel(campaign, NOW)
    process.kill()
    process.join(30)
    with visit_store(plan.store) as visit:
        assert not visit.is_owned
        standing = visit.standing(visit.campaign("killed"))
        assert standing.is_finished
    open_store(plan.store).close()

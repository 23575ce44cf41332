"""MTA-STS policies that a store keeps: in force for their time, in whichever run."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from stores import NOW

from sendgate.dns.answers import Answer, Question, Rdata, Reason, Txt
from sendgate.dns.double import DnsDouble
from sendgate.mtasts.fetch import Unavailable
from sendgate.mtasts.policies import Policies
from sendgate.mtasts.record import Mode, Policy
from sendgate.names import Domain
from sendgate.send.store import PolicyShelf, Store, open_store

DOMAIN = Domain("example.com")
DAY = timedelta(days=1)
ENFORCE = Policy(Mode.ENFORCE, 7 * 86_400, ("mx.example.com", "*.example.net"))


class World:
    """A record and a policy host, both of which may fail."""

    def __init__(self) -> None:
        self.policy: Policy | None = ENFORCE
        self.text: str | None = "v=STSv1; id=1;"
        self.fetches = 0

    async def ask(self, question: Question) -> Answer:
        table: dict[tuple[str, str], list[Rdata] | Reason] = {}
        name = (question.name.text, "TXT")
        table[name] = Reason.SERVFAIL if self.text is None else [Txt((self.text.encode(),))]
        return await DnsDouble(table).ask(question)

    async def fetch(self, domain: Domain) -> Policy | Unavailable:
        self.fetches += 1
        return self.policy or Unavailable("down")

    async def find(self, store: Store, now: datetime) -> Policy | None:
        """What a run that begins with this store has in force at `now`."""
        shelf = PolicyShelf(store)
        return await Policies(self, self, clock=lambda: now, shelf=shelf).find(DOMAIN)


async def test_a_policy_holds_after_a_restart(tmp_path: Path) -> None:
    """Neither a policy host that is down nor failing DNS ends it before its age is over."""
    world, path = World(), tmp_path / "s.db"
    async with open_store(path) as store:
        assert await world.find(store, NOW) == ENFORCE
    world.policy = None
    async with open_store(path) as store:
        for text in ("v=STSv1; id=1;", "v=STSv1; id=2;", None):
            world.text = text
            assert await world.find(store, NOW + 2 * DAY) == ENFORCE
        assert await world.find(store, NOW + 7 * DAY - timedelta(seconds=1)) == ENFORCE
        assert await world.find(store, NOW + 7 * DAY) is None


async def test_a_policy_that_is_kept_is_not_fetched_again(tmp_path: Path) -> None:
    """Under the same id, on the same day: a restart costs no call."""
    world = World()
    async with open_store(tmp_path / "s.db") as store:
        assert await world.find(store, NOW) == ENFORCE
        assert await world.find(store, NOW + timedelta(hours=20)) == ENFORCE
        assert world.fetches == 1
        assert await world.find(store, NOW + DAY) == ENFORCE
        assert world.fetches == 2


async def test_a_new_policy_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """Also one that ends it: mode none holds after a restart, too."""
    world = World()
    async with open_store(tmp_path / "s.db") as store:
        assert await world.find(store, NOW) == ENFORCE
        world.policy, world.text = Policy(Mode.NONE, 86_400), "v=STSv1; id=2;"
        assert await world.find(store, NOW + timedelta(minutes=1)) is None
        world.policy, world.text = None, None
        assert await world.find(store, NOW + timedelta(minutes=2)) is None


async def test_a_clock_that_was_set_back_keeps_a_policy_in_force(tmp_path: Path) -> None:
    """A policy from the future is no less a policy."""
    world = World()
    async with open_store(tmp_path / "s.db") as store:
        assert await world.find(store, NOW) == ENFORCE
        world.policy = None
        assert await world.find(store, NOW - 30 * DAY) == ENFORCE

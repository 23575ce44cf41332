"""Which policy is in force, by a clock that the test holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sendgate.dns.answers import Answer, Question, Rdata, Reason, Txt
from sendgate.dns.double import DnsDouble
from sendgate.mtasts.fetch import Unavailable
from sendgate.mtasts.policies import Policies
from sendgate.mtasts.record import Mode, Policy
from sendgate.names import Domain

DOMAIN = Domain("example.com")
NAME = ("_mta-sts.example.com", "TXT")
ENFORCE = Policy(Mode.ENFORCE, 600_000, ("mx.example.com",))
OTHER = Policy(Mode.ENFORCE, 600_000, ("mx.example.net",))
NONE = Policy(Mode.NONE, 600_000)


class World:
    """A record, a policy host and a clock, all of which a test may change."""

    def __init__(self, policy: Policy | None, capacity: int = 10) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.policy = policy
        self.fetches = 0
        self.texts: list[str] | Reason | None = ["v=STSv1; id=1;"]
        self.policies = Policies(self, self, clock=lambda: self.now, capacity=capacity)

    async def ask(self, question: Question) -> Answer:
        table: dict[tuple[str, str], list[Rdata] | Reason] = {}
        if self.texts is not None:
            name = (question.name.text, "TXT")
            texts = self.texts
            table[name] = (
                texts if isinstance(texts, Reason) else [Txt((t.encode(),)) for t in texts]
            )
        return await DnsDouble(table).ask(question)

    async def fetch(self, domain: Domain) -> Policy | Unavailable:
        self.fetches += 1
        return self.policy or Unavailable("down")

    async def find(self, after: timedelta = timedelta(), domain: Domain = DOMAIN) -> Policy | None:
        self.now += after
        return await self.policies.find(domain)


async def test_one_fetch_for_an_id_then_one_a_day() -> None:
    """A policy is kept under its id and renewed long before it runs out."""
    world = World(ENFORCE)
    assert await world.find() == ENFORCE
    assert await world.find(timedelta(hours=23)) == ENFORCE
    assert world.fetches == 1
    assert await world.find(timedelta(hours=1)) == ENFORCE
    assert world.fetches == 2


async def test_a_new_id_brings_a_new_policy_at_once() -> None:
    """The id is how a domain says that its policy has changed."""
    world = World(ENFORCE)
    await world.find()
    world.policy, world.texts = OTHER, ["v=STSv1; id=2;"]
    assert await world.find(timedelta(seconds=1)) == OTHER


async def test_a_policy_holds_until_its_age_is_over_whatever_is_suppressed() -> None:
    """No record, failing DNS, a dead policy host: none of them ends a policy early."""
    world = World(ENFORCE)
    await world.find()
    world.policy = None
    for texts in (None, Reason.SERVFAIL, ["v=STSv1; id=2;"], ["v=STSv1; id=1;"]):
        world.texts = texts
        assert await world.find(timedelta(days=1)) == ENFORCE
    assert await world.find(timedelta(seconds=600_000)) is None


async def test_a_failing_policy_host_is_left_alone_for_five_minutes() -> None:
    """Mail does not wait for it, and it is not called for every message."""
    world = World(None)
    assert await world.find() is None
    assert await world.find(timedelta(minutes=4)) is None
    assert world.fetches == 1
    world.policy = ENFORCE
    assert await world.find(timedelta(minutes=1)) == ENFORCE


async def test_no_record_no_fetch() -> None:
    """Without a valid record nobody is called; two records are none."""
    world = World(ENFORCE)
    for texts in (None, Reason.TIMEOUT, ["v=STSv1"], ["v=STSv1; id=1", "v=STSv1; id=2"]):
        world.texts = texts
        assert await world.find() is None
    assert world.fetches == 0


async def test_mode_none_takes_a_policy_back() -> None:
    """A domain ends MTA-STS with a last policy of mode none."""
    world = World(ENFORCE)
    await world.find()
    world.policy, world.texts = NONE, ["v=STSv1; id=2;"]
    assert await world.find() is None
    world.policy, world.texts = None, None
    assert await world.find() is None


async def test_a_policy_without_age_holds_for_one_mail() -> None:
    """max_age 0 is legal: it is applied and not kept."""
    world = World(Policy(Mode.ENFORCE, 0, ("mx.example.com",)))
    assert await world.find() is not None
    world.texts = None
    assert await world.find() is None


async def test_what_is_kept_is_bounded() -> None:
    """The domain asked for longest ago is forgotten first."""
    world = World(ENFORCE, capacity=2)
    for name in ("a.example", "b.example", "a.example", "c.example"):
        await world.find(domain=Domain(name))
    world.texts = None
    held = [await world.find(domain=Domain(f"{letter}.example")) for letter in "abc"]
    assert held == [ENFORCE, None, ENFORCE]
